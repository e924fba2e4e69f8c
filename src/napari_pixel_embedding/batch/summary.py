"""What came out of a run: one summary for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.runs.folder import SUMMARY

if TYPE_CHECKING:
    from pathlib import Path

FAILED_TABLE = "failed.csv"
SEAMS_TABLE = "uncertain_seams.csv"


@dataclass(frozen=True)
class Failure:
    """An image, or a block of one, without labels.

    Parameters
    ----------
    image : str
        Name of the image.
    block : int, optional
        Number of the block; None for a whole image.
    pixels : str
        Its pixels, such as ``y 0:2048, x 2048:4096``.
    reason : str
    """

    image: str
    block: int | None
    pixels: str
    reason: str


@dataclass(frozen=True)
class Seam:
    """Objects of two blocks of which one cannot tell whether they are one."""

    image: str
    frame: int
    place: tuple[float, ...]
    labels: tuple[int, int]
    iou: float


@dataclass
class RunSummary:
    """What came out.

    Parameters
    ----------
    objects : dict of str to int
        Objects of each image that was segmented.
    outputs : list of str
        Label images that were written.
    failures : list of Failure
    seams : list of Seam
    notes : list of str
        What is to be said, a sentence each.
    seconds : float
        Wall time.
    stages : dict of str to float
        Seconds of each stage.
    computed : int
        Blocks and images that were segmented by this call; others were there already.
    """

    objects: dict[str, int] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    computed: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing has failed."""
        return not self.failures

    def say(self, *notes: str) -> None:
        """Add sentences, each once."""
        self.notes += [note for note in dict.fromkeys(notes) if note not in self.notes]

    def lines(self, most: int = 20) -> list[str]:
        """Return the summary as lines for people."""
        total, images = sum(self.objects.values()), len(self.objects)
        found = [
            f"{total:,} objects in {images:,} image{'s' * (images != 1)}, {self.seconds:,.0f} s."
        ]
        found += [f"  {name}: {count:,}" for name, count in list(self.objects.items())[:most]]
        if images > most:
            found.append(f"  … and {images - most:,} more images")
        found += [f"Note: {note}" for note in self.notes]
        if self.seams:
            found.append(
                f"{len(self.seams):,} pairs of objects at seams may be one or two: look at them, "
                f"they are listed in {SEAMS_TABLE}."
            )
        for one in self.failures[:most]:
            where = one.image if one.block is None else f"{one.image}, block {one.block}"
            found.append(f"Failed: {where} ({one.pixels}): {one.reason}")
        if len(self.failures) > most:
            found.append(f"… and {len(self.failures) - most:,} more, see {FAILED_TABLE}.")
        if self.failures:
            found.append("Resume computes what has failed, and nothing else.")
        return found

    def save(self, folder: Path) -> None:
        """Write summary and tables to the run's folder."""
        with open_atomically(folder / SUMMARY) as file:
            file.write(json.dumps(asdict(self) | {"seams": len(self.seams)}, indent=1).encode())
        _write_table(
            folder / FAILED_TABLE,
            ("image", "block", "pixels", "reason"),
            [(f.image, f.block, f.pixels, f.reason) for f in self.failures],
        )
        _write_table(
            folder / SEAMS_TABLE,
            ("image", "frame", "place", "first", "second", "iou"),
            [
                (s.image, s.frame, " ".join(f"{x:.0f}" for x in s.place), *s.labels, f"{s.iou:.2f}")
                for s in self.seams
            ],
        )


def _write_table(path: Path, heading: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write a CSV table; one without rows is removed."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(heading)
    lines.writerows(rows)
    with open_atomically(path) as file:
        file.write(text.getvalue().encode())

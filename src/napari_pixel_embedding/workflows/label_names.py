"""Which image files are segmented, and the names of their label files, which never collide."""

from __future__ import annotations

import re
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.io.files import list_images
from napari_pixel_embedding.core.io.tiff.ome_set import one_per_set

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    PathLike = str | os.PathLike[str]

_POSITION = re.compile(r"_position\d+(?=_labels\.tif$)")
"""What tells the label files of an image's positions apart."""


def images_to_segment(
    images: PathLike | Sequence[PathLike], *, recursive: bool = False
) -> Mapping[Path, tuple[Path, ...]]:
    """List the image files among paths, without label images that :func:`segment_files` wrote.

    Of an OME set of several files the first is listed, with the others as its value.

    Raises ValueError or FileNotFoundError where :func:`~.files.list_images` does.
    """
    paths = list_images(images, recursive=recursive)
    results = {path.parent / name for path in paths for name in islice(label_names(path), 3)}
    return one_per_set(
        path for path in paths if path.parent / _POSITION.sub("", path.name) not in results
    )


def label_targets(paths: Sequence[Path], output: PathLike | None) -> dict[Path, Path]:
    """Return the label file of each image; names say what tells images of one name apart."""
    taken: dict[Path, Path] = {}
    for path in dict.fromkeys(paths):
        taken[free_target(path, output, taken)] = path
    return {path: target for target, path in taken.items()}


def free_target(
    path: Path, output: PathLike | None, taken: Mapping[Path, object], position: str = ""
) -> Path:
    """Return the first label file of an image, or of one of its positions, that is not taken."""
    folder = path.parent if output is None else Path(output)
    return next(t for name in label_names(path, position) if (t := folder / name) not in taken)


def position_suffix(number: int, total: int) -> str:
    """Return what the name of a position's label file has in it; names sort as the positions do.

    Examples
    --------
    >>> position_suffix(3, 12)
    '_position03'
    """
    return f"_position{number:0{len(str(total))}d}"


def label_names(path: Path, position: str = "") -> Iterator[str]:
    """Yield names for an image's labels: its own, with its ending, its folder, and a number."""
    end = f"{position}_labels.tif"
    yield f"{path.stem}{end}"
    with_ending = f"{path.stem}_{path.suffix.lower().removeprefix('.')}"
    yield f"{with_ending}{end}"
    with_folder = f"{path.absolute().parent.name}_{with_ending}"
    yield f"{with_folder}{end}"
    yield from (f"{with_folder}_{number}{end}" for number in count(2))

"""Applying a recipe to a folder in a process of its own: the command ``segment`` as a child.

The window stays free, a crash costs no corrections, and stopping takes effect at once. Label files
are written whole or not at all, so nothing is half done.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_pixel_embedding.core.child_process import end_child, lines_of, start_child
from napari_pixel_embedding.core.io.leftovers import PREFIX
from napari_pixel_embedding.core.recipe.recipe_file import save_segmentation_recipe

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Generator, Iterator

    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe

_START = """
from napari_pixel_embedding.cli import main

sys.exit(main(sys.argv[3:]))
"""


def segment_folder(
    recipe: SegmentationRecipe,
    folder: Path,
    output: Path,
    *,
    heartbeat: Callable[[], None] | None = None,
) -> Generator[dict[str, Any], None, None]:
    """Segment the images of a folder as a recipe says; label files that are there stay.

    Parameters
    ----------
    recipe : SegmentationRecipe
    folder, output : Path
        Folder of the images, and of ``NAME_labels.tif``.
    heartbeat : callable, optional
        Called several times a second while waiting; an exception in it ends the process.

    Yields
    ------
    dict
        For each image the fields of :class:`~.workflows.segment.SegmentedFile`, with the number of
        images ``done`` so far and their ``count``. ``close()`` ends the process at once.

    Raises
    ------
    ValueError
        When the command could not begin; the message says why.
    OSError
        When the process was ended from outside, for instance for lack of memory.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place:
        path = save_segmentation_recipe(recipe, Path(place) / "folder")
        with (Path(place) / "log.txt").open("w+b") as log:
            child = start_child(_START, ["segment", str(folder), *_options(path, output)], log)
            seen = False
            try:
                for result in _results(child, heartbeat):
                    seen = True
                    yield result
                code = child.wait()
                if code not in (0, 1):
                    raise OSError(_ending(code, log))
                if code == 1 and not seen:
                    raise ValueError(_last_line(log))
            finally:
                end_child(child)


def _options(recipe: Path, output: Path) -> list[str]:
    return ["--recipe", str(recipe), "--output", str(output), "--json"]


def _results(
    child: subprocess.Popen[bytes], heartbeat: Callable[[], None] | None
) -> Iterator[dict[str, Any]]:
    for line in lines_of(child, heartbeat):
        result = _result(line)
        if result is not None:
            yield result


def _result(line: bytes) -> dict[str, Any] | None:
    """Return what a line says of an image; None of a line that a library has printed."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "done" in found else None


def _ending(code: int, log: IO[bytes]) -> str:
    last = _last_line(log)
    return (
        f"the process that segments the folder ended with the code {code}, perhaps for lack of "
        f"memory{f' ({last})' if last else ''}. Labels that were written stay: start it again to "
        "go on."
    )


def _last_line(log: IO[bytes]) -> str:
    """Return the last line of the child's messages, without the command's name."""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("pixel-embedding: error: ") if lines else ""

"""Saving the recipe of a result, and applying one to a folder while the window stays free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.recipe.recipe_file import save_segmentation_recipe
from napari_pixel_embedding.session.jobs import JobQueue
from napari_pixel_embedding.session.messages import Messages

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor, Report
    from napari_pixel_embedding.session.state.session import Session

_MOST_NAMED = 5
"""Failures that are named one by one."""


@dataclass(frozen=True)
class FolderRequest:
    """A recipe, a folder of images, and the folder to write labels to."""

    recipe: SegmentationRecipe
    folder: Path
    output: Path


@dataclass(frozen=True)
class FolderResult:
    """What came of the images of a folder.

    Parameters
    ----------
    segmented, skipped : int
        Images that were segmented, and whose labels were there already.
    failed : tuple of (str, str)
        Name of each other image, and why.
    output : Path
        Where the labels are.
    """

    segmented: int
    skipped: int
    failed: tuple[tuple[str, str], ...]
    output: Path

    def summary(self) -> str:
        """Return the result in a sentence or two, with the first failures."""
        parts = [f"{self.segmented} segmented"]
        parts += [f"{self.skipped} skipped (labels are there)"] if self.skipped else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        text = f"{', '.join(parts)}; labels are in {self.output}."
        for name, reason in self.failed[:_MOST_NAMED]:
            text += f"\n{name}: {reason}"
        more = len(self.failed) - _MOST_NAMED
        return f"{text}\n… and {more} more failed." if more > 0 else text


class Recipes:
    """Saves recipes, and applies one to a folder; one folder at a time.

    Parameters
    ----------
    session : Session
        Shows progress in ``applying``, ``applied`` and ``applying_status``.
    executor : Executor
    engine : Engine
    tell : callable
        Called with the summary at the end.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        engine: Engine,
        tell: Callable[[FolderResult], Any],
    ) -> None:
        self._session = session
        self._engine = engine
        self._messages = Messages(session)
        self._tell = tell
        self._queue = JobQueue(executor)

    def save(self, recipe: SegmentationRecipe, path: str | os.PathLike[str]) -> bool:
        """Write a recipe to a file and report it; return whether it was written."""
        return self._messages.save("recipe", path, partial(save_segmentation_recipe, recipe, path))

    def text(self, write: Callable[..., str], recipe: SegmentationRecipe, image: Any) -> str | None:
        """Return a recipe as code or as a command; None where that fails, which is reported."""
        try:
            return write(recipe, image)
        except ValueError as error:
            self._messages.fail("copying", error)
            return None

    def apply_to_folder(self, request: FolderRequest) -> None:
        """Segment a folder in the background; what is there already stays.

        Refused while another folder is being segmented.
        """
        session = self._session
        if session.applying:
            self._messages.refuse(
                "A folder is being segmented: wait until it is done, or Cancel it."
            )
            return
        self._messages.clear()
        session.applying, session.applied = True, 0.0
        session.applying_status = f"Segmenting “{request.folder.name}” …"

        def work(report: Report) -> FolderResult:
            return run_folder(self._engine, request, report)

        self._queue.start(work, done=self._done, failed=self._failed, progress=self._show)

    def stop(self) -> None:
        """Stop; labels that were written stay."""
        if self._queue.cancel():
            self._session.applying = False
            self._session.status = "Stopped; labels that were written stay."

    def close(self) -> None:
        """Stop with the window."""
        self._queue.cancel()

    def _show(self, result: dict[str, Any] | None) -> None:
        if result is not None:
            done, count = int(result["done"]), int(result["count"])
            self._session.applied = done / max(count, 1)
            self._session.applying_status = f"Segmenting the folder: image {done} of {count}"

    def _done(self, result: FolderResult) -> None:
        self._session.applying = False
        self._session.status = result.summary().splitlines()[0]
        self._tell(result)

    def _failed(self, error: Exception) -> None:
        self._session.applying = False
        self._messages.fail("segmenting the folder", error)


def run_folder(engine: Engine, request: FolderRequest, report: Report) -> FolderResult:
    """Segment a folder in a child process and report the result of each image.

    Raises
    ------
    ValueError
        When the recipe, its model or the folder cannot be used.
    """
    segmented = skipped = 0
    failed: list[tuple[str, str]] = []
    results = engine.segment_folder(
        request.recipe, request.folder, request.output, heartbeat=lambda: report(None)
    )
    try:
        for result in results:
            segmented += result["error"] is None and not result["skipped"]
            skipped += bool(result["skipped"])
            if result["error"] is not None:
                failed.append((Path(result["image"]).name, str(result["error"])))
            report(result)
    finally:
        results.close()
    return FolderResult(segmented, skipped, tuple(failed), request.output)

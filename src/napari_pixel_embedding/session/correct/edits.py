"""Edits of objects: pure functions from clicked pixels to new corrections.

An :class:`Edit` acts on one frame and looks up its objects when it starts, not when it is queued,
so it acts on the labels that the edit before it left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.corrections import corrections as fixing
from napari_pixel_embedding.core.corrections import embedding_edits, object_edits
from napari_pixel_embedding.core.embedding.similarity import vector_at
from napari_pixel_embedding.core.label_regions import check_present
from napari_pixel_embedding.session.correct.record import erased_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.session.state.history import Accepted, Deleted

Pixel = tuple[int, ...]
"""Index ([z,] y, x) within a frame."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame when an edit starts, or all of them: corrections, labels and embedding map."""

    corrections: NDArray[np.int32]
    labels: NDArray[Any]
    emap: EmbeddingMap

    def object_at(self, pixel: Pixel) -> int:
        """Return the id of the object at a pixel.

        Raises
        ------
        ValueError
            If the pixel is background.
        """
        found = int(self.labels[pixel])
        if found == 0:
            raise ValueError("There is no object here. Click on one.")
        return found


@dataclass(frozen=True, eq=False)
class Edit:
    """One action of a tool.

    Parameters
    ----------
    title : str
        Name shown in "Undo …".
    frame : int, optional
        Index of the frame that it changes; None for all of them at once.
    change : callable
        Maps a :class:`Frame` to its new corrections and a status line. Raises ValueError, worded
        for the user, if the edit is impossible.
    accepts : tuple of int, optional
        A pixel of the object that becomes accepted.
    deletes : tuple of int, optional
        A pixel of the object that is deleted.
    accepts_all : frozenset of (int, int)
        Frame and id of objects that become accepted.
    """

    title: str
    frame: int | None
    change: Callable[[Frame], tuple[NDArray[np.int32], str]]
    accepts: Pixel | None = None
    deletes: Pixel | None = None
    accepts_all: Accepted = frozenset()


def merge(frame: int, pixels: Sequence[Pixel]) -> Edit:
    """Merge the objects at two or more pixels; the first one's id stays."""

    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        found = dict.fromkeys(int(there.labels[p]) for p in pixels)
        ids = [k for k in found if k > 0]
        if len(ids) < 2:
            raise ValueError("Merging needs two objects. Click another one.")
        merged = fixing.merge(there.corrections, there.labels, ids)
        return merged, f"Merged {len(ids)} objects into object {ids[0]}."

    return Edit("merge", frame, change)


def split(frame: int, seeds: Sequence[Sequence[Pixel]]) -> Edit:
    """Split the object at the first seed by its embedding; a seed is a pixel or a stroke."""

    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        id = there.object_at(seeds[0][0])
        markers = np.zeros(there.labels.shape, np.int32)
        for number, stroke in enumerate(seeds, start=1):
            if there.labels[stroke[0]] != id:
                raise ValueError(f"All seeds must lie on object {id}. Click on its other part.")
            markers[tuple(np.transpose(stroke))] = number
        parted = embedding_edits.split_by_embedding(
            there.corrections, there.labels, id, markers, there.emap
        )
        return parted, f"Split object {id} into {len(seeds)}."

    return Edit("split", frame, change)


def cut(frame: int, line: Sequence[Pixel]) -> Edit:
    """Cut the object that most pixels of a line lie on."""

    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        inside = [p for p in line if _within(p, there.labels.shape)]
        under = np.array([there.labels[p] for p in inside], np.int64)
        if not (under > 0).any():
            raise ValueError("The line crosses no object. Draw it across one.")
        id = int(np.bincount(under[under > 0]).argmax())
        parted = embedding_edits.cut_along(there.corrections, there.labels, id, line)
        return parted, f"Cut object {id} along the line."

    return Edit("cut", frame, change)


def add(frame: int, pixel: Pixel, bandwidth: float) -> Edit:
    """Add the missed object at a background pixel."""

    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        grown = embedding_edits.grow_like(
            there.emap, there.labels, pixel, bandwidth, there.corrections
        )
        added = embedding_edits.add_object(there.corrections, there.labels, *grown)
        return added, f"Added object {added[pixel]} of {np.count_nonzero(grown[1]):,} pixels."

    return Edit("add", frame, change)


def delete(frame: int, pixel: Pixel) -> Edit:
    """Replace the object at a pixel by fixed background."""
    edit = _on_object(
        "delete", frame, pixel, lambda t, id: object_edits.delete(t.corrections, t.labels, [id])
    )
    return replace(edit, deletes=pixel)


def fill(frame: int, pixel: Pixel) -> Edit:
    """Fill the holes of the object under a pixel."""
    return _on_object(
        "fill", frame, pixel, lambda t, id: object_edits.fill_holes(t.corrections, t.labels, id)
    )


def smooth(frame: int, pixel: Pixel) -> Edit:
    """Smooth the outline of the object under a pixel."""
    return _on_object(
        "smooth",
        frame,
        pixel,
        lambda t, id: object_edits.smooth(t.corrections, t.labels, id, t.emap.spacing),
    )


def lock(frame: int, pixel: Pixel) -> Edit:
    """Accept the object under a pixel as it is."""
    return _on_object(
        "accept",
        frame,
        pixel,
        lambda t, id: object_edits.lock(t.corrections, t.labels, [id]),
        accepts=pixel,
    )


def unlock(frame: int, pixel: Pixel) -> Edit:
    """Let the object, or the background, at a pixel follow the clusters again."""

    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        if there.corrections[pixel] < 0:
            raise ValueError("Nothing is corrected here: it follows the clusters already.")
        id = int(there.corrections[pixel])
        if id > 0:
            return fixing.unlock(
                there.corrections, [id]
            ), f"Object {id} follows the clusters again."
        piece = embedding_edits.piece_at(there.corrections == 0, pixel)
        freed = np.where(piece, np.int32(fixing.NOT_CORRECTED), there.corrections)
        return freed, "The background here follows the clusters again."

    return Edit("unlock", frame, change)


def lock_all(keys: Sequence[tuple[int, int]], frames: bool) -> Edit:
    """Accept several objects as they are, each by its frame and id, in one step."""
    change = _on_objects(keys, frames, object_edits.lock, "Accepted {} objects.")
    return Edit("accept", None, change, accepts_all=frozenset(keys))


def delete_all(keys: Sequence[tuple[int, int]], frames: bool) -> Edit:
    """Replace several objects, each by its frame and id, by fixed background, in one step."""
    change = _on_objects(keys, frames, object_edits.delete, "Deleted {} objects.")
    return Edit("delete", None, change)


def _on_objects(
    keys: Sequence[tuple[int, int]],
    frames: bool,
    function: Callable[..., NDArray[np.int32]],
    message: str,
) -> Callable[[Frame], tuple[NDArray[np.int32], str]]:
    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        result = there.corrections.copy()
        for frame in {frame for frame, _ in keys}:
            at: Any = frame if frames else ...
            ids = [id for f, id in keys if f == frame]
            result[at] = function(result[at], there.labels[at], ids)
        return result, message.format(f"{len(keys):,}").replace("1 objects", "1 object")

    return change


_MESSAGES = {
    "delete": "Deleted object {}.",
    "fill": "Filled the holes of object {}.",
    "smooth": "Smoothed object {}.",
    "accept": "Accepted object {}.",
}


def _on_object(
    title: str,
    frame: int,
    pixel: Pixel,
    function: Callable[[Frame, int], NDArray[np.int32]],
    accepts: Pixel | None = None,
) -> Edit:
    def change(there: Frame) -> tuple[NDArray[np.int32], str]:
        id = there.object_at(pixel)
        check_present(there.labels, [id])
        return function(there, id), _MESSAGES[title].format(id)

    return Edit(title, frame, change, accepts)


def _within(pixel: Pixel, shape: tuple[int, ...]) -> bool:
    return all(0 <= n < size for n, size in zip(pixel, shape, strict=True))


# --------------------------------------------------------------------------------- running edits


@dataclass(frozen=True, eq=False)
class EditRequest:
    """Input of an edit; arrays hold all frames."""

    edit: Edit
    corrections: NDArray[Any] | None
    labels: NDArray[Any]
    maps: tuple[EmbeddingMap, ...]
    frames: bool


@dataclass(frozen=True, eq=False)
class EditResult:
    """New corrections of all frames, the accepted object, a status line, and deleted objects."""

    corrections: NDArray[np.int32]
    accepted: int | None
    message: str
    deleted: Deleted = frozenset()


def perform(request: EditRequest) -> EditResult:
    """Run an edit.

    Raises
    ------
    ValueError
        If it is impossible: no object there, a seed outside the object, and so on.
    """
    edit, labels = request.edit, request.labels
    old = request.corrections
    if old is None:
        old = fixing.no_corrections(labels.shape)
    if edit.frame is None:
        after, message = edit.change(Frame(old, labels, request.maps[0]))
        erased = erased_objects(labels, np.where(after >= 0, after, labels), request.frames)
        return EditResult(after, None, message, erased)
    at: Any = edit.frame if request.frames else ...
    after, message = edit.change(Frame(old[at], labels[at], request.maps[edit.frame]))
    result = after
    if request.frames:
        result = old.copy()
        result[edit.frame] = after
    accepted = None if edit.accepts is None else int(after[edit.accepts])
    return EditResult(result, accepted, message)


@dataclass(frozen=True)
class Comparison:
    """Distance of two pixels in embedding space.

    Parameters
    ----------
    frame : int
    first, second : tuple of int
        ([z,] y, x).
    distance : float
        Between their vectors, in embedding units or as 1 − cos.
    bandwidth : float
        Smallest bandwidth at which they are one object; infinite if there is none.
    """

    frame: int
    first: Pixel
    second: Pixel
    distance: float
    bandwidth: float


def compare(
    emap: EmbeddingMap,
    index: ClusterIndex,
    params: ClusterParams,
    frame: int,
    first: Pixel,
    second: Pixel,
) -> Comparison:
    """Return the distance of two pixels and the smallest bandwidth that joins them.

    Raises
    ------
    ValueError
        If one lies outside the image or has no finite vector.
    """
    a, b = vector_at(emap, first), vector_at(emap, second)
    distance = 1 - float(a @ b) if emap.space == "cosine" else float(np.linalg.norm(a - b))
    joined = index.merging_bandwidth(params, first, second)
    return Comparison(frame, first, second, max(distance, 0.0), joined)

"""Recording painted labels as corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.state.history import Deleted


def record_edit(
    engine: Engine,
    corrections: NDArray[Any] | None,
    before: NDArray[Any],
    after: NDArray[Any],
    frames: bool,
) -> NDArray[Any]:
    """Add the difference of two label images to the corrections, frame by frame.

    Frames without a difference are left as they are.
    """
    if corrections is None:
        corrections = engine.no_corrections(after.shape)
    if not frames:
        return engine.record_edit(corrections, before, after)
    parts = [
        engine.record_edit(*part) if not np.array_equal(part[1], part[2]) else part[0]
        for part in zip(corrections, before, after, strict=True)
    ]
    return np.stack(parts)


def erased_objects(before: NDArray[Any], after: NDArray[Any], frames: bool) -> Deleted:
    """Return the frame and a pixel of each object that was erased or filled as a whole.

    Parameters
    ----------
    before, after : array, shape ([T,] [Z,] Y, X)
        Label images, 0 is background. An object whose pixels all went to others is not erased.
    frames : bool
        Whether the first axis is time.
    """
    pairs = zip(before, after, strict=True) if frames else [(before, after)]
    return frozenset(
        (frame, *pixel) for frame, (old, new) in enumerate(pairs) for pixel in _erased_in(old, new)
    )


def _erased_in(before: NDArray[Any], after: NDArray[Any]) -> list[tuple[int, ...]]:
    pixels = np.argwhere((before > 0) & (after == 0))
    ids, first = np.unique(before[tuple(pixels.T)], return_index=True)
    left = np.isin(ids, after) if len(ids) else ids
    return [tuple(pixels[at].tolist()) for at in first[~left.astype(bool)]]

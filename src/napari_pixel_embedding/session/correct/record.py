"""Recording painted labels as corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.session.engine import Engine


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

"""Boxes of pixels."""

from __future__ import annotations

from napari_pixel_embedding.core.boxes import common, grown, within


def test_boxes():
    box = (slice(2, 5), slice(0, 4))
    assert grown(box, 3, (6, 9)) == (slice(0, 6), slice(0, 7))
    assert common(box, (slice(4, 9), slice(1, 2))) == (slice(4, 5), slice(1, 2))
    assert common(box, (slice(5, 9), slice(1, 2))) is None
    assert within((slice(3, 4), slice(1, 2)), box) == (slice(1, 2), slice(1, 2))

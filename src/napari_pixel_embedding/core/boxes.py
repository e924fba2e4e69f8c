"""Boxes of pixels, as slices along the spatial axes: grown, intersected, relative to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


Box = tuple[slice, ...]


def grown(box: Box, by: int, shape: Sequence[int]) -> Box:
    """Return a box with ``by`` more pixels on every side, clipped to an image of ``shape``."""
    parts = zip(box, shape, strict=True)
    return tuple(slice(max(p.start - by, 0), min(p.stop + by, n)) for p, n in parts)


def common(a: Box, b: Box) -> Box | None:
    """Return the intersection of two boxes; None when it is empty."""
    both = tuple(
        slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True)
    )
    return both if all(part.start < part.stop for part in both) else None


def within(box: Box, outer: Box) -> Box:
    """Return a box relative to the start of another one."""
    parts = zip(box, outer, strict=True)
    return tuple(slice(p.start - o.start, p.stop - o.start) for p, o in parts)

"""Corrections of a large image outside its ROI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.blockwise.roi import ROI
from napari_pixel_embedding.core.blockwise.sparse_labels import SparseLabels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.clustering.params import LocalBandwidth

_CHUNK = 64
"""Pixels of an ROI at a coarse level, along each axis, that are upsampled at once."""


@dataclass(frozen=True, eq=False)
class WholeImageCorrections:
    """Corrections and local bandwidths of a whole large image, in pixels of its finest level.

    Parameters
    ----------
    corrections : SparseLabels
    places : tuple of (int, LocalBandwidth)
        Frame, and the local bandwidth of the object at a pixel.
    """

    corrections: SparseLabels
    places: tuple[tuple[int, LocalBandwidth], ...] = ()

    @classmethod
    def empty(cls, shape: Sequence[int]) -> WholeImageCorrections:
        """Make the value for an image of ``shape`` ([Z,] Y, X) in which nothing is corrected."""
        return cls(SparseLabels(tuple(shape)))

    def write(
        self,
        parts: Sequence[ROI],
        corrections: NDArray[Any] | None,
        local: Sequence[Sequence[LocalBandwidth]],
    ) -> WholeImageCorrections:
        """Replace the corrections of some parts of the image.

        Parameters
        ----------
        parts : sequence of ROI
            One for each frame.
        corrections : array of int, shape ([T,] [Z,] Y, X), optional
            Corrections of the parts; they replace all earlier ones there.
        local : sequence of sequence of LocalBandwidth
            For each frame, in its pixels.
        """
        kept = replace(self, places=self.all_places(parts, local))
        for number, part in enumerate(parts):
            own = corrections
            if corrections is not None and part.frame is not None:
                own = corrections[number]
            kept = replace(kept, corrections=kept._with_corrections(part, own))
        return kept

    def all_places(
        self, parts: Sequence[ROI], local: Sequence[Sequence[LocalBandwidth]]
    ) -> tuple[tuple[int, LocalBandwidth], ...]:
        """Return local bandwidths outside of parts of the image, and those of the parts."""
        places = self.places
        for part, own in zip(parts, local or ((),) * len(parts), strict=True):
            frame = part.frame or 0
            moved = ((frame, replace(one, point=part.to_finest(one.point))) for one in own)
            places = (*(p for p in places if not _lies_in(part, p)), *moved)
        return places

    def read(
        self, parts: Sequence[ROI]
    ) -> tuple[NDArray[np.int32] | None, tuple[tuple[LocalBandwidth, ...], ...]]:
        """Return corrections, if there are any, and local bandwidths of parts of the image.

        Both are as in the session, with one part for each frame.
        """
        local = tuple(tuple(self._cuts_in(part)) for part in parts)
        found = [self._sampled(part) for part in parts]
        if not any((one >= 0).any() for one in found):
            return None, local
        return (found[0] if parts[0].frame is None else np.stack(found)), local

    def dense(self, frames: int | None) -> NDArray[np.int32]:
        """Return the corrections of all frames as one array, shape ([T,] [Z,] Y, X)."""
        box = tuple(slice(0, n) for n in self.corrections.shape)
        read = [self.corrections.read(box, frame) for frame in range(frames or 1)]
        return read[0] if frames is None else np.stack(read)

    def _cuts_in(self, part: ROI) -> Iterator[LocalBandwidth]:
        for place in self.places:
            point = part.from_finest(place[1].point)
            if point is not None and _lies_in(part, place):
                yield replace(place[1], point=point)

    def _sampled(self, roi: ROI) -> NDArray[np.int32]:
        grid = roi.finest_grid(self.corrections.shape)
        return self.corrections.sample(grid, roi.frame or 0)

    def _with_corrections(self, roi: ROI, corrections: NDArray[Any] | None) -> SparseLabels:
        store, known, frame = self.corrections, self._sampled(roi), roi.frame or 0
        values = np.full_like(known, -1) if corrections is None else corrections.astype(np.int32)
        values = store.without_clashes(values, known)
        if roi.level == 0:
            return store.with_box(roi.box, values, frame)
        changed = values != known
        for chunk in _chunks(changed):
            box, at = _finest_pixels(roi, chunk, store.shape)
            before = store.read(box, frame=frame)
            spread = np.where(changed[chunk][at], values[chunk][at], before)
            store = store.with_box(box, spread, frame)
        return store


def parts_of(roi: ROI | None, shape: Sequence[int], frames: int | None) -> tuple[ROI, ...]:
    """Return the parts that results cover, one per frame: an ROI, or all of each frame."""
    if roi is not None:
        return (roi,)
    ones, zeros = (1.0,) * len(shape), (0,) * len(shape)
    numbers: Sequence[int | None] = [None] if frames is None else range(frames)
    return tuple(ROI(0, ones, zeros, tuple(shape), number) for number in numbers)


def _lies_in(part: ROI, place: tuple[int, LocalBandwidth]) -> bool:
    return place[0] == (part.frame or 0) and part.from_finest(place[1].point) is not None


def _chunks(changed: NDArray[np.bool_]) -> Iterator[Box]:
    """Yield boxes of bounded size that contain changes."""
    numbers = np.unique(np.argwhere(changed) // _CHUNK, axis=0)
    for number in numbers.tolist():
        sides = zip(number, changed.shape, strict=True)
        yield tuple(slice(k * _CHUNK, min((k + 1) * _CHUNK, n)) for k, n in sides)


def _finest_pixels(
    roi: ROI, chunk: Box, shape: Sequence[int]
) -> tuple[Box, tuple[NDArray[np.intp], ...]]:
    """Return a chunk's box at the finest level, and the chunk's pixel at each pixel of the box."""
    box, at = [], []
    for start, factor, part, size in zip(roi.start, roi.factor, chunk, shape, strict=True):
        pixels = np.arange(int((start + part.start) * factor), size)
        over = np.floor((pixels + 0.5) / factor).astype(np.intp) - start - part.start
        inside = (over >= 0) & (over < part.stop - part.start)
        box.append(slice(int(pixels[inside][0]), int(pixels[inside][-1]) + 1))
        at.append(over[inside])
    return tuple(box), np.ix_(*at)

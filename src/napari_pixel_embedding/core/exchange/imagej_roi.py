"""Objects as a zip of ImageJ ROIs, as Fiji's ROI Manager opens it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.exchange.rings import outlines
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from napari_pixel_embedding.core.exchange.rings import Outline, Ring
    from napari_pixel_embedding.core.label_frames import Frame
    from napari_pixel_embedding.core.progress import Progress

_LARGEST_SIDE = 2**15 - 1
"""ImageJ stores the bounds of a ROI in 16 bits."""

_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
"""Operations of a path, as in java.awt.geom.PathIterator."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""So that equal labels give equal files."""


def write_imagej_rois(
    path: str | os.PathLike[str], frames: Sequence[Frame], progress: Progress | None = None
) -> int:
    """Write a ROI for every object in every plane and frame; return how many were written.

    Objects with holes or several pieces are composite ROIs. Each ROI knows its slice and frame,
    its name is that of the object.

    Parameters
    ----------
    path : path
        Ends in ``.zip``; an existing file is replaced.
    frames : sequence of Frame
        Frames of the label image.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ValueError
        When a side is longer than ImageJ can store, or roifile is not installed.
    """
    roifile = needed("roifile", "ImageJ ROIs")
    if max(frames[0].shape[-2:]) > _LARGEST_SIDE:
        raise ValueError(
            f"ImageJ ROIs reach up to {_LARGEST_SIDE} pixels, found an image of the shape "
            f"{frames[0].shape}. Export GeoJSON or a label image, or crop it."
        )
    count = 0
    with (
        open_atomically(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for number, frame in enumerate(frames):
            for outline in outlines(frame):
                roi = _roi(roifile, outline)
                archive.writestr(zipfile.ZipInfo(f"{roi.name}.roi", _DATE), roi.tobytes())
                count += 1
            report(progress, (number + 1) / len(frames))
    return count


def _roi(roifile: Any, outline: Outline) -> Any:
    rings = [ring for polygon in outline.polygons for ring in polygon]
    plane, frame = outline.plane, outline.frame
    places = [at for at in (frame, plane) if at is not None]
    parts = [f"{at + 1:04}" for at in places]
    options = {"name": "-".join([*parts, str(outline.label)]), "z": plane, "t": frame}
    roi = roifile.ImagejRoi.frompoints(np.array(rings[0], np.int32), **options)
    roi.roitype = roifile.ROI_TYPE.POLYGON
    corners = np.concatenate([np.array(ring, np.int32) for ring in rings])
    roi.left, roi.top = map(int, corners.min(axis=0))
    roi.right, roi.bottom = map(int, corners.max(axis=0))
    if len(places) == 1:
        roi.position = places[0] + 1  # a stack that is no hyperstack
    if len(rings) > 1:
        roi.roitype = roifile.ROI_TYPE.RECT  # a composite: its path follows the header
        roi.multi_coordinates = _path(rings)
        roi.shape_roi_size = roi.multi_coordinates.size
        roi.integer_coordinates, roi.n_coordinates = None, 0
    return roi


def _path(rings: Sequence[Ring]) -> Any:
    """Return the rings as one path; overlaps are holes by the even-odd rule."""
    path: list[float] = []
    for ring in rings:
        for step, (x, y) in enumerate(ring):
            path += [_LINE if step else _MOVE, x, y]
        path.append(_CLOSE)
    return np.array(path, np.float32)

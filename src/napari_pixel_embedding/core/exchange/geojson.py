"""Objects as GeoJSON, as QuPath reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.exchange.rings import outlines
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from napari_pixel_embedding.core.exchange.rings import Outline
    from napari_pixel_embedding.core.label_frames import Frame
    from napari_pixel_embedding.core.progress import Progress


def write_geojson(
    path: str | os.PathLike[str], frames: Sequence[Frame], progress: Progress | None = None
) -> int:
    """Write every object as a detection of QuPath; return how many were written.

    Coordinates are pixels, as QuPath expects, whatever the pixel size: pixel (y, x) is the square
    from (x, y) to (x + 1, y + 1). An object of several pieces is a MultiPolygon. In volumes, each
    plane of an object is a detection of its own. Objects are written one by one, in bounded
    memory.

    Parameters
    ----------
    path : path
        An existing file is replaced.
    frames : sequence of Frame
        Frames of the label image.
    progress : callable, optional
        Called with the finished fraction.
    """
    count = 0
    with open_atomically(path) as file:
        file.write(b'{"type": "FeatureCollection", "features": [')
        for number, frame in enumerate(frames):
            rows = frame.shape[-2]
            for outline in outlines(frame):
                file.write(b",\n" if count else b"\n")
                file.write(json.dumps(_feature(outline)).encode())
                count += 1
                done = outline.polygons[0][0][0][1] / rows
                report(progress, (number + _share(outline, frame, done)) / len(frames))
        file.write(b"\n]}\n")
    return count


def _share(outline: Outline, frame: Frame, done: float) -> float:
    """Return the finished fraction of a frame."""
    return done if outline.plane is None else (outline.plane + done) / frame.shape[0]


def _feature(outline: Outline) -> Mapping[str, Any]:
    polygons = [[[*ring, ring[0]] for ring in polygon] for polygon in outline.polygons]
    several = len(polygons) > 1
    geometry: dict[str, Any] = {
        "type": "MultiPolygon" if several else "Polygon",
        "coordinates": polygons if several else polygons[0],
    }
    measurements = {"Label": outline.label}
    if outline.plane is not None or outline.frame is not None:
        geometry["plane"] = {"c": -1, "z": outline.plane or 0, "t": outline.frame or 0}
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "objectType": "detection",
            "name": str(outline.label),
            "measurements": measurements,
        },
    }

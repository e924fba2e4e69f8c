"""Label images: clusters with corrections applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session.segment.local_cuts import object_sizes
from napari_pixel_embedding.session.segment.requests import (
    Labelling,
    LabelRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_pixel_embedding.session.engine import Engine


def label(engine: Engine, request: LabelRequest) -> Labelling:
    """Cluster every frame and apply the corrections."""
    clusters, corrections = request.clusters, request.corrections
    if clusters is None:
        cuts = _clusters(engine, request)
        clusters = np.stack(cuts) if request.frames else cuts[0]
    if corrections is None:
        return Labelling(clusters, clusters, *_summary(request, clusters), 0)
    labels = per_frame(request.frames, engine.apply_corrections, clusters, corrections)
    corrected = object_sizes(corrections, request.frames).size
    return Labelling(clusters, labels, *_of_sizes(labels, request.frames), corrected)


def _clusters(engine: Engine, request: LabelRequest) -> list[NDArray[Any]]:
    """Return the label image of every frame, before corrections."""
    if request.method == "mutex":
        return [engine.mutex_watershed(emap, request.params) for emap in request.maps]
    local = request.local or ((),) * len(request.indices)
    pairs = zip(request.indices, local, strict=True)
    return [index.cut(request.params, local=own) for index, own in pairs]


def _summary(request: LabelRequest, clusters: NDArray[Any]) -> tuple[int, float]:
    """Return the number of objects and their median size; from the index if there is only one."""
    if len(request.indices) != 1 or request.method != "mean_shift":
        return _of_sizes(clusters, request.frames)
    summary = request.indices[0].summary(request.params, request.local[0] if request.local else ())
    return summary.count, summary.median_size


def _of_sizes(labels: NDArray[Any], frames: bool) -> tuple[int, float]:
    sizes = object_sizes(labels, frames)
    return sizes.size, float(np.median(sizes)) if sizes.size else 0.0


def per_frame(
    frames: bool, function: Callable[..., NDArray[Any]], *arrays: NDArray[Any]
) -> NDArray[Any]:
    """Apply a function to arrays, frame by frame where their first axis is time.

    Ids are unique within a frame only, so functions that use ids must see one frame at a time.
    """
    if not frames:
        return function(*arrays)
    return np.stack([function(*parts) for parts in zip(*arrays, strict=True)])

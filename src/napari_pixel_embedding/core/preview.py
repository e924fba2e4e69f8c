"""A quick look at what a model makes of a part of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.data import normalise
from napari_pixel_embedding.core.frames import channels_first, select_frame, with_axes
from napari_pixel_embedding.core.inference import predict_normalised
from napari_pixel_embedding.core.scale import usual_params

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

_MARGIN = 64
"""Pixels around the field that the network is shown with it."""


def segment_field(
    model: EmbeddingModel,
    image: Any,
    field: tuple[slice, ...],
    *,
    axes: str | None = None,
    frame: int | None = None,
    spacing: tuple[float, ...] | None = None,
    diameter: float | None = None,
    params: ClusterParams | None = None,
    device: str = "auto",
) -> NDArray[np.unsignedinteger[Any]]:
    """Segment a field of an image, with the intensities of the whole image in mind.

    Parameters
    ----------
    model, image, axes, frame, spacing, diameter, device
        As in :func:`predict_embedding`.
    field : tuple of slice
        Pixels along ([Z,] Y, X).
    params : ClusterParams, optional
        By default the model's own, see :func:`~napari_pixel_embedding.core.scale.usual_params`.

    Returns
    -------
    array of uint16 or uint32
        Label image of the field, 0 is background.
    """
    image, axes = with_axes(model.config, image, axes)
    if "T" in axes:
        image, axes = select_frame(image, axes, frame)
    channels = channels_first(image, axes, model.config)
    shown = tuple(slice(max(side.start - _MARGIN, 0), side.stop + _MARGIN) for side in field)
    pixels = normalise(channels, model.config.percentiles)[(slice(None), *shown)]
    emap = predict_normalised(model, pixels, spacing=spacing, diameter=diameter, device=device)
    labels = build_cluster_index(emap).cut(params or usual_params(model.config, diameter, spacing))
    inner = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(field, shown, strict=True))
    return labels[tuple(inner)]

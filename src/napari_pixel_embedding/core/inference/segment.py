"""From an image to its labels in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_pixel_embedding.core.clustering.build import build_cluster_index
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed
from napari_pixel_embedding.core.inference.axes import channels_first, select_frame, with_axes
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.object_scale import usual_params
from napari_pixel_embedding.core.inference.predict import predict_frames, predict_normalised
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.progress import Progress


def segment(
    image: Any,
    model: str | EmbeddingModel = "nuclei-fluo",
    *,
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    axes: str | None = None,
    spacing: tuple[float, ...] | None = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> NDArray[np.unsignedinteger[Any]]:
    """Segment an image: network and clustering in one call.

    Parameters
    ----------
    image : array_like
        As in :func:`predict_embedding`; frames along T are segmented one by one.
    model : str or EmbeddingModel
        A bundled name, a path, or a loaded model.
    params : ClusterParams, optional
        By default the model's own, see :func:`~.object_scale.usual_params`.
    method : {"mean_shift", "mutex"}
        How to cluster: connected mean shift, or mutex watershed, which needs the extra
        ``mutex``.
    axes, spacing, diameter, augment, device, progress
        As in :func:`predict_embedding`.

    Returns
    -------
    array of uint16 or uint32, shape ([T,] [Z,] Y, X)
        Label image, 0 is background.

    Examples
    --------
    >>> from napari_pixel_embedding import segment
    >>> from skimage.data import human_mitosis
    >>> int(segment(human_mitosis()[:256, :256]).max()) > 10
    True
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    image, axes = with_axes(model.config, image, axes)
    params = params or usual_params(model.config, diameter, spacing)
    maps = predict_frames(
        model,
        image,
        axes=axes,
        spacing=spacing,
        diameter=diameter,
        augment=augment,
        device=device,
        progress=progress,
    )
    frames = [cluster(emap, params, method) for emap in maps]
    return np.stack(frames) if "T" in axes else frames[0]


_MARGIN = 64
"""Pixels around the field that the network is shown with it."""


def segment_region(
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
        By default the model's own, see :func:`~.object_scale.usual_params`.

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


Method = Literal["mean_shift", "mutex"]


METHODS: tuple[Method, ...] = ("mean_shift", "mutex")
"""Connected mean shift, cut from the live index; mutex watershed."""


def cluster(
    emap: EmbeddingMap, params: ClusterParams, method: Method = "mean_shift"
) -> NDArray[np.unsignedinteger[Any]]:
    """Cluster the embedding of one frame.

    Parameters
    ----------
    emap : EmbeddingMap
        From :func:`predict_embedding`.
    params : ClusterParams
        Mutex watershed has no use for its seed threshold.
    method : {"mean_shift", "mutex"}
        See :func:`build_cluster_index` and :func:`mutex_watershed`.

    Returns
    -------
    array of uint16 or uint32, shape ([Z,] Y, X)
        Label image, 0 is background.

    Raises
    ------
    ValueError
        For another method, or when the package that it needs is missing.
    """
    if method == "mean_shift":
        return build_cluster_index(emap).cut(params)
    if method == "mutex":
        return mutex_watershed(emap, params)
    raise ValueError(f"method must be one of {', '.join(METHODS)}, found {method!r}.")

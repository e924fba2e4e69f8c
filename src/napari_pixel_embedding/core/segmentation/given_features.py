"""Clustering arrays whose channels are features, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.features.given import load_features
from napari_pixel_embedding.core.features.source import FeatureSource
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import embed_frames
from napari_pixel_embedding.core.segmentation.segment import cluster
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap, Space
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.segmentation.segment import Method

_OTHERS = {2: "YX", 3: "ZYX", 4: "TZYX"}


def segment_embedding(
    features: Any,
    channel_axis: int = 0,
    *,
    axes: str | None = None,
    foreground: Any = "everywhere",
    space: Space = "euclidean",
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    progress: Progress | None = None,
) -> NDArray[np.unsignedinteger[Any]]:
    """Cluster the pixels of an array whose channels are features, without a network.

    Bandwidths are relative: 1 is a start that is measured from the array (see
    :func:`~.features.given.measure_features`), whatever the unit of the features.

    Parameters
    ----------
    features : array_like
        Any real dtype, one vector a pixel. Pixels with NaN or infinite values are background.
    channel_axis : int
        Axis of the features. The others are Y, X; Z, Y, X; or T, Z, Y, X.
    axes : str, optional
        In place of ``channel_axis``: a letter out of ``TCZYX`` for each axis, such as "TCYX".
        Frames along T are segmented one by one, at one scale.
    foreground : "everywhere", "length", int or array_like
        Where objects may be: in all pixels; where vectors are long (Otsu, 1979); as the channel of
        this number says; or as another array says, of the label image's shape. Numbers from 0 to 1
        are probabilities, negative ones among them logits; others are divided by Otsu's threshold.
        Of a separate array, truth values and whole numbers are a mask: above 0 is foreground.
    space : {"euclidean", "cosine"}
        Whether vectors are compared by their distance, or by their angle alone.
    params : ClusterParams, optional
        By default bandwidth 1, foreground 0.5, at least 20 pixels.
    method : {"mean_shift", "mutex"}
        As in :func:`segment`.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    array of uint16 or uint32
        Label image, 0 is background, with the axes of ``features`` but channels.

    Raises
    ------
    ValueError
        When array, axes and foreground do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.zeros((3, 32, 32))
    >>> features[0, :, :16], features[1, :, 16:] = 5, 5
    >>> np.unique(segment_embedding(features)).tolist()
    [1, 2]
    """
    model, stack = _read_features(features, channel_axis, axes, foreground, space)
    params = params or model.config.cluster_params()
    maps = embed_frames(model, stack, PredictOptions("cpu"), progress)
    return stack.label_image([cluster(emap, params, method) for emap in maps])


def embed_features(
    features: Any,
    channel_axis: int = 0,
    *,
    axes: str | None = None,
    foreground: Any = "everywhere",
    space: Space = "euclidean",
) -> Iterator[EmbeddingMap]:
    """Yield the embedding map of each frame of an array whose channels are features.

    Parameters and errors are those of :func:`segment_embedding`. The maps are for
    :func:`build_cluster_index`, colours, corrections and measurements, as those of a model are.
    """
    model, stack = _read_features(features, channel_axis, axes, foreground, space)
    yield from embed_frames(model, stack, PredictOptions("cpu"))


def _read_features(
    features: Any, channel_axis: int, axes: str | None, foreground: Any, space: Space
) -> tuple[EmbeddingModel, ImageStack]:
    array = as_numeric_image(features, "features")
    axes = axes or _axes(array.ndim, channel_axis)
    plain = isinstance(foreground, str | int)
    source = FeatureSource(space, foreground if plain else "image")
    model = load_features(source, array.shape, axes)
    mask = None if plain else as_numeric_image(foreground, "foreground")
    return model, read_stack(array, model.config, axes, foreground=mask)


def _axes(ndim: int, channel_axis: int) -> str:
    others = _OTHERS.get(ndim - 1)
    if others is None or not -ndim <= channel_axis < ndim:
        raise ValueError(
            f"features must have 3 to 5 axes, one of which is channel_axis, found {ndim} axes and "
            f"channel_axis={channel_axis}."
        )
    at = channel_axis % ndim
    return f"{others[:at]}C{others[at:]}"

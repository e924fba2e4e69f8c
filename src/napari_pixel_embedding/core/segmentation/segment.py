"""Segmentation in one call: network and clustering."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from napari_pixel_embedding.core.blockwise.intensity import intensity_ranges
from napari_pixel_embedding.core.blockwise.large_image import LargeImage
from napari_pixel_embedding.core.clustering.build import build_cluster_index
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed
from napari_pixel_embedding.core.features.given import fit_model, load_source
from napari_pixel_embedding.core.inference.axes import ImageStack, image_layout, read_stack
from napari_pixel_embedding.core.inference.diameter import with_own_size
from napari_pixel_embedding.core.inference.layout import ArrangedImage
from napari_pixel_embedding.core.inference.object_scale import measured_note, usual_params
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import predict_resampled
from napari_pixel_embedding.core.inference.signal import constant_notes, signal_notes
from napari_pixel_embedding.core.progress import share
from napari_pixel_embedding.core.segmentation.in_blocks import (
    NOTE,
    may_be_large,
    must_be_divided,
    segment_in_blocks,
)
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import ClusterParams, LocalBandwidth
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress


def segment(
    image: Any,
    model: str | EmbeddingModel = "nuclei-fluo",
    *,
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    axes: str | None = None,
    channel: Channel | None = None,
    spacing: tuple[float, ...] | None = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    tile: int | None = None,
    local_bandwidths: Sequence[Sequence[LocalBandwidth]] = (),
    progress: Progress | None = None,
) -> NDArray[np.unsignedinteger[Any]]:
    """Segment an image: network and clustering in one call.

    Parameters
    ----------
    image : array_like
        As in :func:`predict_embedding`; frames along T are segmented one by one, and
        planes along Z too where the model is 2-D.
    model : str or EmbeddingModel
        A bundled name, a path, or a loaded model. "features" where the channels of the image are
        the embedding, see :func:`segment_embedding`; "features:cosine:length" compares angles, and
        finds objects where vectors are long.
    params : ClusterParams, optional
        By default the model's own, see :func:`~.object_scale.usual_params`.
    method : {"mean_shift", "mutex"}
        Clustering: connected mean shift, or mutex watershed, which needs the extra ``mutex``.
    axes, channel, spacing, augment, device, progress
        As in :func:`predict_embedding`.
    diameter : float, optional
        Typical diameter of the image's objects, in its pixels. Where it is not named, models of
        objects of any size, such as "generic" and "volume", measure it first; others take the
        objects to be as large as those they have learnt from.
    tile : int, optional
        Largest side of a tile along Y and X, in the network's pixels.
    local_bandwidths : sequence of sequence of LocalBandwidth
        For each frame (one without frames), the objects with a bandwidth of their own; of no
        effect for mutex watershed.

    Returns
    -------
    array of uint16 or uint32
        Label image, 0 is background, with the image's axes without channels, in the same order.

    Warns
    -----
    UserWarning
        When the image, a frame or a channel has only one value or no finite one, when nothing was
        found and nothing stands clear of the noise, when the diameter was measured, or when memory
        ran out and the image was read in smaller tiles.

    Examples
    --------
    >>> from napari_pixel_embedding import segment
    >>> from skimage.data import human_mitosis
    >>> int(segment(human_mitosis()[:256, :256]).max()) > 10
    True
    """
    segmented = segment_and_record(
        image,
        model,
        params=params,
        method=method,
        axes=axes,
        channel=channel,
        spacing=spacing,
        diameter=diameter,
        augment=augment,
        device=device,
        tile=tile,
        local_bandwidths=local_bandwidths,
        progress=progress,
    )
    for note in segmented.notes:
        warnings.warn(note, stacklevel=2)
    return segmented.labels


class Segmented(NamedTuple):
    """Labels, what is to be said of them, and what they were made with.

    The ``stack`` has the intensity ranges that were measured; ``diameter`` is the one that was
    named, or ``measured``.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    notes: tuple[str, ...]
    model: EmbeddingModel
    params: ClusterParams
    stack: ImageStack
    diameter: float | None = None
    measured: bool = False


def segment_and_tell(
    image: Any, model: str | EmbeddingModel = "nuclei-fluo", **options: Any
) -> tuple[NDArray[np.unsignedinteger[Any]], tuple[str, ...]]:
    """Segment an image as :func:`segment` does; the warnings are returned, a sentence each."""
    return segment_and_record(image, model, **options)[:2]


def segment_and_record(
    image: Any,
    model: str | EmbeddingModel = "nuclei-fluo",
    *,
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    axes: str | None = None,
    channel: Channel | None = None,
    spacing: tuple[float, ...] | None = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    tile: int | None = None,
    local_bandwidths: Sequence[Sequence[LocalBandwidth]] = (),
    progress: Progress | None = None,
    may_measure: bool = True,
) -> Segmented:
    """Segment an image as :func:`segment` does, and return what the labels were made with.

    With ``may_measure`` False the model's own diameter is taken where none is named. What does not
    fit into memory is segmented in blocks.
    """
    array = image if hasattr(image, "shape") else as_numeric_image(image)
    model, axes = load_source(model, array.shape, axes)
    options = PredictOptions(device, diameter, augment=augment, tile=tile)
    if method == "mean_shift" and may_be_large(array, model.config, options, spacing):
        reading = axes, channel, spacing
        large = _segment_large(array, model, params, reading, options, local_bandwidths, progress)
        if large is not None:
            return large
    array = as_numeric_image(array)
    stack = read_stack(array, model.config, axes, channel=channel, spacing=spacing)
    stack = stack.measured(model.config.scaling)
    if may_measure:
        options = with_own_size(model, stack, options)
    measured = options.diameter if diameter is None else None
    params = params or usual_params(model.config, options.diameter, spacing)
    model = fit_model(model, stack.array, stack.axes)
    local = _of_each_frame(local_bandwidths, stack.count or 1)
    labels, told = [], list[str]()
    for done, pixels in enumerate(stack.normalised(model.config.scaling)):
        part = share(progress, done, stack.count or 1)
        emap = predict_resampled(model, pixels, options, spacing, part)
        labels.append(cluster(emap, params, method, local[done]))
        told += emap.notes
    found = stack.label_image(labels)
    notes = constant_notes(stack) if found.any() else signal_notes(stack, model.config.scaling)
    notes = (*notes, *dict.fromkeys(told))
    if measured is not None:
        notes = (*notes, measured_note(model.config, measured))
    return Segmented(
        found, notes, model, params, stack, options.diameter, measured=measured is not None
    )


def _segment_large(
    image: Any,
    model: EmbeddingModel,
    params: ClusterParams | None,
    reading: tuple[str | None, Channel | None, tuple[float, ...] | None],
    options: PredictOptions,
    local_bandwidths: Sequence[Sequence[LocalBandwidth]],
    progress: Progress | None,
) -> Segmented | None:
    """Segment an image in blocks; None where it fits into memory."""
    axes, channel, spacing = reading
    config = model.config
    layout = image_layout(image.shape, axes, config, channel)
    if not must_be_divided(image, layout, config, options, spacing):
        return None
    arranged: Any = ArrangedImage(image, layout)
    ranges = intensity_ranges(config, arranged, layout.read_axes)
    large = LargeImage(arranged, layout.read_axes, ranges, spacing)
    params = params or usual_params(config, options.diameter, spacing)
    local = _of_each_frame(local_bandwidths, layout.frame_count)
    frames, blocks = segment_in_blocks(model, large, options, params, local, progress)
    stack = ImageStack(arranged, layout.read_axes, config.in_channels, spacing, ranges, layout)
    labels = stack.label_image(frames)
    return Segmented(labels, (NOTE.format(blocks),), model, params, stack, options.diameter)


def _of_each_frame(
    local: Sequence[Sequence[LocalBandwidth]], count: int
) -> Sequence[Sequence[LocalBandwidth]]:
    if len(local) > count:
        raise ValueError(
            f"local_bandwidths must have a list for each of {count} frames, found {len(local)}."
        )
    return (*local, *((),) * (count - len(local)))


_MARGIN = 64
"""Context around the region that is given to the network, in pixels."""


def segment_region(
    model: EmbeddingModel,
    image: ImageStack,
    field: tuple[slice, ...],
    options: PredictOptions,
    params: ClusterParams | None = None,
) -> NDArray[np.unsignedinteger[Any]]:
    """Segment a region of an image, normalised with the intensities of the whole image.

    Parameters
    ----------
    model : EmbeddingModel
        From :func:`load_model`.
    image : ImageStack
        Without frames, see :meth:`ImageStack.frame`.
    field : tuple of slice
        Region, in pixels along ([Z,] Y, X).
    options : PredictOptions
        Inference options.
    params : ClusterParams, optional
        By default the model's own, see :func:`~.object_scale.usual_params`.

    Returns
    -------
    array of uint16 or uint32
        Label image of the region, 0 is background.
    """
    shown = tuple(slice(max(side.start - _MARGIN, 0), side.stop + _MARGIN) for side in field)
    (whole,) = image.normalised(model.config.scaling)
    emap = predict_resampled(model, whole[(slice(None), *shown)], options, image.spacing)
    params = params or usual_params(model.config, options.diameter, image.spacing)
    labels = build_cluster_index(emap).cut(params)
    inner = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(field, shown, strict=True))
    return labels[tuple(inner)]


Method = Literal["mean_shift", "mutex"]


METHODS: tuple[Method, ...] = ("mean_shift", "mutex")
"""Connected mean shift (cut from the cluster index), and mutex watershed."""


def cluster(
    emap: EmbeddingMap,
    params: ClusterParams,
    method: Method = "mean_shift",
    local: Sequence[LocalBandwidth] = (),
) -> NDArray[np.unsignedinteger[Any]]:
    """Cluster the embedding of one frame.

    Parameters
    ----------
    emap : EmbeddingMap
        From :func:`predict_embedding`.
    params : ClusterParams
        Mutex watershed ignores the seed threshold.
    method : {"mean_shift", "mutex"}
        See :func:`build_cluster_index` and :func:`mutex_watershed`.
    local : sequence of LocalBandwidth
        Bandwidths of single objects; mutex watershed has none.

    Returns
    -------
    array of uint16 or uint32, shape ([Z,] Y, X)
        Label image, 0 is background.

    Raises
    ------
    ValueError
        For an unknown method, or when the package it needs is missing.
    """
    if method == "mean_shift":
        return build_cluster_index(emap).cut(params, local=tuple(local))
    if method == "mutex":
        return mutex_watershed(emap, params)
    raise ValueError(f"method must be one of {', '.join(METHODS)}, found {method!r}.")

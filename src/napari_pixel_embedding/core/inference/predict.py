"""Prediction of embedding maps: resample, run the network, resample back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.features.given import features_of, fit_model
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import resample, zoom_for, zoomed_shape
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.passes import run_network
from napari_pixel_embedding.core.progress import share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress


def predict_embedding(
    model: EmbeddingModel,
    image: Any,
    *,
    axes: str | None = None,
    channel: Channel | None = None,
    frame: int | None = None,
    tile_shape: Sequence[int] | None = None,
    halo: Sequence[int] | None = None,
    spacing: tuple[float, ...] | None = None,
    diameter: float | None = None,
    augment: int = 1,
    ranges: NDArray[np.floating[Any]] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> EmbeddingMap:
    """Run a model on an image, or on one frame of it.

    Parameters
    ----------
    model : EmbeddingModel
        From :func:`load_model`.
    image : array_like
        Any real dtype; dask and zarr arrays are read. Axes as in ``axes``.
    axes : str, optional
        One letter out of T, C, Z, Y, X for each axis in any order, such as "YX", "YXC" or "TCZYX".
        Guessed from the model and the shape where unambiguous. RGB is converted to grey for a
        model of one channel, and a 2-D model takes the planes along Z one by one.
    channel : int or str, optional
        The one channel to read: its number from 0; or of a colour picture "grey", "red", "green",
        "blue", "haematoxylin", "eosin" or "DAB".
    frame : int, optional
        Index along T; needed when the image has that axis. For a 2-D model and an image with T
        and Z, planes are counted through in the image's order. See :func:`predict_frames`.
    tile_shape, halo : sequence of int, optional
        Pixels of a tile along the spatial axes, and of its overlap on each side; both are
        rounded up to multiples of the network's stride.
    spacing : tuple of float, optional
        Size of a pixel along the spatial axes, kept in the result.
    diameter : float, optional
        Typical diameter of the image's objects, in its pixels. The image is resampled
        to the model's object diameter; the result is in the image's own pixels.
    augment : {1, 4, 8}
        Number of views for test-time augmentation: 1 none, 4 with flips, 8 with rotations as
        well; the time grows in proportion. Foreground, distance, and the coordinate components of
        the embedding are averaged over all views; other components, which are not comparable
        between views, come from the original view.
    ranges : array, shape (C, 2), optional
        Intensities of each channel that are scaled to 0 and 1, for a crop of a larger image; from
        :func:`~.intensity.intensity_ranges`. By default the image's own.
    device : str
        "auto", "cpu", "cuda" or "mps".
    progress : callable, optional
        Called with the finished fraction; raises ``Cancelled`` to stop.

    Returns
    -------
    EmbeddingMap
        With the image's spatial shape.

    Raises
    ------
    ValueError
        When image, axes and model do not fit together; the message says what was expected.

    Examples
    --------
    >>> from napari_pixel_embedding import load_model, predict_embedding
    >>> from skimage.data import human_mitosis
    >>> emap = predict_embedding(load_model("nuclei-fluo"), human_mitosis()[:256, :256])
    >>> emap.shape
    (256, 256)
    """
    stack = read_stack(
        image, model.config, axes, channel=channel, spacing=spacing, ranges=ranges
    ).frame(frame)
    options = PredictOptions(device, diameter, tile_shape, halo, augment)
    (pixels,) = stack.normalised(model.config.scaling)
    return replace(predict_resampled(model, pixels, options, spacing, progress), frame=frame)


def predict_frames(
    model: EmbeddingModel,
    image: Any,
    *,
    axes: str | None = None,
    channel: Channel | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[EmbeddingMap]:
    """Run a model on each frame along T, and a 2-D model on each plane; else on the whole image.

    Dim frames are normalised relative to the others, see
    :func:`~.normalisation.frame_ranges`.

    Parameters and errors are those of :func:`predict_embedding`.

    Yields
    ------
    EmbeddingMap
        One for each frame.
    """
    given = {name: options.pop(name, None) for name in ("spacing", "ranges")}
    stack = read_stack(image, model.config, axes, channel=channel, **given)
    yield from embed_frames(model, stack, PredictOptions(**options), progress)


def embed_frames(
    model: EmbeddingModel,
    stack: ImageStack,
    options: PredictOptions,
    progress: Progress | None = None,
) -> Iterator[EmbeddingMap]:
    """Run a model on each frame of an image with known axes; see :func:`predict_frames`."""
    model = fit_model(model, stack.array, stack.axes)
    for done, pixels in enumerate(stack.normalised(model.config.scaling)):
        part = share(progress, done, stack.count or 1)
        emap = predict_resampled(model, pixels, options, stack.spacing, part)
        yield emap if stack.count is None else replace(emap, frame=done)


def predict_resampled(
    model: EmbeddingModel,
    pixels: NDArray[np.float32],
    options: PredictOptions,
    spacing: tuple[float, ...] | None = None,
    progress: Progress | None = None,
) -> EmbeddingMap:
    """Run a model on a frame resampled to the model's object diameter; the map is resampled back.

    Parameters
    ----------
    model : EmbeddingModel
    pixels : array, shape (C, [Z,] Y, X)
        Normalised.
    options : PredictOptions
        Inference options.
    spacing : tuple of float, optional
        Size of a pixel along the spatial axes.
    progress : callable, optional
        Called with the finished fraction.
    """
    given = features_of(model, pixels, spacing)
    if given is not None:
        return given
    shape = pixels.shape[1:]
    zoom = zoom_for(model.config, options.diameter, spacing)
    seen = resample(pixels, zoomed_shape(shape, zoom))
    return run_network(model, seen, options, progress).finished(model.config, shape, spacing)


def predict_at_own_scale(
    model: EmbeddingModel, pixels: NDArray[np.float32], device: str = "auto"
) -> EmbeddingMap:
    """Run a model on a normalised frame (C, [Z,] Y, X) that already has the model's object size."""
    maps = run_network(model, pixels, PredictOptions(device))
    return maps.finished(model.config, pixels.shape[1:])


def predict_foreground(
    model: EmbeddingModel, pixels: NDArray[np.float32], device: str = "auto"
) -> NDArray[np.float32]:
    """Return the foreground probability ([Z,] Y, X); input as in :func:`predict_at_own_scale`."""
    return run_network(model, pixels, PredictOptions(device)).foreground

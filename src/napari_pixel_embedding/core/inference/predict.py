"""From an image to its embedding map, in tiles when it is large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.inference.axes import channels_first, select_frame, with_axes
from napari_pixel_embedding.core.inference.normalisation import frame_ranges, normalise
from napari_pixel_embedding.core.inference.object_scale import (
    resample,
    zoom_for,
    zoomed_shape,
)
from napari_pixel_embedding.core.inference.test_time_augmentation import symmetries
from napari_pixel_embedding.core.inference.tiling import plan_tiles
from napari_pixel_embedding.core.model.devices import autocast, resolve_device
from napari_pixel_embedding.core.model.networks import for_inference
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.test_time_augmentation import Symmetry
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress

_TILE = {2: (1024, 1024), 3: (96, 256, 256)}
"""Largest tile along the spatial axes: most stacks have one layer of tiles."""


def predict_embedding(
    model: EmbeddingModel,
    image: Any,
    *,
    axes: str | None = None,
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
        Any real dtype; dask and zarr arrays are read. Axes as ``axes`` says.
    axes : str, optional
        One letter an axis out of T, C, Z, Y, X, such as "YX", "YXC" or "TCZYX". Guessed from
        the model and the shape when it can be. Red, green and blue become grey for a model
        of one channel.
    frame : int, optional
        Index along T; needed when the image has that axis. See :func:`predict_frames`.
    tile_shape, halo : sequence of int, optional
        Pixels of a tile along the spatial axes, and of its overlap on each side; both are
        rounded up to what the network needs.
    spacing : tuple of float, optional
        Size of a pixel along the spatial axes, kept in the result.
    diameter : float, optional
        Typical diameter of the image's objects, in its pixels. The network sees the image
        resampled to the diameter it knows; the result has the image's own pixels again.
    augment : {1, 4, 8}
        How many times the network looks at the image: once, also flipped, also turned. Takes so
        many times as long. Foreground, distance, and positions among the vectors are means of
        all views; other components are those of the plain view, for views do not agree on them.
    ranges : array, shape (C, 2), optional
        Intensities of each channel that are scaled to 0 and 1, for a part of a larger image; from
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
        When image, axes and model do not fit; the message says what was expected.

    Examples
    --------
    >>> from napari_pixel_embedding import load_model, predict_embedding
    >>> from skimage.data import human_mitosis
    >>> emap = predict_embedding(load_model("nuclei-fluo"), human_mitosis()[:256, :256])
    >>> emap.shape
    (256, 256)
    """
    image, axes = with_axes(model.config, image, axes)
    if "T" in axes:
        image, axes = select_frame(image, axes, frame)
    channels = channels_first(image, axes, model.config)
    pixels = normalise(channels, model.config.percentiles, ranges)
    return predict_normalised(
        model, pixels, tile_shape, halo, spacing, diameter, device, progress, frame, augment
    )


def predict_normalised(
    model: EmbeddingModel,
    pixels: NDArray[np.float32],
    tile_shape: Sequence[int] | None = None,
    halo: Sequence[int] | None = None,
    spacing: tuple[float, ...] | None = None,
    diameter: float | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    frame: int | None = None,
    augment: int = 1,
) -> EmbeddingMap:
    """Run a model on a normalised frame (C, [Z,] Y, X); see :func:`predict_embedding`."""
    shape = zoomed_shape(pixels.shape[1:], zoom_for(model.config, diameter, spacing))
    sides = symmetries(augment)
    maps = _predict_views(model, resample(pixels, shape), sides, tile_shape, halo, device, progress)
    maps = _finish(maps, model.config, pixels.shape[1:])
    return _as_embedding_map(maps, model.config, spacing, frame)


def predict_frames(
    model: EmbeddingModel,
    image: Any,
    *,
    axes: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[EmbeddingMap]:
    """Run a model on each frame along T; on the image itself when it has no such axis.

    Dim frames are scaled with regard to the others, see
    :func:`~.normalisation.frame_ranges`.

    Parameters and errors are those of :func:`predict_embedding`.

    Yields
    ------
    EmbeddingMap
        One a frame.
    """
    image, axes = with_axes(model.config, image, axes)
    frames: list[int | None] = list(range(image.shape[axes.index("T")])) if "T" in axes else [None]
    given = options.pop("ranges", None)
    own = frame_ranges(model.config, image, axes) if given is None else None
    for done, frame in enumerate(frames):
        part = None if progress is None else _part(progress, done, len(frames))
        yield predict_embedding(
            model,
            image,
            axes=axes,
            frame=frame,
            ranges=given if own is None else own[done],
            progress=part,
            **options,
        )


def predict_foreground(
    model: EmbeddingModel, image: NDArray[np.float32], device: str = "auto"
) -> NDArray[np.float32]:
    """Foreground probability ([Z,] Y, X) of a normalised frame (C, [Z,] Y, X)."""
    return _predict(model, image, None, None, device, None).foreground


def _part(progress: Progress, done: int, count: int) -> Progress:
    return lambda fraction: progress((done + fraction) / count)


@dataclass(frozen=True, eq=False)
class _Maps:
    """Raw outputs for a whole image, float32: embedding (E, ...), foreground, distance (...)."""

    embedding: NDArray[np.float32]
    foreground: NDArray[np.float32]
    distance: NDArray[np.float32]


def _finish(maps: _Maps, config: ModelConfig, shape: tuple[int, ...]) -> _Maps:
    """Turn raw outputs into what an embedding map holds, in the image's own pixels."""
    embedding = maps.embedding
    if config.coordinate_scale is not None:
        _add_coordinates(embedding, config.coordinate_scale)
    embedding = resample(embedding, shape)
    if config.space == "cosine":
        embedding /= np.maximum(np.linalg.norm(embedding, axis=0), 1e-6)
    scalars = resample(np.stack([maps.foreground, maps.distance]), shape).clip(0, 1)
    return _Maps(embedding, scalars[0], scalars[1])


def _add_coordinates(embedding: NDArray[np.float32], scale: float) -> None:
    """Add position divided by ``scale`` pixels to the first vectors (E, [Z,] Y, X), in place."""
    ndim = embedding.ndim - 1
    for axis, size in enumerate(embedding.shape[1:]):
        along = np.arange(size, dtype=np.float32) / scale
        embedding[axis] += along.reshape([-1 if a == axis else 1 for a in range(ndim)])


def _as_embedding_map(
    maps: _Maps, config: ModelConfig, spacing: tuple[float, ...] | None, frame: int | None
) -> EmbeddingMap:
    return EmbeddingMap(
        embedding=maps.embedding,
        foreground=maps.foreground,
        distance=maps.distance,
        space=config.space,
        delta_var=config.delta_var,
        delta_dist=config.delta_dist,
        spacing=spacing,
        frame=frame,
        position_channels=0 if config.coordinate_scale is None else config.ndim,
    )


def _predict_views(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    sides: Sequence[Symmetry],
    tile_shape: Sequence[int] | None,
    halo: Sequence[int] | None,
    device: str,
    progress: Progress | None,
) -> _Maps:
    """Run the network on several views of an image (C, [Z,] Y, X) and average what they share."""
    ndim = model.config.ndim
    shared = 0 if model.config.coordinate_scale is None else ndim
    first, *others = (
        None if progress is None else _part(progress, done, len(sides))
        for done in range(len(sides))
    )
    maps = _predict(model, image, tile_shape, halo, device, first)
    for view, part in zip(sides[1:], others, strict=True):
        seen = _predict(model, view.apply(image), tile_shape, halo, device, part)
        maps.foreground[...] += view.undo(seen.foreground)
        maps.distance[...] += view.undo(seen.distance)
        if shared:
            maps.embedding[:shared] += view.undo_vectors(seen.embedding[:shared])
    for total in (maps.foreground, maps.distance, maps.embedding[:shared]):
        total /= len(sides)
    return maps


def _predict(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    tile_shape: Sequence[int] | None,
    halo: Sequence[int] | None,
    device: str,
    progress: Progress | None,
) -> _Maps:
    """Run the network over the tiles of a normalised image (C, [Z,] Y, X) and blend them."""
    config, shape = model.config, image.shape[1:]
    plan = plan_tiles(shape, config.stride, tile_shape or _TILE[config.ndim], halo)
    padded = _pad(image, plan.padded_shape)
    where = resolve_device(device)
    network = for_inference(model.network, where)
    blended = np.zeros((config.embedding_dim + 2, *plan.padded_shape), np.float32)
    report(progress, 0.0)
    for done, origin in enumerate(plan.origins, start=1):
        window = tuple(slice(o, o + t) for o, t in zip(origin, plan.tile_shape, strict=True))
        tile = torch.from_numpy(np.ascontiguousarray(padded[(slice(None), *window)]))[None]
        outputs = _run(network, tile.to(where))
        blended[(slice(None), *window)] += outputs * plan.weight(origin)
        report(progress, done / len(plan.origins))
    crop = (slice(None), *(slice(n) for n in shape))
    blended = np.ascontiguousarray(blended[crop])
    return _Maps(blended[:-2], blended[-2], blended[-1])


@torch.inference_mode()
def _run(network: torch.nn.Module, tile: torch.Tensor) -> NDArray[np.float32]:
    """Embedding, foreground probability and distance of one tile: (E + 2, [Z,] Y, X)."""
    if tile.ndim == 4:
        tile = tile.contiguous(memory_format=torch.channels_last)
    with autocast(tile.device):
        output = network(tile)
    embedding = output.embedding[0]
    maps = torch.empty((len(embedding) + 2, *embedding.shape[1:]), device=tile.device)
    maps[:-2] = embedding  # each pixel is touched once: to float32 and to its place
    maps[-2].copy_(output.foreground[0]).sigmoid_()
    maps[-1].copy_(output.distance[0]).clamp_(0, 1)
    return maps.cpu().numpy()


def _pad(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    missing = [(0, after - n) for n, after in zip(image.shape[1:], shape, strict=True)]
    return np.pad(image, [(0, 0), *missing], mode="symmetric")

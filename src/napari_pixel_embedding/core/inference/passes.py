"""Tiled inference and test-time augmentation.

An image larger than a tile is covered with overlapping tiles, whose outputs are blended with
weights that sum to 1. With test-time augmentation the network also sees the image flipped and
rotated; its outputs are transformed back and averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.inference.object_scale import resample
from napari_pixel_embedding.core.inference.tiles.plan import plan_tiles
from napari_pixel_embedding.core.inference.tiles.runner import run_over_tiles
from napari_pixel_embedding.core.inference.tiles.views import symmetries
from napari_pixel_embedding.core.model.devices import resolve_device
from napari_pixel_embedding.core.model.networks import for_inference
from napari_pixel_embedding.core.progress import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress

_TILE = {2: (1024, 1024), 3: (96, 256, 256)}
"""Largest tile along the spatial axes; most stacks fit into one tile along Z."""


@dataclass(frozen=True, eq=False)
class Maps:
    """Outputs of a network for a whole image, in the network's pixels, float32.

    ``embedding`` (E, [Z,] Y, X); ``foreground``, a probability, and ``distance`` ([Z,] Y, X);
    ``notes``, a sentence where memory ran out.
    """

    embedding: NDArray[np.float32]
    foreground: NDArray[np.float32]
    distance: NDArray[np.float32]
    notes: tuple[str, ...] = ()

    def finished(
        self, config: ModelConfig, shape: tuple[int, ...], spacing: tuple[float, ...] | None = None
    ) -> EmbeddingMap:
        """Resample the outputs to ``shape`` ([Z,] Y, X) and return them as an embedding map."""
        embedding = resample(self.embedding, shape)
        if config.space == "cosine":
            embedding /= np.maximum(np.linalg.norm(embedding, axis=0), 1e-6)
        foreground, distance = resample(np.stack([self.foreground, self.distance]), shape)
        found = distance.clip(0, 1) if config.has_distance else None
        return EmbeddingMap(
            embedding=embedding,
            foreground=foreground.clip(0, 1),
            distance=found,
            space=config.space,
            delta_var=config.delta_var,
            drifts=config.drifts,
            delta_dist=config.delta_dist,
            spacing=spacing,
            position_channels=0 if config.coordinate_scale is None else config.ndim,
            notes=self.notes,
        )


def run_network(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    options: PredictOptions,
    progress: Progress | None = None,
) -> Maps:
    """Run a network on an image without resampling it.

    Parameters
    ----------
    model : EmbeddingModel
    image : array, shape (C, [Z,] Y, X)
        Normalised.
    options : PredictOptions
        The diameter is ignored.
    progress : callable, optional
        Called with the finished fraction; raises ``Cancelled`` to stop.
    """
    config = model.config
    maps = _over_views(model, image, options, progress)
    if config.coordinate_scale is not None:
        _add_coordinates(maps.embedding, config.coordinate_scale)
    return maps


def _add_coordinates(embedding: NDArray[np.float32], scale: float) -> None:
    """Add position / ``scale`` to the first components of an embedding (E, [Z,] Y, X), in place."""
    ndim = embedding.ndim - 1
    for axis, size in enumerate(embedding.shape[1:]):
        along = np.arange(size, dtype=np.float32) / scale
        embedding[axis] += along.reshape([-1 if a == axis else 1 for a in range(ndim)])


def _over_views(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    options: PredictOptions,
    progress: Progress | None,
) -> Maps:
    """Run the network on the views of an image (C, [Z,] Y, X); average the comparable outputs."""
    views = symmetries(options.augment)
    shared = 0 if model.config.coordinate_scale is None else model.config.ndim
    maps = _over_tiles(model, image, options, share(progress, 0, len(views)))
    for done, view in enumerate(views[1:], start=1):
        part = share(progress, done, len(views))
        seen = _over_tiles(model, view.apply(image), options, part)
        maps.foreground[...] += view.undo(seen.foreground)
        maps.distance[...] += view.undo(seen.distance)
        if shared:
            maps.embedding[:shared] += view.undo_vectors(seen.embedding[:shared])
    for total in (maps.foreground, maps.distance, maps.embedding[:shared]):
        total /= len(views)
    return maps


def _usual_tile(ndim: int, side: int | None) -> tuple[int, ...]:
    """Return the shape of a tile, with another side along Y and X where one is given."""
    usual = _TILE[ndim]
    return usual if side is None else (*usual[:-2], side, side)


def _over_tiles(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    options: PredictOptions,
    progress: Progress | None,
) -> Maps:
    """Run the network over the tiles of an image (C, [Z,] Y, X) and blend them."""
    config, shape = model.config, image.shape[1:]
    tile = options.tile_shape or _usual_tile(config.ndim, options.tile)
    if config.tile_side is not None:
        tile = (config.tile_side,) * config.ndim
    where = resolve_device(options.device)
    network = for_inference(model.network, where)
    made = run_over_tiles(
        network,
        image,
        lambda side: plan_tiles(shape, config.stride, side, options.halo),
        tuple(tile),
        where,
        None if config.tile_side is None else tuple(tile),
        progress,
    )
    crop = (slice(None), *(slice(n) for n in shape))
    blended = np.ascontiguousarray(made.outputs[crop])
    return Maps(blended[:-2], blended[-2], blended[-1], made.notes)

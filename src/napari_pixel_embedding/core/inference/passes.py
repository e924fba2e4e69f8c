"""Tiled inference and test-time augmentation.

An image larger than a tile is covered with overlapping tiles, whose outputs are blended with
weights that sum to 1. With test-time augmentation the network also sees the image flipped and
rotated; its outputs are transformed back and averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.inference.object_scale import resample
from napari_pixel_embedding.core.inference.options import AUGMENTS
from napari_pixel_embedding.core.model.devices import autocast, resolve_device
from napari_pixel_embedding.core.model.networks import for_inference
from napari_pixel_embedding.core.progress import report, share

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    ``embedding`` (E, [Z,] Y, X); ``foreground``, a probability, and ``distance`` ([Z,] Y, X).
    """

    embedding: NDArray[np.float32]
    foreground: NDArray[np.float32]
    distance: NDArray[np.float32]

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
            delta_dist=config.delta_dist,
            spacing=spacing,
            position_channels=0 if config.coordinate_scale is None else config.ndim,
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
    tile_shape = options.tile_shape or _usual_tile(config.ndim, options.tile)
    if config.tile_side is not None:
        tile_shape = (config.tile_side,) * config.ndim
    plan = plan_tiles(shape, config.stride, tile_shape, options.halo)
    padded = _pad(image, plan.padded_shape)
    where = resolve_device(options.device)
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
    return Maps(blended[:-2], blended[-2], blended[-1])


@torch.inference_mode()
def _run(network: torch.nn.Module, tile: torch.Tensor) -> NDArray[np.float32]:
    """Return embedding, foreground probability and distance of a tile: (E + 2, [Z,] Y, X)."""
    if tile.ndim == 4:
        tile = tile.contiguous(memory_format=torch.channels_last)
    with autocast(tile.device):
        output = network(tile)
    embedding = output.embedding[0]
    maps = torch.empty((len(embedding) + 2, *embedding.shape[1:]), device=tile.device)
    maps[:-2] = embedding  # cast to float32 and copy in one pass
    maps[-2].copy_(output.foreground[0]).sigmoid_()
    maps[-1].copy_(output.distance[0]).clamp_(0, 1)
    return maps.cpu().numpy()


def _pad(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    missing = [(0, after - n) for n, after in zip(image.shape[1:], shape, strict=True)]
    return np.pad(image, [(0, 0), *missing], mode="symmetric")


# ------------------------------------------------------------------------------------------- tiles


@dataclass(frozen=True)
class TilePlan:
    """Positions and blending weights of the tiles of an image."""

    padded_shape: tuple[int, ...]
    tile_shape: tuple[int, ...]
    halo: tuple[int, ...]
    origins: tuple[tuple[int, ...], ...]

    def weight(self, origin: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the blending weights of the tile at ``origin``, shape ``tile_shape``.

        The weights of all tiles sum to 1 in every pixel of the image.
        """
        weight = np.ones(self.tile_shape, np.float32)
        for axis, start in enumerate(origin):
            ramp = self._shares(axis, start)
            weight *= ramp.reshape([-1 if a == axis else 1 for a in range(len(origin))])
        return weight

    def _shares(self, axis: int, start: int) -> NDArray[np.float32]:
        starts = sorted({origin[axis] for origin in self.origins})
        tile, size = self.tile_shape[axis], self.padded_shape[axis]
        total = np.zeros(size, np.float32)
        for other in starts:
            total[other : other + tile] += self._ramp(axis, other)
        return self._ramp(axis, start) / total[start : start + tile]

    def _ramp(self, axis: int, start: int) -> NDArray[np.float32]:
        """Linear ramp: 1 in the tile's core, falling over the halo, except at the image border."""
        tile, size, halo = self.tile_shape[axis], self.padded_shape[axis], self.halo[axis]
        position = np.arange(tile, dtype=np.float32) + 0.5
        before = position if start > 0 else np.full(tile, np.inf)
        after = tile - position if start + tile < size else np.full(tile, np.inf)
        reach = (np.minimum(before, after) - halo / 2) / max(halo, 1)
        ramp: NDArray[np.float32] = np.clip(reach, 1e-6, 1).astype(np.float32)
        return ramp


def plan_tiles(
    shape: Sequence[int],
    stride: int,
    tile_shape: Sequence[int],
    halo: Sequence[int] | None = None,
) -> TilePlan:
    """Cover an image with tiles whose origins and sizes are multiples of ``stride``.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of the image, ([Z,] Y, X).
    stride : int
        Total stride of the network: only tiles on this grid are pooled on the same grid as the
        whole image.
    tile_shape, halo : sequence of int
        Largest tile, and its overlap on each side (default two strides). Tiles are shrunk as far
        as the same number still covers the image, which reduces the overlap.
    """
    halo = (2 * stride,) * len(shape) if halo is None else halo
    if len(tile_shape) != len(shape) or len(halo) != len(shape):
        raise ValueError(
            f"tile_shape and halo must name the {len(shape)} spatial axes, "
            f"found {tuple(tile_shape)} and {tuple(halo)}."
        )
    padded = tuple(_round_up(n, stride) for n in shape)
    tile = tuple(min(_round_up(t, stride), p) for t, p in zip(tile_shape, padded, strict=True))
    overlap = tuple(
        min(_round_up(h, stride), (t // stride - 1) // 2 * stride)
        for h, t in zip(halo, tile, strict=True)
    )
    tile = tuple(_even(*each, stride) for each in zip(padded, tile, overlap, strict=True))
    starts = [_starts(p, t, h) for p, t, h in zip(padded, tile, overlap, strict=True)]
    return TilePlan(padded, tile, overlap, tuple(product(*starts)))


def _even(size: int, tile: int, halo: int, stride: int) -> int:
    """Return the smallest tile side that needs no more tiles than ``tile`` does."""
    inner = size - 2 * halo
    count = max(math.ceil(inner / (tile - 2 * halo)), 1)
    return _round_up(math.ceil(inner / count) + 2 * halo, stride)


def _starts(size: int, tile: int, halo: int) -> list[int]:
    step = tile - 2 * halo
    return [*range(0, size - tile, step), size - tile]


def _round_up(value: int, multiple: int) -> int:
    return max(-(-value // multiple), 1) * multiple


# ------------------------------------------------------------------------------------------- views


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the plane.

    Parameters
    ----------
    turns : int
        Rotations by 90° in the plane Y, X.
    mirrored : bool
        Whether X is reversed after that.
    """

    turns: int = 0
    mirrored: bool = False

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Transform an image whose last axes are Y and X."""
        turned = np.rot90(image, self.turns, (-2, -1))
        return np.ascontiguousarray(turned[..., ::-1] if self.mirrored else turned)

    def undo(self, image: NDArray[Any]) -> NDArray[Any]:
        """Invert :meth:`apply`."""
        straight = image[..., ::-1] if self.mirrored else image
        return np.rot90(straight, -self.turns, (-2, -1))

    def undo_vectors(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Invert :meth:`apply` for a vector field (D, [Z,] Y, X): positions and directions."""
        back = self.undo(vectors).copy()
        if self.mirrored:
            back[-1] *= -1
        for _ in range(self.turns % 4):
            back[-2:] = np.stack([back[-1], -back[-2]])
        return back


def symmetries(augment: int) -> list[Symmetry]:
    """Return the symmetries for test-time augmentation, the identity first.

    Parameters
    ----------
    augment : {1, 4, 8}
        1 for the identity, 4 with flips, 8 with rotations by 90° as well.

    Raises
    ------
    ValueError
        For another number.

    Examples
    --------
    >>> symmetries(1)
    [Symmetry(turns=0, mirrored=False)]
    """
    if augment not in AUGMENTS:
        raise ValueError(
            f"augment must be one of {', '.join(map(str, AUGMENTS))}, found {augment}."
        )
    turns = range(0, 4, 1 if augment == 8 else 2)
    return [Symmetry(turn, mirrored) for turn in turns for mirrored in (False, True)][:augment]

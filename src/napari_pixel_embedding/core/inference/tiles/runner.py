"""The tiles of an image through a network: in batches, blended on the device, with less if need be.

Where memory runs out, a batch is halved; a single tile that does not fit is replaced by smaller
ones, from the beginning, so that the result is that of a run with such tiles; and the smallest runs
on the CPU.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from napari_pixel_embedding.core.inference.tiles.memory import (
    forget_cached,
    free_memory,
    is_out_of_memory,
)
from napari_pixel_embedding.core.model.devices import autocast
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_pixel_embedding.core.inference.tiles.plan import TilePlan
    from napari_pixel_embedding.core.progress import Progress

    Side = tuple[int, ...]

_CPU = torch.device("cpu")
_MOST_TILES = 16
"""Tiles of a batch on a device; more no longer make it faster."""
_BYTES_A_PIXEL = 600
"""Device memory for a pixel of a tile: all feature maps that are alive at once, generously."""
_SMALLEST = 64
"""Side along Y and X below which tiles are halved no more."""


class Made(NamedTuple):
    """Outputs (E + 2, [Z,] Y, X) on the padded image, float32, and what is to be said of them."""

    outputs: NDArray[np.float32]
    notes: tuple[str, ...]


def run_over_tiles(
    network: torch.nn.Module,
    image: NDArray[np.float32],
    plan_for: Callable[[Side], TilePlan],
    tile: Side,
    device: torch.device,
    only: Side | None = None,
    progress: Progress | None = None,
) -> Made:
    """Run a network over the tiles of an image and blend the outputs.

    Parameters
    ----------
    network : torch.nn.Module
        Ready for inference, on ``device``.
    image : array, shape (C, [Z,] Y, X)
        Normalised.
    plan_for : callable
        Plans the tiles of a size.
    tile : tuple of int
        Largest tile to begin with.
    device : torch.device
    only : tuple of int, optional
        The one size that the network takes, where it takes no other.
    progress : callable, optional
        Called with the finished fraction; raises ``Cancelled`` to stop.

    Returns
    -------
    Made
        Embedding, foreground probability and distance; and a sentence where memory ran out.

    Raises
    ------
    MemoryError
        Where not even the smallest tile fits on the CPU.
    """
    notes: tuple[str, ...] = ()
    while True:
        plan = plan_for(tile)
        smaller = _smaller(plan, only)
        runner = _Runner(network, plan, device, last=smaller is None)
        outputs = runner.run(_padded(image, plan.padded_shape), progress)
        if outputs is not None:
            return Made(outputs, (*notes, *runner.notes))
        assert smaller is not None  # the smallest tiles run on the CPU instead
        tile = smaller
        notes = (
            f"The memory of {_name(device)} was too small for the image in one go: it was read in "
            f"tiles of {' × '.join(map(str, tile))} pixels.",
        )


class _Runner:
    """One attempt with tiles of one size."""

    def __init__(
        self, network: torch.nn.Module, plan: TilePlan, device: torch.device, last: bool
    ) -> None:
        self._network, self._plan, self._device = network, plan, device
        self._last = last
        self._on_cpu: torch.nn.Module | None = None
        self._blended: Tensor | None = None
        self.notes: tuple[str, ...] = ()

    def run(
        self, image: NDArray[np.float32], progress: Progress | None
    ) -> NDArray[np.float32] | None:
        """Return the blended outputs; None where a tile of this size does not fit."""
        origins, size = self._plan.origins, self._batch_size()
        done = 0
        report(progress, 0.0)
        while done < len(origins):
            some = origins[done : done + size]
            failed = self._add(image, some)
            if not failed:
                done += len(some)
                report(progress, done / len(origins))
                continue
            forget_cached(self._device)
            if len(some) > 1:
                size = math.ceil(len(some) / 2)
            elif self._last and self._on_cpu is None and self._device.type != "cpu":
                self._move_to_cpu()
            elif self._last:
                raise MemoryError(
                    f"there is too little memory for a tile of {self._plan.tile_shape} pixels: "
                    "close other programs, or choose a model with a smaller network."
                )
            else:
                return None
        assert self._blended is not None
        return self._blended.cpu().numpy()

    def _batch_size(self) -> int:
        """How many tiles run at once: one on the CPU, where more are no faster."""
        free = free_memory(self._device)
        if free is None:
            return 1
        fitting = free // (2 * _BYTES_A_PIXEL * math.prod(self._plan.tile_shape))
        return int(min(max(fitting, 1), _MOST_TILES))

    def _add(self, image: NDArray[np.float32], origins: Sequence[Side]) -> bool:
        """Add the outputs of tiles to the blended ones; return whether memory ran out."""
        try:
            outputs = self._outputs(np.stack([image[self._window(o)] for o in origins]))
            if self._blended is None:
                self._blended = self._room(len(outputs[0]))
            weights = [torch.from_numpy(self._plan.weight(o)).to(outputs.device) for o in origins]
            parts = (outputs * torch.stack(weights)[:, None]).to(self._blended.device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return True  # dealt with by the caller: here the error still holds what it allocated
        for origin, part in zip(origins, parts, strict=True):
            self._blended[self._window(origin)] += part
        return False

    @torch.inference_mode()
    def _outputs(self, tiles: NDArray[np.float32]) -> Tensor:
        """Return embedding, foreground probability and distance: (B, E + 2, [Z,] Y, X)."""
        batch = torch.from_numpy(tiles)
        network = self._network if self._on_cpu is None else self._on_cpu
        device = self._device if self._on_cpu is None else _CPU
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        if device.type == "cuda":
            batch = batch.pin_memory()
        batch = batch.to(device, non_blocking=True)
        with autocast(device):
            output = network(batch)
        depth = output.embedding.shape[1]
        shape = (len(batch), depth + 2, *output.embedding.shape[2:])
        maps = torch.empty(shape, device=device)
        maps[:, :-2] = output.embedding  # cast to float32 and copy in one pass
        maps[:, -2].copy_(output.foreground).sigmoid_()
        maps[:, -1].copy_(output.distance).clamp_(0, 1)
        return maps

    def _room(self, channels: int) -> Tensor:
        """Return zeros for the blended outputs: on the device where they fit, else in memory."""
        shape = (channels, *self._plan.padded_shape)
        free = free_memory(self._device)
        if self._on_cpu is None and free is not None and 4 * math.prod(shape) < free // 3:
            try:
                return torch.zeros(shape, device=self._device)
            except RuntimeError as error:  # others hold more than the device tells
                if not is_out_of_memory(error):
                    raise
        return torch.zeros(shape)

    def _window(self, origin: Side) -> tuple[slice, ...]:
        sides = zip(origin, self._plan.tile_shape, strict=True)
        return (slice(None), *(slice(o, o + t) for o, t in sides))

    def _move_to_cpu(self) -> None:
        self._on_cpu = self._network.to(_CPU)
        if self._blended is not None:
            self._blended = self._blended.cpu()
        self.notes = (
            f"The memory of {_name(self._device)} was too small for the smallest tiles: the rest "
            "ran on the CPU, which takes longer.",
        )


def _smaller(plan: TilePlan, only: Side | None) -> Side | None:
    """Return a tile of half the sides in the plane; None where it is small already."""
    if only is not None:
        return None
    *planes, rows, columns = plan.tile_shape
    if max(rows, columns) > _SMALLEST:
        return (*planes, max(rows // 2, _SMALLEST), max(columns // 2, _SMALLEST))
    return None


def _name(device: torch.device) -> str:
    return "the CPU" if device.type == "cpu" else f"the device {device.type}"


def _padded(image: NDArray[np.float32], shape: Side) -> NDArray[np.float32]:
    missing = [(0, after - n) for n, after in zip(image.shape[1:], shape, strict=True)]
    return np.pad(image, [(0, 0), *missing], mode="symmetric")

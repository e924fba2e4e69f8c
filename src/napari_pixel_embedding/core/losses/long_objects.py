"""Objects longer than the network sees: their vectors are held together part by part.

A network cannot know at one end of a filament what lies at the other, so it cannot give both the
same vector, and the pull of the whole object's mean (De Brabandere et al., 2017) only adds noise.
Within a window it can. The windows of successive batches overlap, so vectors change slowly along
an object, and its parts merge where they touch (see
:func:`~napari_pixel_embedding.core.clustering.merge_tree.link`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_pixel_embedding.core.losses.terms import Objects


def cut_at_windows(
    objects: Objects, pairs: Tensor, shape: Sequence[int], window: float
) -> tuple[Objects, Tensor]:
    """Cut objects at a grid of windows, and pair the parts that the objects' pairs have nearby.

    Parameters
    ----------
    objects : Objects
        Of a batch.
    pairs : int64, shape (P, 2)
        Ordered pairs of objects that are pushed apart.
    shape : sequence of int
        Pixels of an image of the batch along ([Z,] Y, X).
    window : float
        Side of a window in pixels. Where the grid lies follows from the batch, so that a step
        depends on nothing else.

    Returns
    -------
    Objects
        The parts, each with the image and label of its object.
    int64, shape (Q, 2)
        Ordered pairs of parts of paired objects, in the same window or in windows that touch.
    """
    cells = _cells(objects, shape, window)
    side = max(int(cells.max()) + 1 if cells.numel() else 1, 1)
    place = (cells * side ** torch.arange(cells.shape[1], device=cells.device)).sum(1)
    many = side ** cells.shape[1]
    unique, owner, size = torch.unique(
        objects.owner * many + place, return_inverse=True, return_counts=True
    )
    whole = torch.div(unique, many, rounding_mode="floor")
    parts = replace(
        objects,
        owner=owner,
        image=objects.image[whole],
        label=objects.label[whole],
        size=size.to(torch.float32),
    )
    cell = cells.new_zeros((len(unique), cells.shape[1])).index_copy(0, owner, cells)
    return parts, _near_pairs(whole, cell, pairs, len(objects))


def _cells(objects: Objects, shape: Sequence[int], window: float) -> Tensor:
    """Return each pixel's window along each axis, int64, shape (N, D)."""
    position = torch.unravel_index(objects.pixels % math.prod(shape), tuple(shape))
    shift = int(objects.pixels.sum()) % max(int(window), 1)
    return torch.stack([torch.floor((p + shift) / window).long() for p in position], 1)


def _near_pairs(whole: Tensor, cell: Tensor, pairs: Tensor, count: int) -> Tensor:
    """Return the pairs of parts (Q, 2) of paired objects whose windows are the same or touch."""
    paired = torch.zeros((count, count), dtype=torch.bool, device=whole.device)
    paired[pairs[:, 0], pairs[:, 1]] = True
    found = torch.nonzero(paired[whole[:, None], whole[None]])
    near = (cell[found[:, 0]] - cell[found[:, 1]]).abs().amax(1) <= 1
    return found[near]

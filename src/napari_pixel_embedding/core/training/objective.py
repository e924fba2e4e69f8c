"""Training objective: the loss terms of the heads on one batch and their weighted sum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from napari_pixel_embedding.core.losses.long_objects import cut_at_windows
from napari_pixel_embedding.core.losses.terms import (
    DiscriminativeLoss,
    NeighbourCosineLoss,
    Objects,
    distance_loss,
    foreground_loss,
    instance_dice_loss,
    object_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.networks import NetworkOutput
    from napari_pixel_embedding.core.training.batches import Batch
    from napari_pixel_embedding.core.training.config import LossConfig


def loss_terms(
    output: NetworkOutput,
    batch: Batch,
    model: ModelConfig,
    config: LossConfig,
    instance_dice: bool = False,
) -> dict[str, Tensor]:
    """Return the loss terms of a batch, in float32: foreground, distance, intra, inter, reg.

    ``instance_dice`` adds that term, which costs the most time.
    """
    objects = Objects.from_labels(batch.labels, config.min_pixels)
    vectors = object_vectors(output.embedding.float(), objects)
    if model.coordinate_scale is not None:
        vectors = _add_coordinates(vectors, objects, batch.labels.shape[1:], model.coordinate_scale)
    embedding_loss: DiscriminativeLoss | NeighbourCosineLoss
    if model.space == "euclidean":
        embedding_loss = DiscriminativeLoss(model.delta_var, model.delta_dist)
        local = config.neighbours_only or model.coordinate_scale is not None
    else:
        embedding_loss, local = NeighbourCosineLoss(config.cosine_form), True
    pairs = objects.neighbour_pairs(batch.neighbours) if local else objects.all_pairs()
    if model.pull_window is not None:
        objects, pairs = cut_at_windows(objects, pairs, batch.labels.shape[1:], model.pull_window)
    terms = embedding_loss(vectors, objects, pairs)
    found = {
        "foreground": foreground_loss(
            output.foreground.float(), batch.labels, config.unlabelled_weight
        ),
        "distance": distance_loss(output.distance.float(), batch.distance, batch.labels),
        "intra": terms.intra,
        "inter": terms.inter,
        # With coordinates added, the norm of a mean depends on the object's position.
        "reg": terms.reg if model.coordinate_scale is None else terms.reg * 0.0,
    }
    if instance_dice:
        neighbours = (
            pairs
            if local or model.pull_window is not None
            else objects.neighbour_pairs(batch.neighbours)
        )
        compared = F.normalize(vectors, dim=1) if model.space == "cosine" else vectors
        found["instance_dice"] = instance_dice_loss(compared, objects, neighbours, model.delta_var)
    return found


def _add_coordinates(
    vectors: Tensor, objects: Objects, shape: Sequence[int], scale: float
) -> Tensor:
    """Add position / ``scale`` to the first components of the pixels' vectors (N, E)."""
    position = torch.unravel_index(objects.pixels % math.prod(shape), tuple(shape))
    coordinates = torch.stack(position, 1).to(vectors.dtype) / scale
    ndim = len(shape)
    return torch.cat([vectors[:, :ndim] + coordinates, vectors[:, ndim:]], dim=1)


def weighted_sum(
    terms: dict[str, Tensor], config: LossConfig, with_embedding: bool = True
) -> Tensor:
    """Return the weighted sum of the terms; without those of the embedding during warm-up."""
    early = ("foreground", "distance", "teacher")
    names = [n for n in terms if with_embedding or n in early]
    return torch.stack([getattr(config, name) * terms[name] for name in names]).sum()


def check_teacher(teacher: ModelConfig, learner: ModelConfig) -> None:
    """Check that two models' outputs can be compared.

    Raises
    ------
    ValueError
        When they differ in channels, axes, system or embedding.
    """
    fields = ("axes", "in_channels", "space", "embedding_dim", "coordinate_scale", "pull_window")
    for name in fields:
        taught, own = getattr(teacher, name), getattr(learner, name)
        if taught != own:
            raise ValueError(
                f"the teacher {teacher.name!r} must have the {name} of the model that learns: "
                f"expected {own!r}, found {taught!r}."
            )

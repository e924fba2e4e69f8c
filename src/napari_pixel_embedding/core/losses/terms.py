"""Embedding, foreground and distance losses.

The embedding losses pull pixels of one object together and push objects apart. All losses work on
label images by scatter sums, never on one-hot masks. Pixels labelled −1 or −2 are unknown and left
out, except that −1 may count as background with a small weight. Inputs are float32: call the losses
outside of autocast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from napari_pixel_embedding.core.model.networks import NetworkOutput

IGNORE = -1
"""Label of unknown pixels."""

EXCLUDED = -2
"""Label of pixels excluded from every loss, also where −1 counts weakly as background."""

UNSEPARATED = -3
"""Label of pixels known as foreground, though not of which object: for the foreground alone."""

_EPS = 1e-6


class EmbeddingTerms(NamedTuple):
    """Terms of an embedding loss: scalars, averaged over the batch."""

    intra: Tensor
    inter: Tensor
    reg: Tensor


@dataclass(frozen=True)
class Objects:
    """The objects of a batch of label images, as indices for scatter sums.

    Parameters
    ----------
    pixels : int64, shape (N,)
        Flat positions, in (B, [Z,] Y, X), of all pixels that belong to an object.
    owner : int64, shape (N,)
        Index, 0 to K − 1, of the object that each of these pixels belongs to.
    image : int64, shape (K,)
        Index in the batch of each object's image.
    label : int64, shape (K,)
        Label of each object in its image.
    size : float32, shape (K,)
        Pixels of each object.
    batch_size : int
        Number of images.
    """

    pixels: Tensor
    owner: Tensor
    image: Tensor
    label: Tensor
    size: Tensor
    batch_size: int

    @classmethod
    def from_labels(cls, labels: Tensor, min_pixels: int = 1) -> Objects:
        """Index the objects of ``labels`` (B, [Z,] Y, X) that have ``min_pixels`` or more."""
        flat = labels.reshape(labels.shape[0], -1)
        stride = max(int(flat.max()), 0) + 1
        offsets = torch.arange(flat.shape[0], device=flat.device).unsqueeze(1) * stride
        keys = (flat + offsets).reshape(-1)
        pixels = torch.nonzero(flat.reshape(-1) > 0).squeeze(1)
        unique, owner, size = torch.unique(keys[pixels], return_inverse=True, return_counts=True)
        keep = size >= min_pixels
        renumbered = torch.cumsum(keep, 0) - 1
        kept_pixels = keep[owner]
        return cls(
            pixels=pixels[kept_pixels],
            owner=renumbered[owner[kept_pixels]],
            image=torch.div(unique[keep], stride, rounding_mode="floor"),
            label=unique[keep] % stride,
            size=size[keep].to(torch.float32),
            batch_size=labels.shape[0],
        )

    def __len__(self) -> int:
        return len(self.image)

    @property
    def count_in_image(self) -> Tensor:
        """Number of objects in each image, float32, shape (B,)."""
        return torch.bincount(self.image, minlength=self.batch_size).to(torch.float32)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over each object of values (N, ...) given for its pixels: shape (K, ...)."""
        total = values.new_zeros((len(self), *values.shape[1:]))
        total = total.index_add(0, self.owner, values)
        return total / self.size.reshape(-1, *(1,) * (values.ndim - 1))

    def batch_mean(self, per_object: Tensor) -> Tensor:
        """Mean over the objects of each image, then over the images that have any: a scalar."""
        count = self.count_in_image
        weight = 1.0 / (count[self.image] * torch.count_nonzero(count).clamp(min=1))
        return (per_object * weight).sum()

    def all_pairs(self) -> Tensor:
        """Ordered pairs of different objects of one image, int64, shape (P, 2)."""
        same_image = self.image.unsqueeze(0) == self.image.unsqueeze(1)
        return torch.nonzero(same_image.fill_diagonal_(False))

    def neighbour_pairs(self, neighbours: list[Tensor]) -> Tensor:
        """Ordered pairs of objects (P, 2), from pairs of labels (P_b, 2) for each image."""
        counts = torch.tensor([len(pairs) for pairs in neighbours])
        image = torch.repeat_interleave(torch.arange(len(neighbours)), counts)
        wanted = _key(image[:, None], torch.cat(neighbours)).to(self.image.device)
        if len(self) == 0:
            return wanted[:0]
        keys = _key(self.image, self.label)  # they rise: objects are sorted by image and label
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        one_way = place[(keys[place] == wanted).all(1)]
        return torch.cat([one_way, one_way.flip(1)])


@dataclass(frozen=True)
class DiscriminativeLoss:
    """Discriminative loss of the Euclidean embedding (De Brabandere et al., CVPR workshops 2017).

    Hinge margins: pixels are pulled to within ``delta_var`` of their object's mean, and the means
    of the given pairs of objects are pushed ``2 * delta_dist`` apart.

    Notes
    -----
    The slides this project follows print the inter term as ``[d − 2δ]₊²``, which is zero for
    objects that lie on top of each other and attracts distant ones; the published
    ``[2δ − d]₊²`` is used here.
    """

    delta_var: float = 0.5
    delta_dist: float = 1.5

    def __call__(self, vectors: Tensor, objects: Objects, pairs: Tensor) -> EmbeddingTerms:
        """Loss of the objects' pixel vectors (N, E), with the ordered ``pairs`` (P, 2)."""
        means = objects.mean(vectors)
        spread = _safe_norm(vectors - means.index_select(0, objects.owner))
        intra = objects.mean(F.relu(spread - self.delta_var).square())
        one, other = (means.index_select(0, side) for side in pairs.T)
        apart = _safe_norm(one - other)
        push = F.relu(2 * self.delta_dist - apart).square()
        return EmbeddingTerms(
            objects.batch_mean(intra),
            objects.batch_mean(_mean_over_partners(push, pairs, len(objects))),
            objects.batch_mean(_safe_norm(means)),
        )


@dataclass(frozen=True)
class NeighbourCosineLoss:
    """Cosine embedding with local constraints (Chen, Strauch & Merhof, MICCAI 2019).

    Vectors of one object point the same way; means of neighbouring objects are orthogonal.

    Parameters
    ----------
    form : {"squared", "absolute", "signed"}
        Term minimised between neighbours: cos², |cos| or cos. With ``signed``, negative values
        offset positive ones; use it only for non-negative embeddings.
    """

    form: Literal["squared", "absolute", "signed"] = "squared"

    def __post_init__(self) -> None:
        if self.form not in ("squared", "absolute", "signed"):
            raise ValueError(
                f"form must be 'squared', 'absolute' or 'signed', found {self.form!r}."
            )

    def __call__(self, vectors: Tensor, objects: Objects, pairs: Tensor) -> EmbeddingTerms:
        """Loss of the objects' pixel vectors (N, E), with the ordered ``pairs`` (P, 2)."""
        unit = F.normalize(vectors, dim=1, eps=_EPS)
        means = F.normalize(objects.mean(unit), dim=1, eps=_EPS)
        intra = objects.mean(1 - (unit * means.index_select(0, objects.owner)).sum(1))
        one, other = (means.index_select(0, side) for side in pairs.T)
        cosine = (one * other).sum(1)
        if self.form == "squared":
            cosine = cosine.square()
        elif self.form == "absolute":
            cosine = cosine.abs()
        inter = _mean_over_partners(cosine, pairs, len(objects))
        return EmbeddingTerms(
            objects.batch_mean(intra), objects.batch_mean(inter), vectors.sum() * 0.0
        )


def instance_dice_loss(vectors: Tensor, objects: Objects, pairs: Tensor, delta: float) -> Tensor:
    """One minus the Dice overlap of each object with its soft mask, a scalar.

    The soft mask of an object is exp(−d² / 2σ²), with d the distance of a pixel's vector to the
    object's mean. Its target is 1 on the object and 0 on its partners; pixels of other objects
    are left out, so that distant objects may share a vector. Dice as in Milletari
    et al., 3DV 2016, without the squares in the denominator.

    Parameters
    ----------
    vectors : float32, shape (N, E)
        Embedding of the objects' pixels.
    objects : Objects
    pairs : int64, shape (P, 2)
        Ordered pairs of objects that must not overlap.
    delta : float
        Distance at which the soft mask is 1/2; this is σ √(2 ln 2).
    """
    means, sharpness = objects.mean(vectors), math.log(2) / delta**2
    own = means.index_select(0, objects.owner)
    mask = torch.exp(-sharpness * (vectors - own).square().sum(1))
    inside = vectors.new_zeros(len(objects)).index_add(0, objects.owner, mask)
    owner, pixel = _partner_pixels(objects, pairs)
    apart = vectors.index_select(0, pixel) - means.index_select(0, owner)
    spilt = torch.exp(-sharpness * apart.square().sum(1))
    outside = vectors.new_zeros(len(objects)).index_add(0, owner, spilt)
    return objects.batch_mean(1 - 2 * inside / (inside + outside + objects.size))


def _partner_pixels(objects: Objects, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Return, for every pair (A, B) and every pixel of B: A, and the pixel's index among all N."""
    by_owner = torch.argsort(objects.owner)
    size = torch.bincount(objects.owner, minlength=len(objects))
    first = torch.cumsum(size, 0) - size
    count = size[pairs[:, 1]]
    start = torch.repeat_interleave(first[pairs[:, 1]] - (torch.cumsum(count, 0) - count), count)
    place = start + torch.arange(start.numel(), device=start.device)
    return torch.repeat_interleave(pairs[:, 0], count), by_owner[place]


def foreground_loss(logits: Tensor, labels: Tensor, unlabelled_weight: float = 0.0) -> Tensor:
    """Binary cross-entropy plus soft Dice loss of foreground logits, both (B, [Z,] Y, X).

    The target is ``labels > 0``, or −3; pixels labelled −1 count as background with the weight
    ``unlabelled_weight``, pixels labelled −2 are left out. Dice as in Milletari et al.,
    3DV 2016, without the squares in the denominator.
    """
    known = labels != EXCLUDED
    weight = torch.where(labels == IGNORE, unlabelled_weight, 1.0) * known
    target = ((labels > 0) | (labels == UNSEPARATED)).to(logits.dtype)
    probability = torch.sigmoid(logits)
    overlap = 2 * (probability * target).sum() + 1
    dice = 1 - overlap / ((weight * probability).sum() + target.sum() + 1)
    entropy = F.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    return entropy / weight.sum().clamp(min=_EPS) + dice


def distance_loss(predicted: Tensor, distance: Tensor, labels: Tensor) -> Tensor:
    """Smooth L1 loss between predicted and true normalised distance, both (B, [Z,] Y, X).

    Pixels with labels below 0 are left out.
    """
    known = labels >= 0
    apart = F.smooth_l1_loss(predicted, distance, beta=0.1, reduction="none")
    return (apart * known).sum() / known.sum().clamp(min=1)


def imitation_loss(output: NetworkOutput, taught: NetworkOutput) -> Tensor:
    """Difference of a network's outputs for a batch from its teacher's, a scalar.

    Cross-entropy to the teacher's foreground probability, and smooth L1 of distance and embedding;
    the embedding counts as much as the teacher sees foreground. The outputs of two networks of one
    system that add position to the embedding are comparable vector by vector, because position
    fixes the frame of the vectors.
    """
    probability = torch.sigmoid(taught.foreground.float())
    foreground = F.binary_cross_entropy_with_logits(output.foreground.float(), probability)
    distance = F.smooth_l1_loss(output.distance.float(), taught.distance.float(), beta=0.1)
    apart = F.smooth_l1_loss(
        output.embedding.float(), taught.embedding.float(), reduction="none"
    ).sum(1)
    embedding = (probability * apart).sum() / (probability.sum() + 1)
    return foreground + 4 * distance + embedding


def object_vectors(embedding: Tensor, objects: Objects) -> Tensor:
    """Vectors (N, E) of the objects' pixels, from an embedding (B, E, [Z,] Y, X)."""
    channels_last = embedding.movedim(1, -1).reshape(-1, embedding.shape[1])
    return channels_last.index_select(0, objects.pixels)


def _key(image: Tensor, label: Tensor) -> Tensor:
    """One number for an object, by which objects are sorted by image and label."""
    return image * 2**32 + label


def _safe_norm(x: Tensor) -> Tensor:
    """Euclidean norm over the last axis whose gradient is finite at zero."""
    return (x.square().sum(-1) + _EPS**2).sqrt()


def _mean_over_partners(per_pair: Tensor, pairs: Tensor, count: int) -> Tensor:
    """Mean over each object's partners, 0 for an object without any: shape (K,)."""
    partners = torch.bincount(pairs[:, 0], minlength=count).to(per_pair.dtype)
    total = per_pair.new_zeros(count).index_add(0, pairs[:, 0], per_pair)
    return total / partners.clamp(min=1)

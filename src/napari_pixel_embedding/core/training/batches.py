"""Batches of random crops with geometric and intensity augmentation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_pixel_embedding.core.losses.terms import IGNORE
from napari_pixel_embedding.core.training.stains import vary_stains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.training.config import Augmentation
    from napari_pixel_embedding.core.training.targets import Sample


class Batch(NamedTuple):
    """Augmented crops: image (B, C, [Z,] Y, X), labels and distance (B, [Z,] Y, X).

    ``neighbours`` holds the pairs of neighbouring labels of each image, int64 (P, 2).
    """

    image: Tensor
    labels: Tensor
    distance: Tensor
    neighbours: list[Tensor]

    def to(self, device: torch.device) -> Batch:
        """Move the pixel arrays to ``device``; the label pairs stay on the CPU."""
        return self._each(lambda array: array.to(device, non_blocking=array.is_pinned()))

    def parts(self, size: int) -> Iterator[Batch]:
        """Yield the batch in parts of at most ``size`` crops."""
        for first in range(0, len(self.image), size):
            some = slice(first, first + size)
            yield Batch(
                self.image[some], self.labels[some], self.distance[some], self.neighbours[some]
            )

    def pinned(self) -> Batch:
        """Copy the pixel arrays to memory that a GPU can read from while it computes."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        image, labels, distance = map(change, (self.image, self.labels, self.distance))
        return Batch(image, labels, distance, self.neighbours)


def draw_batch(
    samples: Sequence[Sample],
    batch_size: int,
    crop: int,
    rng: np.random.Generator,
    augmentation: Augmentation | None = None,
    stride: int = 16,
    sampling_weights: Sequence[float] | None = None,
    centred: bool = False,
) -> Batch:
    """Draw augmented crops of ``crop`` pixels a side that contain annotated objects.

    Parameters
    ----------
    samples : sequence of Sample
        Samples to draw from.
    batch_size, crop : int
        Number of crops and pixels along each of their sides; stacks with fewer planes than
        ``crop`` are cropped to the largest multiple of ``stride`` planes that fits.
    rng : numpy.random.Generator
        Source of all randomness.
    augmentation : Augmentation, optional
        None switches it off.
    stride : int
        Sides are rounded up to multiples of it, which the network needs.
    sampling_weights : sequence of float, optional
        Relative sampling probability of each sample; by default the square root of its size.
    centred : bool
        Place every crop around the centre of an object drawn uniformly, instead of anywhere that
        contains an object; for sparse objects.
    """
    if sampling_weights is None:
        sampling_weights = [math.sqrt(sample.labels.size) for sample in samples]
    drawn = rng.choice(
        len(samples), batch_size, p=np.divide(sampling_weights, sum(sampling_weights))
    )
    chosen = [samples[i] for i in drawn]
    shape = _crop_shape(chosen, crop, stride)
    crops = [_crop(sample, shape, rng, augmentation, centred) for sample in chosen]
    return Batch(
        image=torch.stack([c.image for c in crops]),
        labels=torch.stack([c.labels for c in crops]),
        distance=torch.stack([c.distance for c in crops]),
        neighbours=[torch.from_numpy(sample.neighbours) for sample in chosen],
    )


def _crop_shape(samples: Sequence[Sample], crop: int, stride: int) -> tuple[int, ...]:
    side = -(-crop // stride) * stride
    if samples[0].labels.ndim == 2:
        return (side, side)
    planes = min(sample.labels.shape[0] for sample in samples)
    return (max(min(planes // stride * stride, side), stride), side, side)


class _Crop(NamedTuple):
    image: Tensor
    labels: Tensor
    distance: Tensor


def _crop(
    sample: Sample,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    augmentation: Augmentation | None,
    centred: bool,
) -> _Crop:
    scale = 1.0 if augmentation is None else float(np.exp(rng.uniform(*np.log(augmentation.scale))))
    reach = tuple(max(round(n / scale), 1) for n in shape)
    place = _place_at_object if centred and len(sample.centres) else _place
    image, labels, distance = _window(sample, place(sample, reach, rng), reach)
    crop = _resize(image, labels, distance, shape)
    if augmentation is None:
        return crop
    crop = _flip(crop, rng)
    return crop._replace(image=_vary_intensity(crop.image, augmentation, rng))


def _place(sample: Sample, reach: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """Draw the first corner of a window; an empty window is moved to an object."""
    room = [max(n - r, 0) for n, r in zip(sample.labels.shape, reach, strict=True)]
    corner = [int(rng.integers(0, n + 1)) for n in room]
    window = tuple(slice(c, c + r) for c, r in zip(corner, reach, strict=True))
    if len(sample.centres) and not (sample.labels[window] > 0).any():
        return _place_at_object(sample, reach, rng)
    return tuple(corner)


def _place_at_object(
    sample: Sample, reach: tuple[int, ...], rng: np.random.Generator
) -> tuple[int, ...]:
    """Draw the first corner of a window whose inner half contains the centre of an object."""
    centre = sample.centres[rng.integers(len(sample.centres))]
    return tuple(
        int(np.clip(c - rng.integers(r // 4, r - r // 4 + 1), 0, max(n - r, 0)))
        for c, r, n in zip(centre, reach, sample.labels.shape, strict=True)
    )


def _window(
    sample: Sample, corner: tuple[int, ...], reach: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """Cut a window out of a sample; beyond the border the image is mirrored, its labels unknown."""
    window = tuple(slice(c, c + r) for c, r in zip(corner, reach, strict=True))
    image = sample.image[(slice(None), *window)]
    labels, distance = sample.labels[window], sample.distance[window]
    missing = [(0, r - n) for r, n in zip(reach, labels.shape, strict=True)]
    if any(after for _, after in missing):
        image = np.pad(image, [(0, 0), *missing], mode="symmetric")
        labels = np.pad(labels, missing, constant_values=IGNORE)
        distance = np.pad(distance, missing)
    return image, labels, distance


def _resize(
    image: NDArray[np.float32],
    labels: NDArray[np.int32],
    distance: NDArray[np.float32],
    shape: tuple[int, ...],
) -> _Crop:
    smooth = "bilinear" if len(shape) == 2 else "trilinear"
    pixels = torch.from_numpy(np.concatenate([image, distance[None]]))[None]
    known = torch.from_numpy(np.ascontiguousarray(labels, np.float64))[None, None]
    if tuple(labels.shape) != shape:
        pixels = F.interpolate(pixels, size=shape, mode=smooth, align_corners=False)
        known = F.interpolate(known, size=shape, mode="nearest-exact")
    return _Crop(pixels[0, :-1], known[0, 0].to(torch.int64), pixels[0, -1])


def _flip(crop: _Crop, rng: np.random.Generator) -> _Crop:
    """Flip along random axes and rotate by multiples of 90° in the plane."""
    ndim = crop.labels.ndim
    flips = [-1 - axis for axis in range(ndim) if rng.random() < 0.5]
    turns = int(rng.integers(4))
    return _Crop(*(torch.rot90(torch.flip(t, flips), turns, (-2, -1)).contiguous() for t in crop))


def _vary_intensity(image: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Augment stains, gamma, brightness, contrast and noise of a normalised image."""
    if _is_coloured(image) and _happens(augmentation.stains, rng):
        image = vary_stains(image, rng)
    if _happens(augmentation.inverted, rng):
        image = 1 - image
    gamma = float(np.exp(rng.uniform(-augmentation.gamma, augmentation.gamma)))
    image = image.sign() * image.abs().pow(gamma)
    image = image * float(1 + rng.uniform(-augmentation.brightness, augmentation.brightness))
    image = image + float(rng.uniform(-augmentation.brightness, augmentation.brightness))
    if augmentation.color > 0:
        image = _vary_color(image, augmentation.color, rng)
    noise = rng.standard_normal(tuple(image.shape), np.float32)
    return image + float(rng.uniform(0, augmentation.noise)) * torch.from_numpy(noise)


def _is_coloured(image: Tensor) -> bool:
    """Whether an image has two axes and three channels that differ: a grey one has no stains."""
    return len(image) == 3 and image.ndim == 3 and not torch.equal(image[0], image[2])


def _happens(share: float, rng: np.random.Generator) -> bool:
    """Whether this is one of that share of the crops; nothing is drawn where there are none."""
    return share > 0 and bool(rng.random() < share)


def _vary_color(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Augment gain and offset of each channel of an image (C, [Z,] Y, X) independently."""
    gain, offset = rng.uniform(-strength, strength, (2, len(image), *(1,) * (image.ndim - 1)))
    return image * torch.from_numpy(1 + gain).float() + torch.from_numpy(offset).float()

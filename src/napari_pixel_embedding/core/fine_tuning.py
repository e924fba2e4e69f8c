"""Tuning a model on a user's corrections, however few they are."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.checkpoint import EmbeddingModel
from napari_pixel_embedding.core.data import Augmentation, Sample, prepare_sample
from napari_pixel_embedding.core.inference import iterate_frames, predict_foreground
from napari_pixel_embedding.core.losses import IGNORE
from napari_pixel_embedding.core.training import TrainConfig, TrainProgress, check_ranges, train

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

_GENTLE = Augmentation(scale=(0.85, 1.2), gamma=0.2, noise=0.03, brightness=0.1)


@dataclass(frozen=True)
class FineTuneConfig:
    """How a model is tuned on corrections."""

    steps: int = field(
        default=150,
        metadata={
            "label": "Steps",
            "min": 1,
            "max": 100_000,
            "tooltip": "Batches to learn. 150 take about a minute on a laptop.",
        },
    )
    learning_rate: float = field(
        default=3e-4,
        metadata={
            "label": "Learning rate",
            "min": 1e-6,
            "max": 1e-2,
            "step": 1e-4,
            "tooltip": "Higher learns faster and forgets more of what the model knew.",
        },
    )
    batch_size: int = field(
        default=2,
        metadata={"label": "Batch size", "min": 1, "max": 32, "tooltip": "Crops in a batch."},
    )
    crop: int = field(
        default=192,
        metadata={
            "label": "Crop (pixels)",
            "min": 32,
            "max": 1024,
            "step": 16,
            "tooltip": "Side of the square that is learnt from at once; several objects must fit.",
        },
    )
    trust_background: float = field(
        default=0.1,
        metadata={
            "label": "Trust background below",
            "min": 0.0,
            "max": 0.5,
            "step": 0.05,
            "tooltip": (
                "Uncorrected pixels to which the model gives less foreground than this are "
                "learnt as background, so that a few corrected objects do not turn everything "
                "into foreground. 0 learns from corrections alone."
            ),
        },
    )
    seed: int = field(
        default=0,
        metadata={
            "label": "Seed",
            "min": 0,
            "max": 2**31 - 1,
            "tooltip": "Decides all that is random.",
        },
    )

    def __post_init__(self) -> None:
        check_ranges(self)

    def training(self) -> TrainConfig:
        """Translate to a training: no warm-up, gentle augmentation, fixed statistics."""
        return TrainConfig(
            steps=self.steps,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            crop=self.crop,
            seed=self.seed,
            warmup=0.0,
            validate_every=20,
            ema_decay=0.95,
            fixed_statistics=True,
            augmentation=_GENTLE,
        )


def fine_tune(
    model: EmbeddingModel,
    images: NDArray[Any] | Sequence[NDArray[Any]],
    corrections: NDArray[Any] | Sequence[NDArray[Any]],
    config: FineTuneConfig | None = None,
    *,
    axes: str | None = None,
    device: str = "auto",
) -> Generator[TrainProgress, None, None]:
    """Tune a model on corrected labels and report after every step.

    Parameters
    ----------
    model : EmbeddingModel
        The parent; it is copied, not changed.
    images : array or sequence of arrays
        As :func:`predict_embedding` takes them; a stack along T gives a sample a frame.
    corrections : array or sequence of arrays, shape ([T,] [Z,] Y, X)
        Sparse label images: k > 0 is a corrected object, 0 known background, −1 is ignored.
    config : FineTuneConfig, optional
        How to tune.
    axes : str, optional
        Axes of every image.
    device : str
        "auto", "cpu", "cuda" or "mps".

    Yields
    ------
    TrainProgress
        After every step; every 20 steps and on the last one with the tuned model.

    Raises
    ------
    ValueError
        When there is no corrected object, or images and corrections do not fit.
    """
    config = config or FineTuneConfig()
    images, corrections = _as_list(images), _as_list(corrections)
    if len(images) != len(corrections):
        raise ValueError(
            "expected corrections for each image, "
            f"found {len(images)} images and {len(corrections)} correction images."
        )
    samples = [
        sample
        for image, correction in zip(images, corrections, strict=True)
        for sample in _samples(model, image, correction, axes, config.trust_background, device)
    ]
    if not samples:
        raise ValueError(
            "expected at least one corrected object to learn from, found none: paint or repair "
            "an object on the labels layer first."
        )
    start = EmbeddingModel(model.network, _tuned_config(model, samples, config))
    yield from train(start, samples, config.training(), device=device)


def _as_list(arrays: NDArray[Any] | Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return list(arrays) if isinstance(arrays, list | tuple) else [np.asarray(arrays)]


def _samples(
    model: EmbeddingModel,
    image: NDArray[Any],
    corrections: NDArray[Any],
    axes: str | None,
    trust_background: float,
    device: str,
) -> list[Sample]:
    """Turn the frames that hold a corrected object into samples."""
    frames = list(iterate_frames(model.config, image, axes))
    targets = (
        corrections if len(frames) > 1 or corrections.ndim > model.config.ndim else [corrections]
    )
    if len(targets) != len(frames):
        raise ValueError(
            f"expected corrections for {len(frames)} frames, found shape {corrections.shape}."
        )
    return [
        prepare_sample(frame, _with_background(model, frame, target, trust_background, device))
        for frame, target in zip(frames, targets, strict=True)
        if (np.asarray(target) > 0).any()
    ]


def _with_background(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    corrections: NDArray[Any],
    trust_background: float,
    device: str,
) -> NDArray[np.int32]:
    """Mark unknown pixels that the model is sure are background as background."""
    target = np.array(corrections, np.int32)
    if trust_background > 0 and target.shape == image.shape[1:]:
        foreground = predict_foreground(model, image, device=device)
        target[(target == IGNORE) & (foreground < trust_background)] = 0
    return target


def _tuned_config(model: EmbeddingModel, samples: Sequence[Sample], config: FineTuneConfig) -> Any:
    """Name the child and write down where it comes from."""
    objects = sum(len(np.unique(sample.labels[sample.labels > 0])) for sample in samples)
    provenance = {
        "parent": model.name,
        "parent_provenance": model.config.provenance,
        "tuned": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "corrected_objects": objects,
        "images": len(samples),
        "steps": config.steps,
        "learning_rate": config.learning_rate,
    }
    name = model.name if model.name.endswith("-tuned") else f"{model.name}-tuned"
    return replace(model.config, name=name, provenance=provenance)

"""Tuning a model on a user's corrections, however few they are."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.checkpoint import EmbeddingModel
from napari_pixel_embedding.core.configs import FineTuneConfig
from napari_pixel_embedding.core.data import Sample, prepare_sample
from napari_pixel_embedding.core.frames import annotated_frames
from napari_pixel_embedding.core.inference import predict_foreground
from napari_pixel_embedding.core.losses import IGNORE
from napari_pixel_embedding.core.training import TrainProgress, train

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model_config import ModelConfig


def fine_tune(
    model: EmbeddingModel,
    images: NDArray[Any] | Sequence[NDArray[Any]],
    corrections: NDArray[Any] | Sequence[NDArray[Any]],
    config: FineTuneConfig | None = None,
    *,
    axes: str | None = None,
    diameter: float | None = None,
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
    diameter : float, optional
        As in :func:`predict_embedding`, for every image.
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
        for sample in _samples(
            model, image, correction, axes, diameter, config.trust_background, device
        )
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
    diameter: float | None,
    trust_background: float,
    device: str,
) -> list[Sample]:
    """Turn the frames that hold a corrected object into samples."""
    return [
        prepare_sample(frame, _with_background(model, frame, target, trust_background, device))
        for frame, target in annotated_frames(
            model.config, image, corrections, axes, diameter=diameter
        )
        if (target > 0).any()
    ]


def _with_background(
    model: EmbeddingModel,
    image: NDArray[np.float32],
    corrections: NDArray[np.int32],
    trust_background: float,
    device: str,
) -> NDArray[np.int32]:
    """Mark unknown pixels that the model is sure are background as background."""
    if trust_background <= 0:
        return corrections
    foreground = predict_foreground(model, image, device)
    background = (corrections == IGNORE) & (foreground < trust_background)
    return np.where(background, 0, corrections).astype(np.int32)


def _tuned_config(
    model: EmbeddingModel, samples: Sequence[Sample], config: FineTuneConfig
) -> ModelConfig:
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

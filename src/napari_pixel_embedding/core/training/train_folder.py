"""Training on a folder of image and mask pairs; writes the model file and its checkpoint."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.annotated import (
    Annotated,
    TrainingPairs,
    gather,
    sample_evenly,
    select_pairs,
    shape_options,
    split_pairs,
)
from napari_pixel_embedding.core.datasets.pair_checks import read_labelled_images
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.evaluation.evaluate import has_objects
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter
from napari_pixel_embedding.core.io.images import read_image
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    load_model,
    model_path,
    save_model,
)
from napari_pixel_embedding.core.model.presets import NetworkSize, Preset, model_config_for
from napari_pixel_embedding.core.training.checkpoint import checkpoint_path
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.targets import prepare_samples
from napari_pixel_embedding.core.training.train import train
from napari_pixel_embedding.core.training.validation import ap_validation

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.core.training.validation import Validation

    PathLike = str | os.PathLike[str]


def train_from_folder(
    folder: PathLike,
    output: PathLike,
    *,
    preset: Preset = "euclidean",
    size: NetworkSize = "base",
    start: str | EmbeddingModel | None = None,
    config: TrainConfig | None = None,
    validation: PathLike | None = None,
    names: Iterable[str] | None = None,
    hold_back: int = 10,
    max_validation: int = 24,
    split_masks: bool | None = None,
    device: str = "auto",
    **model_options: Any,
) -> Generator[TrainProgress, None, None]:
    """Train a model on the image and mask pairs of a folder.

    The best model so far is written to ``output`` at every validation. A checkpoint to resume from
    is kept beside it, with the suffix ``.training``, until the last step.

    Parameters
    ----------
    folder : path
        Holds ``images/NAME.*`` and ``masks/NAME.*``.
    output : path
        A ``.safetensors`` file.
    preset : {"euclidean", "cosine", "wnet"}
        See :func:`~.presets.model_config_for`.
    size : {"tiny", "small", "base", "large"}
        Of the network, see :data:`~.presets.NETWORK_SIZES`.
    start : str or EmbeddingModel, optional
        A bundled name, a path or a model to start from; it then replaces ``preset``, ``size`` and
        the options that define the network.
    config : TrainConfig, optional
        How to train.
    validation : path, optional
        Another such folder, to validate on; by default pairs of ``folder`` are held back.
    names : iterable of str, optional
        Use only these pairs, of both folders; see :func:`~.pairs.names_where`.
    hold_back : int
        Without ``validation``, every ``hold_back``-th pair is held back to validate on; 0 for none.
    max_validation : int
        Largest number of validation images, evenly spaced over all of them. Where there are none,
        or none with an object, the model of the last step is kept, as the first progress notes.
    split_masks : bool, optional
        What to do where one id covers several pieces, as in a binary mask: make every piece an
        object, or take the ids as they are. None raises an error there.
    device : str
        "auto", "cpu", "cuda" or "mps".
    **model_options
        Fields of :class:`~.config.ModelConfig`.

    Raises
    ------
    FileNotFoundError, ValueError
        Before the first step, when the folder has not the expected form, pairs cannot be used
        (the message names them), or there is no object.
    UnseparatedObjects
        When one id covers several pieces, and ``split_masks`` is None.
    """
    output = model_path(output)
    split = choose_pairs(folder, validation, names, hold_back)
    yield from train_pairs(
        split,
        output,
        preset=preset,
        size=size,
        start=start,
        config=config,
        max_validation=max_validation,
        split_masks=split_masks,
        device=device,
        **model_options,
    )


def train_pairs(
    split: TrainingPairs,
    output: PathLike,
    *,
    preset: Preset = "euclidean",
    size: NetworkSize = "base",
    start: str | EmbeddingModel | None = None,
    config: TrainConfig | None = None,
    max_validation: int = 24,
    split_masks: bool | None = None,
    device: str = "auto",
    **model_options: Any,
) -> Generator[TrainProgress, None, None]:
    """Train a model on chosen pairs; parameters and files are those of :func:`train_from_folder`.

    Parameters
    ----------
    split : TrainingPairs
        Pairs to train on and to validate on.
    """
    output, config = model_path(output), config or TrainConfig()
    if start is None:
        shape = shape_options(read_image(split.train[0].image))
        described = model_config_for(preset, size, **{**shape, **model_options})
        fresh = EmbeddingModel.untrained(described, config.seed)
        model = _told(fresh, config, split, {"preset": preset})
    else:
        model = _told(_renamed(start, model_options), config, split, {})
    data, held = _read(split, max_validation, model.config, split_masks)
    note = _validation_note(held)
    model = _with_spacing(_with_diameter(model, data.labels), data.spacing)
    checkpoint = checkpoint_path(output)
    run = train(
        model,
        prepare_samples(data.images, data.labels, model.config, data.axes, spacing=data.spacing),
        config,
        validation=None if held is None or note else _validation(held, device),
        device=device,
        checkpoint=checkpoint,
    )
    for state in run:
        if state.model is not None:
            save_model(state.model, output)
        yield replace(state, note=note or state.note)
        note = ""
    checkpoint.unlink(missing_ok=True)


def choose_pairs(
    folder: PathLike,
    validation: PathLike | None = None,
    names: Iterable[str] | None = None,
    hold_back: int = 10,
) -> TrainingPairs:
    """Split the pairs of a folder into those to train on and those to validate on.

    Parameters are those of :func:`train_from_folder`; raises as :func:`~.pairs.find_pairs` does.
    """
    names = None if names is None else list(names)
    pairs = select_pairs(find_pairs(folder), names)
    if validation is None:
        return split_pairs(pairs, hold_back)
    return TrainingPairs(pairs, select_pairs(find_pairs(validation), names))


def _renamed(start: str | EmbeddingModel, options: dict[str, Any]) -> EmbeddingModel:
    """Load the start model and give it the name, description and licence of the new one.

    The new one learns from images at their own scale, so it no longer measures that of others.
    """
    model = start if isinstance(start, EmbeddingModel) else load_model(start)
    if model.config.untrainable:
        raise ValueError(model.config.untrainable)
    words = {key: options[key] for key in ("name", "description", "licence") if key in options}
    parent = {"parent": model.name, "parent_provenance": model.config.provenance}
    config = replace(model.config, **words, measures_diameter=False, provenance=parent)
    return EmbeddingModel(model.network, config)


def _told(
    model: EmbeddingModel, config: TrainConfig, split: TrainingPairs, origin: dict[str, Any]
) -> EmbeddingModel:
    """Add images, steps and crops of a training to a model's provenance."""
    provenance = {
        **origin,
        "training_images": len(split.train),
        "steps": config.steps,
        "batch_size": config.batch_size,
        "crop": config.crop,
        **model.config.provenance,
    }
    return EmbeddingModel(model.network, replace(model.config, provenance=provenance))


def _with_diameter(model: EmbeddingModel, labels: Sequence[NDArray[Any]]) -> EmbeddingModel:
    """Set the object diameter of a model from the training labels, unless it is set."""
    if model.config.object_diameter is not None:
        return model
    sizes = [np.unique(image[image > 0], return_counts=True)[1] for image in labels]
    diameter = equivalent_diameter(np.concatenate(sizes), model.config.ndim)
    known = None if math.isnan(diameter) else round(diameter, 1)
    return EmbeddingModel(model.network, replace(model.config, object_diameter=known))


def _with_spacing(
    model: EmbeddingModel, spacing: Sequence[tuple[float, ...] | None]
) -> EmbeddingModel:
    """Set the pixel size of a model from the training images, unless it is set."""
    known = next(filter(None, spacing), None)
    if model.config.pixel_size is not None or known is None:
        return model
    return EmbeddingModel(model.network, replace(model.config, pixel_size=known))


def _read(
    split: TrainingPairs, max_validation: int, config: ModelConfig, split_masks: bool | None
) -> tuple[Annotated, Annotated | None]:
    """Read images to train and to validate on; they are checked together."""
    held, count = sample_evenly(split.validation, max_validation), len(split.train)
    read = read_labelled_images([*split.train, *held], config, split_masks)
    return gather(read[:count], config), gather(read[count:], config) if held else None


def _validation_note(held: Annotated | None) -> str:
    """Say why there is nothing to validate on, and what is done instead; "" where there is."""
    if held is not None and has_objects(held.labels):
        return ""
    if held is None:
        why = "There are no images to validate on"
    else:
        why = f"None of the validation images has an object ({len(held.images)} looked at)"
    return f"{why}, so there is no AP: the model of the last step is kept."


def _validation(data: Annotated, device: str) -> Validation:
    return ap_validation(
        data.images, data.labels, axes=data.axes, spacing=data.spacing, device=device
    )

"""Inspection of a folder of image and mask pairs before training."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.annotated import (
    TrainingPairs,
    select_pairs,
    shape_options,
    split_pairs,
)
from napari_pixel_embedding.core.datasets.pairs import match_pairs
from napari_pixel_embedding.core.inference.axes import resolve_axes
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.pairs import Pair
    from napari_pixel_embedding.core.progress import Progress

    PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class UnusablePair:
    """A file that cannot be used for training, and the reason."""

    name: str
    why: str


@dataclass(frozen=True)
class TrainingPlan:
    """Training and validation pairs of a dataset, and its statistics.

    Parameters
    ----------
    split : TrainingPairs
        The usable pairs.
    bad : tuple of UnusablePair
        The unusable files of both folders.
    objects : int
        Number of objects in the training images; those of a time series are counted per frame.
    median_diameter : float, optional
        Median diameter of these objects, in pixels: that of a disc (ball) of the same size. None
        without objects.
    axes : {"YX", "ZYX"}
        Spatial axes of a model for these images.
    channels : int
        Input channels of such a model.
    """

    split: TrainingPairs
    bad: tuple[UnusablePair, ...]
    objects: int
    median_diameter: float | None
    axes: str
    channels: int


def inspect_dataset(
    folder: PathLike,
    validation: PathLike | None = None,
    *,
    names: Iterable[str] | None = None,
    hold_back: int = 10,
    start: ModelConfig | None = None,
    progress: Progress | None = None,
) -> TrainingPlan:
    """Read all pairs of a folder, exclude unusable ones, and split the others.

    Parameters
    ----------
    folder, validation, names, hold_back
        As in :func:`~.train_folder.train_from_folder`.
    start : ModelConfig, optional
        Configuration of the model to continue training, which the images must fit. By default,
        a model for the most common axes and channels.
    progress : callable, optional
        Called with the finished fraction; raises ``Cancelled`` to stop.

    Raises
    ------
    FileNotFoundError, ValueError
        When a folder does not have the expected form, or no pair is left.
    """
    names = None if names is None else list(names)
    folders = [folder] if validation is None else [folder, validation]
    read, bad = _read_folders(folders, names, progress)
    shape = start or ModelConfig(**_most_common([one.options for one in read[0]]))
    fitting = []
    for looks in read:
        unfit = [(one, _unfit(one, shape)) for one in looks]
        bad += [UnusablePair(one.pair.image.name, why) for one, why in unfit if why]
        fitting.append([one for one, why in unfit if not why])
    if not fitting[0]:
        raise ValueError(_none_left(folder, bad))
    first, *others = ([one.pair for one in looks] for looks in fitting)
    split = TrainingPairs(first, others[0]) if others else split_pairs(first, hold_back)
    sizes = [one.sizes for one in fitting[0] if one.pair in split.train]
    return TrainingPlan(split, tuple(bad), *_objects(sizes, shape.ndim), *_shape_of(shape))


@dataclass(frozen=True, eq=False)
class _Look:
    """Properties of one pair: shapes, axes, and the sizes of its objects."""

    pair: Pair
    shape: tuple[int, ...]
    mask_shape: tuple[int, ...]
    axes: str | None
    options: dict[str, Any]
    sizes: NDArray[np.integer[Any]]


def _read_folders(
    folders: Sequence[PathLike], names: Iterable[str] | None, progress: Progress | None
) -> tuple[list[list[_Look]], list[UnusablePair]]:
    matches = [match_pairs(folder) for folder in folders]
    bad = []
    for found in matches:
        bad += [
            UnusablePair(path.name, "there is no mask of this name") for path in found.images_alone
        ]
        bad += [
            UnusablePair(path.name, "there is no image of this name") for path in found.masks_alone
        ]
    chosen = [select_pairs(found.pairs, names) for found in matches]
    total, done, read = sum(map(len, chosen)), 0, []
    for pairs in chosen:
        looks = []
        for pair in pairs:
            try:
                looks.append(_look(pair))
            except (ValueError, OSError) as error:
                bad.append(UnusablePair(pair.image.name, str(error)))
            done += 1
            report(progress, done / total)
        read.append(looks)
    if not read[0]:
        raise ValueError(_none_left(folders[0], bad))
    return read, bad


def _look(pair: Pair) -> _Look:
    image, mask = read_image(pair.image), read_labels(pair.mask).data
    frames = mask if mask.ndim == 3 and "T" in (image.axes or "") else mask[None]
    sizes = [np.unique(frame[frame > 0], return_counts=True)[1] for frame in frames]
    return _Look(
        pair,
        image.data.shape,
        mask.shape,
        image.axes,
        shape_options(image),
        np.concatenate(sizes),
    )


def _most_common(options: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counted = Counter(tuple(sorted(one.items())) for one in options)
    return dict(counted.most_common(1)[0][0])


def _unfit(look: _Look, model: ModelConfig) -> str:
    """Return why a pair cannot be used for training; empty if it can."""
    try:
        axes = resolve_axes(look.shape, look.axes, model.axes, model.in_channels)
    except ValueError as error:
        return str(error)
    pixels = tuple(n for n, letter in zip(look.shape, axes, strict=True) if letter != "C")
    if look.mask_shape != pixels:
        return f"its mask has other pixels, {look.mask_shape}, than the image, {pixels}"
    return ""


def _objects(sizes: Sequence[NDArray[np.integer[Any]]], ndim: int) -> tuple[int, float | None]:
    """Return the number of objects and their median diameter."""
    every = np.concatenate([np.zeros(0, int), *sizes])
    return every.size, equivalent_diameter(every, ndim) if every.size else None


def _shape_of(model: ModelConfig) -> tuple[str, int]:
    return model.axes, model.in_channels


def _none_left(folder: PathLike, bad: Sequence[UnusablePair]) -> str:
    first = f"; {bad[0].name}: {bad[0].why}" if bad else ""
    return f"Expected pairs that can be learnt from in {folder}, found none{first}."

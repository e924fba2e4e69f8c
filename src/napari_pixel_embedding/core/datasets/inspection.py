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
from napari_pixel_embedding.core.datasets.pair_checks import UnusablePair, mask_layout, unusable
from napari_pixel_embedding.core.datasets.pairs import match_pairs
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter
from napari_pixel_embedding.core.io.binary_masks import (
    Pieces,
    connected_components,
    count_pieces,
    unseparated,
)
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
    validation_objects : int
        Number of objects in the validation images; without any there is no score.
    unseparated : str
        What was found where one id covers several pieces, as in a binary mask, and nobody said
        what they are; empty otherwise.
    """

    split: TrainingPairs
    bad: tuple[UnusablePair, ...]
    objects: int
    median_diameter: float | None
    axes: str
    channels: int
    validation_objects: int = 0
    unseparated: str = ""


def inspect_dataset(
    folder: PathLike,
    validation: PathLike | None = None,
    *,
    names: Iterable[str] | None = None,
    hold_back: int = 10,
    start: ModelConfig | None = None,
    split_masks: bool | None = None,
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
    split_masks : bool, optional
        As in :func:`~.train_folder.train_from_folder`; None asks, see :class:`TrainingPlan`.
    progress : callable, optional
        Called with the finished fraction; raises ``Cancelled`` to stop.

    Raises
    ------
    FileNotFoundError, ValueError
        When a folder does not have the expected form, or no pair is left.
    """
    names = None if names is None else list(names)
    folders = [folder] if validation is None else [folder, validation]
    read, bad = _read_folders(folders, names, start, split_masks, progress)
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
    every = [one for looks in fitting for one in looks]
    sizes = [one.sizes for one in fitting[0] if one.pair in split.train]
    counts = [(one.pair.mask.name, one.pieces) for one in every if one.pieces is not None]
    return TrainingPlan(
        split,
        tuple(bad),
        *_objects(sizes, shape.ndim),
        *_shape_of(shape),
        sum(one.sizes.size for one in every if one.pair in split.validation),
        unseparated(counts),
    )


@dataclass(frozen=True, eq=False)
class _Look:
    """Properties of one pair: shapes, axes, and the sizes of its objects.

    ``pieces`` are counted only where it is not said whether masks are to be split.
    """

    pair: Pair
    shape: tuple[int, ...]
    mask_shape: tuple[int, ...]
    axes: str | None
    options: dict[str, Any]
    sizes: NDArray[np.integer[Any]]
    pieces: Pieces | None


def _read_folders(
    folders: Sequence[PathLike],
    names: Iterable[str] | None,
    start: ModelConfig | None,
    split_masks: bool | None,
    progress: Progress | None,
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
                looks.append(_look(pair, start, split_masks))
            except (ValueError, OSError) as error:
                bad.append(unusable(pair, error))
            done += 1
            report(progress, done / total)
        read.append(looks)
    if not read[0]:
        raise ValueError(_none_left(folders[0], bad))
    return read, bad


def _look(pair: Pair, start: ModelConfig | None, split_masks: bool | None) -> _Look:
    image, mask = read_image(pair.image), read_labels(pair.mask).data
    letters = (image.axes or "").replace("C", "")
    if start is not None and start.axes == "YX" and "T" not in letters:
        letters = letters.replace("Z", "T")  # planes are learnt from one by one
    own = letters if len(letters) == mask.ndim else None
    if split_masks:
        mask = connected_components(mask, own)
    frames = np.moveaxis(mask, own.index("T"), 0) if own and "T" in own else mask[None]
    sizes = [np.unique(frame[frame > 0], return_counts=True)[1] for frame in frames]
    return _Look(
        pair,
        image.data.shape,
        mask.shape,
        image.axes,
        shape_options(image),
        np.concatenate(sizes),
        count_pieces(mask, own) if split_masks is None else None,
    )


def _most_common(options: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counted = Counter(tuple(sorted(one.items())) for one in options)
    return dict(counted.most_common(1)[0][0])


def _unfit(look: _Look, model: ModelConfig) -> str:
    """Return why a pair cannot be used for training; empty if it can."""
    try:
        mask_layout(look.shape, look.axes, look.mask_shape, model)
    except ValueError as error:
        return str(error)
    return ""


def _objects(sizes: Sequence[NDArray[np.integer[Any]]], ndim: int) -> tuple[int, float | None]:
    """Return the number of objects and their median diameter."""
    every = np.concatenate([np.zeros(0, int), *sizes])
    return every.size, equivalent_diameter(every, ndim) if every.size else None


def _shape_of(model: ModelConfig) -> tuple[str, int]:
    return model.axes, model.in_channels


def _none_left(folder: PathLike, bad: Sequence[UnusablePair]) -> str:
    first = f"; {bad[0].name}: {bad[0].why.rstrip('.')}" if bad else ""
    return f"Expected pairs that can be learnt from in {folder}, found none{first}."

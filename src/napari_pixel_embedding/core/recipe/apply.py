"""Applying the recipe of a segmentation to an image."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.features.given import load_source
from napari_pixel_embedding.core.features.source import features_named
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.model.config import ModelFileError, list_models
from napari_pixel_embedding.core.model.devices import available_devices
from napari_pixel_embedding.core.model.library import models_folder
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, fingerprint, load_model
from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
from napari_pixel_embedding.core.recipe.recipe_file import load_segmentation_recipe
from napari_pixel_embedding.core.recipe.record import model_reference, pixels_key, recipe_of_run
from napari_pixel_embedding.core.segmentation.segment import segment_and_record
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.recipe.recipe import BandwidthsByFrame, ModelReference
    from napari_pixel_embedding.core.segmentation.segment import Segmented

_SUFFIXES = (".safetensors", ".onnx", ".zip")
"""Of files that hold a model."""


def apply_recipe(
    recipe: SegmentationRecipe | str | os.PathLike[str],
    image: Any,
    *,
    model: str | os.PathLike[str] | EmbeddingModel | None = None,
    axes: str | None = None,
    allow_other_model: bool = False,
    progress: Progress | None = None,
) -> NDArray[np.unsignedinteger[Any]]:
    """Segment an image as a recipe says.

    On the same image and machine the labels are those that the recipe was made with, bit for bit,
    unless objects were corrected by hand or the image was segmented in parts.

    Parameters
    ----------
    recipe : SegmentationRecipe or path
        From :func:`load_segmentation_recipe` or :func:`recipe_of`, or the path of a recipe file.
    image : array_like
        As in :func:`segment`.
    model : str, path or EmbeddingModel, optional
        Where the recipe's model is now; by default where the recipe says, or in the folder of the
        user's models.
    axes : str, optional
        Axes of this image, in place of the recipe's.
    allow_other_model : bool
        Whether the model may be another one than the recipe was made with.
    progress : callable, optional
        Called with the finished fraction; raises ``Cancelled`` to stop.

    Returns
    -------
    array of uint16 or uint32
        Label image, 0 is background, with the image's axes without channels.

    Raises
    ------
    ValueError
        When the recipe cannot be used, its model is not found or another one, or the image does
        not fit.

    Warns
    -----
    UserWarning
        When single objects' bandwidths were left out because the image is another one, and as
        :func:`segment` does.

    Examples
    --------
    >>> labels = apply_recipe("cells.recipe.json", image)  # doctest: +SKIP
    """
    if not isinstance(recipe, SegmentationRecipe):
        recipe = load_segmentation_recipe(recipe)
    if axes is not None:
        recipe = recipe.changed(axes=axes.upper())
    loaded = find_recipe_model(recipe, model, allow_other_model=allow_other_model)
    made = segment_by_recipe(recipe, as_numeric_image(image), loaded, progress=progress)
    for note in made.notes:
        warnings.warn(note, stacklevel=2)
    return made.labels


# ------------------------------------------------------------------------------------ model


@dataclass(frozen=True, eq=False)
class FoundModel:
    """The model of a recipe, where it was found, and what is to be said of it.

    Of given features, ``source`` is their choice as text.
    """

    source: EmbeddingModel | str
    reference: ModelReference
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: EmbeddingModel, source: str | os.PathLike[str] | None) -> FoundModel:
        """Return a loaded model with its reference."""
        return cls(model, model_reference(model.name, source, fingerprint(model)))

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> FoundModel:
        """Load a model, unless it is a choice of given features."""
        if isinstance(source, str) and features_named(source) is not None:
            return cls(source, model_reference("", source, ""))
        return cls.of(load_model(source), source)

    def for_image(
        self, shape: Sequence[int], axes: str | None
    ) -> tuple[EmbeddingModel, str | None]:
        """Return the model for an image, and its axes; see :func:`~.given.load_source`."""
        return load_source(self.source, shape, axes)


def find_recipe_model(
    recipe: SegmentationRecipe,
    model: str | os.PathLike[str] | EmbeddingModel | None = None,
    *,
    allow_other_model: bool = False,
) -> FoundModel:
    """Load the model of a recipe and compare its fingerprint; arguments as in `apply_recipe`.

    Raises
    ------
    ModelFileError
        When it is not found, cannot be loaded, or is another one.
    """
    wanted = recipe.model
    if isinstance(model, EmbeddingModel):
        found = [FoundModel.of(model, None)]
    else:
        places = _places(wanted) if model is None else [str(model)]
        found = [FoundModel.load(place) for place in places]
    if not found:
        raise ModelFileError(_missing(wanted))
    same = [one for one in found if one.reference.fingerprint == wanted.fingerprint]
    if same:
        return same[0]
    other = found[0]
    difference = (
        f"the model {other.reference.name!r} is not the one of the recipe: expected "
        f"the fingerprint {wanted.fingerprint}, found {other.reference.fingerprint}"
    )
    if allow_other_model:
        return replace(other, notes=(f"{difference[0].upper()}{difference[1:]}.",))
    raise ModelFileError(
        f"{difference}. Give that model (--model FILE, model=), or allow another one, whose labels "
        "will differ (--allow-other-model, allow_other_model=True)."
    )


def _places(wanted: ModelReference) -> list[str]:
    """Return where the model may be: as the recipe says, and in the user's folder."""
    if wanted.source is None:
        return []
    if wanted.source in list_models() or features_named(wanted.source) is not None:
        return [wanted.source]
    named = Path(wanted.source)
    paths = dict.fromkeys((named, models_folder() / named.name))
    return [str(path) for path in paths if path.suffix in _SUFFIXES and path.is_file()]


def _missing(wanted: ModelReference) -> str:
    if wanted.source is None:
        return (
            f"the model {wanted.name!r} of the recipe was never saved to a file: give it, or save "
            "the model and choose its file, and make the recipe again."
        )
    return (
        f"the model {wanted.name!r} of the recipe was not found, neither where the recipe says nor "
        f"in {models_folder()}: copy {Path(wanted.source).name!r} there, or give its file "
        "(--model FILE, model=)."
    )


# ------------------------------------------------------------------------------------ image


@dataclass(frozen=True, eq=False)
class MadeByRecipe:
    """Labels with the recipe that made them, and what is to be said, a sentence each."""

    labels: NDArray[np.unsignedinteger[Any]]
    recipe: SegmentationRecipe
    layout: Layout
    notes: tuple[str, ...] = ()


def segment_by_recipe(
    recipe: SegmentationRecipe,
    image: NDArray[Any],
    found: FoundModel,
    *,
    stored_axes: str | None = None,
    name: str = "",
    progress: Progress | None = None,
) -> MadeByRecipe:
    """Segment an image with a recipe and its model, from :func:`find_recipe_model`."""
    model, axes = found.for_image(image.shape, axes_for(recipe, image.ndim, stored_axes))
    device, notes = _device(recipe.device)
    local, left_out = _bandwidths_for(recipe, image, model, axes)
    options = PredictOptions(device, recipe.diameter, augment=recipe.augment, tile=recipe.tile)
    segmented = segment_and_record(
        image,
        model,
        params=recipe.clustering,
        method=recipe.method,
        axes=axes,
        channel=recipe.channel,
        spacing=recipe.spacing,
        diameter=recipe.diameter,
        augment=recipe.augment,
        device=device,
        tile=recipe.tile,
        local_bandwidths=local,
        progress=progress,
        may_measure=False,  # a recipe without a diameter was made at the model's own
    )
    made = recipe_of_run(
        segmented,
        options,
        found.reference,
        method=recipe.method,
        local_bandwidths=local,
        name=name,
        diameter_source=None if recipe.diameter_source == "model" else recipe.diameter_source,
    )
    said = (*found.notes, *notes, *left_out, *segmented.notes, *_differences(recipe, made))
    return MadeByRecipe(segmented.labels, made, layout_of(segmented), said)


def layout_of(segmented: Segmented) -> Layout:
    """Return how the axes of a segmented image were read."""
    stack = segmented.stack
    spatial = segmented.model.config.axes
    return stack.layout or Layout(stack.axes, stack.array.shape, spatial)


def _bandwidths_for(
    recipe: SegmentationRecipe, image: NDArray[Any], model: EmbeddingModel, axes: str | None
) -> tuple[BandwidthsByFrame, tuple[str, ...]]:
    """Return the single objects' bandwidths if the image is the recipe's own."""
    local = recipe.image.local_bandwidths
    count = sum(map(len, local))
    if not count:
        return (), ()
    if recipe.image.pixels is not None:
        stack = read_stack(image, model.config, axes, channel=recipe.channel)
        if pixels_key(stack) == recipe.image.pixels:
            return local, ()
    what = "1 object has" if count == 1 else f"{count} objects have"
    return (), (
        f"In the recipe {what} a bandwidth of its own: left out, for this image has other pixels.",
    )


def _device(wanted: str) -> tuple[str, tuple[str, ...]]:
    if wanted == "auto" or wanted.partition(":")[0] in available_devices():
        return wanted, ()
    note = f"The recipe was made on {wanted}, which is not here: labels may differ in detail."
    return "auto", (note,)


def _differences(recipe: SegmentationRecipe, made: SegmentationRecipe) -> tuple[str, ...]:
    """Say why the labels of the recipe's own image are not those it was made with."""
    if recipe.image.region is not None:
        return (
            "The recipe was made on a part of a large image: intensities and seams of the whole "
            "differ a little.",
        )
    if recipe.image.corrected and recipe.image.pixels == made.image.pixels:
        return (f"{recipe.image.corrected} objects were corrected by hand: that is not repeated.",)
    return ()


def axes_for(recipe: SegmentationRecipe, ndim: int, stored: str | None = None) -> str | None:
    """Return the axes of an image of ``ndim`` axes: the recipe's, where they can be.

    What a file says counts where it is another order of the same axes, or where the image has
    another number of axes; None then leaves it to the image's shape.

    Examples
    --------
    >>> axes_for(recipe_of_a_film, 3, "ZYX")  # doctest: +SKIP
    'TYX'
    """
    if len(recipe.axes) != ndim:
        return stored
    return stored if stored and sorted(stored) == sorted(recipe.axes) else recipe.axes

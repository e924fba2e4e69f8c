"""Applying the recipe of a segmentation to image files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.inference.axes import scale_along
from napari_pixel_embedding.core.recipe.apply import find_recipe_model, segment_by_recipe
from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
from napari_pixel_embedding.core.recipe.recipe_file import load_segmentation_recipe
from napari_pixel_embedding.workflows.segment import segment_each

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from napari_pixel_embedding.core.io.images import ImageData
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.recipe.apply import MadeByRecipe
    from napari_pixel_embedding.workflows.segment import SegmentedFile

    PathLike = str | os.PathLike[str]

_SAME = 1.05
"""Factor up to which two ratios of plane spacing to pixel size are the same."""


def apply_recipe_to_files(
    recipe: SegmentationRecipe | PathLike,
    images: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    model: PathLike | EmbeddingModel | None = None,
    allow_other_model: bool = False,
    overwrite: bool = False,
    recursive: bool = False,
    save_recipe: bool = False,
    progress: Progress | None = None,
) -> Iterator[SegmentedFile]:
    """Segment image files as a recipe says, and write ``NAME_labels.tif`` for each.

    The pixel size along the model's axes is the recipe's, for it made the labels; where a file says
    that planes lie otherwise, a note says so.

    Parameters
    ----------
    recipe : SegmentationRecipe or path
        From :func:`load_segmentation_recipe` or :func:`recipe_of`, or the path of a recipe file.
    images, output, overwrite, recursive, save_recipe
        As in :func:`segment_files`.
    model, allow_other_model, progress
        As in :func:`apply_recipe`.

    Returns
    -------
    iterator of SegmentedFile
        One per image and position, in order, as soon as it is written.

    Raises
    ------
    ValueError
        At once, when the recipe cannot be used, or its model is not found or another one.
    """
    if not isinstance(recipe, SegmentationRecipe):
        recipe = load_segmentation_recipe(recipe)
    chosen = recipe
    found = find_recipe_model(recipe, model, allow_other_model=allow_other_model)

    def segment_image(image: ImageData) -> MadeByRecipe:
        made = segment_by_recipe(
            chosen, image.data, found, stored_axes=image.axes, name=image.name, progress=progress
        )
        stored = scale_along(image, made.layout.spatial)
        return replace(made, notes=(*made.notes, *_other_spacing(chosen, stored)))

    return segment_each(
        images,
        output,
        segment_image,
        overwrite=overwrite,
        recursive=recursive,
        save_recipe=save_recipe,
    )


def _other_spacing(recipe: SegmentationRecipe, stored: tuple[float, ...] | None) -> tuple[str, ...]:
    """Say that the planes of a file lie otherwise than those of the recipe's image."""
    used: Any = recipe.spacing
    if stored is None or used is None or len(used) != 3 or len(stored) != 3:
        return ()
    ratio = (stored[0] / stored[-1]) / (used[0] / used[-1])
    if 1 / _SAME < ratio < _SAME:
        return ()
    named = " × ".join(f"{size:g}" for size in used)
    return (f"The recipe's pixel size {named} was used; the file says another one.",)

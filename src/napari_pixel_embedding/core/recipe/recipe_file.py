"""Recipe files: small JSON files that end in ``.recipe.json``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.io.files import TIFF_SUFFIXES, open_atomically, open_regular
from napari_pixel_embedding.core.io.tiff.reader import stored_description
from napari_pixel_embedding.core.model.config import list_models
from napari_pixel_embedding.core.recipe.recipe import (
    MAX_BYTES,
    ModelReference,
    SegmentationRecipe,
    parse_recipe,
    recipe_in,
)

if TYPE_CHECKING:
    import os

SUFFIX = ".recipe.json"


def load_segmentation_recipe(path: str | os.PathLike[str]) -> SegmentationRecipe:
    """Read the recipe of a segmentation.

    A path to a model that is relative in the file is relative to its folder.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is no regular file, too large, or not such a recipe; see :func:`parse_recipe`.
    """
    path = Path(path)
    try:
        recipe = parse_recipe(_read(path))
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no recipe {path}. Check its name and folder.") from None
    except ValueError as error:
        other = path.suffix.lower() == ".toml"
        advice = " A .toml file may be the recipe of a training, for the command train."
        raise ValueError(
            f"the recipe {path.name} cannot be used: {error}{advice if other else ''}"
        ) from None
    return replace(recipe, model=_placed(recipe.model, path.absolute().parent))


def recipe_of(labels: Any) -> SegmentationRecipe:
    """Return the recipe that made some labels.

    Parameters
    ----------
    labels : napari.layers.Labels or path
        A labels layer of the plugin, a label file that the program wrote, or a recipe file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it carries no recipe that can be used.

    Examples
    --------
    >>> recipe_of("cells_labels.tif").clustering.bandwidth  # doctest: +SKIP
    1.5
    """
    if hasattr(labels, "metadata"):
        recipe = recipe_in(labels.metadata)
        if recipe is None:
            raise ValueError(
                "expected a labels layer that the plugin has made, found one without a recipe."
            )
        return recipe
    path = Path(labels)
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _stored_recipe(path)
    return load_segmentation_recipe(path)


def _stored_recipe(path: Path) -> SegmentationRecipe:
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}. Check its name and folder.")
    try:
        recipe = parse_recipe(stored_description(path, _MOST_XML))
    except Exception as error:  # whatever the file is, it is not what was expected
        raise ValueError(
            f"expected a label image that this program wrote, found {path.name} without a recipe "
            "that can be read."
        ) from error
    return replace(recipe, model=_placed(recipe.model, path.absolute().parent))


def text_for(recipe: SegmentationRecipe, folder: Path) -> str | None:
    """Return a recipe as text for a label file in a folder; None where it is too large."""
    text = replace(recipe, model=_relative(recipe.model, folder.absolute())).to_json()
    return text if len(text.encode()) <= MAX_BYTES else None


_MOST_XML = 8 * MAX_BYTES
"""Characters of a label file's XML around a recipe, in which quotes take six each."""


def save_segmentation_recipe(recipe: SegmentationRecipe, path: str | os.PathLike[str]) -> Path:
    """Write the recipe of a segmentation; an existing file is replaced atomically.

    Parameters
    ----------
    recipe : SegmentationRecipe
    path : path
        The ending ``.recipe.json`` is added where there is none.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    ValueError
        When it would be larger than what is read.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        path = path.with_name(path.name + SUFFIX)
    placed = replace(recipe, model=_relative(recipe.model, path.absolute().parent))
    content = placed.to_json().encode()
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"a recipe has at most {MAX_BYTES:,} bytes, found {len(content):,}: too many single "
            "objects have a bandwidth of their own."
        )
    with open_atomically(path) as file:
        file.write(content)
    return path


def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(MAX_BYTES + 1)


def _placed(model: ModelReference, folder: Path) -> ModelReference:
    if model.source is None or model.source in list_models():
        return model
    return replace(model, source=str(folder / Path(model.source).expanduser()))


def _relative(model: ModelReference, folder: Path) -> ModelReference:
    if model.source is None or model.source in list_models():
        return model
    source = Path(model.source).expanduser().absolute()
    if source.is_relative_to(folder):
        return replace(model, source=source.relative_to(folder).as_posix())
    return replace(model, source=str(source))

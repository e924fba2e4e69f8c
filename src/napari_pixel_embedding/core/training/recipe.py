"""Recipes: TOML files that describe a training completely.

A recipe names the system, the network, the training settings, and the images of a data folder to
train on. Omitted entries keep their defaults::

    name = "nuclei"
    preset = "euclidean"
    size = "small"

    [model]
    coordinate_scale = 5.0

    [training]
    steps = 3000

    [data]
    folder = "train"
    index = "index.csv"
    where = { type = "fluo" }
"""

from __future__ import annotations

import json
from dataclasses import asdict, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from napari_pixel_embedding.core.datasets.pairs import names_where
from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.model.config import Line, ModelConfig, Text
from napari_pixel_embedding.core.model.presets import NetworkSize, Preset, model_config_for
from napari_pixel_embedding.core.parameters import configuration, read_configuration
from napari_pixel_embedding.core.training.config import TrainConfig

if TYPE_CHECKING:
    import os

MAX_BYTES = 2**20
"""Most bytes of a recipe file."""
_NOT_OF_A_MODEL = set("preset size architecture space name description licence provenance".split())
"""Model fields that are set outside of a recipe's model table, or cannot be set in a recipe."""


@configuration
class DataSelection:
    """Selection of training pairs in a data folder; paths are relative to that folder.

    Parameters
    ----------
    folder : str
        Holds ``images/`` and ``masks/``.
    validation : str, optional
        Another such folder, whose pairs the training is validated on.
    hold_back : int
        Without ``validation``, every n-th pair of ``folder`` is held back; 0 holds back none.
    index : str, optional
        A CSV table with a column ``name``.
    where : dict of str
        Only pairs with these values in their row of the table.
    split_masks : bool, optional
        What to do where one id covers several pieces, as in a binary mask: make every piece an
        object, or take the ids as they are. None asks.
    """

    folder: str = "."
    validation: str | None = None
    hold_back: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    index: str | None = None
    where: dict[str, str] = field(default_factory=dict)
    split_masks: bool | None = None

    def __post_init__(self) -> None:
        if self.hold_back == 1:
            raise ValueError(f"hold_back must be 0 or at least 2, found {self.hold_back}.")
        if self.where and self.index is None:
            raise ValueError("where needs index, the table to look in; found none.")

    def names(self, root: Path) -> list[str] | None:
        """Names of the chosen pairs, read from the table; None for all."""
        return None if self.index is None else names_where(root / self.index, self.where)


@configuration
class Recipe:
    """Complete description of a training.

    Parameters
    ----------
    name, description, licence : str
        Metadata of the trained model.
    preset : {"euclidean", "cosine", "wnet"}
        See :func:`~.presets.model_config_for`.
    size : {"tiny", "small", "base", "large"}
        Of the network.
    start : str, optional
        A bundled model, or the path of a model file, to start from; it then replaces
        ``preset``, ``size`` and ``model``.
    model : dict
        Other fields of :class:`~.config.ModelConfig`, such as ``embedding_dim``.
    training : TrainConfig
        Steps, batches, loss and augmentation.
    data : DataSelection
        Images to train on.

    Raises
    ------
    ValueError
        When a value is out of range, or the parts do not fit together.
    """

    name: Line = "untitled"
    description: Text = ""
    licence: Line = ""
    preset: Preset = "euclidean"
    size: NetworkSize = "base"
    start: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    training: TrainConfig = field(default_factory=TrainConfig)
    data: DataSelection = field(default_factory=DataSelection)

    def __post_init__(self) -> None:
        if elsewhere := sorted(_NOT_OF_A_MODEL & self.model.keys()):
            raise ValueError(
                f"there is no entry 'model.{elsewhere[0]}'. A recipe says it outside of that table."
            )
        try:
            config = self.model_config()
        except ValueError as error:
            raise ValueError(f"model: {error}") from error
        # Keep the validated values: lists from a file have become tuples.
        object.__setattr__(self, "model", {name: getattr(config, name) for name in self.model})

    def model_config(self) -> ModelConfig:
        """Return the configuration of the new model; what depends on the images is still open."""
        return model_config_for(self.preset, self.size, **self.model)

    def arguments(self, root: str | os.PathLike[str]) -> dict[str, Any]:
        """Return the arguments of :func:`~.train_folder.train_from_folder`.

        Parameters
        ----------
        root : path
            The data folder that the recipe's paths are relative to.
        """
        root, data = Path(root), self.data
        return {
            "folder": root / data.folder,
            "validation": None if data.validation is None else root / data.validation,
            "names": data.names(root),
            "hold_back": data.hold_back,
            "split_masks": data.split_masks,
            **self.how(),
        }

    def how(self) -> dict[str, Any]:
        """Return the arguments of :func:`~.train_folder.train_pairs`, without the data."""
        return {
            "preset": self.preset,
            "size": self.size,
            "start": self.start,
            "config": self.training,
            "name": self.name,
            "description": self.description,
            "licence": self.licence,
            **self.model,
        }


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is not TOML, or has an unknown entry or an invalid value.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe {path}. Check its name and folder.")
    try:
        return parse_recipe(read_whole(path, MAX_BYTES).decode("utf-8"))
    except ValueError as error:  # includes TOMLDecodeError and UnicodeDecodeError
        raise ValueError(f"the recipe {path.name} cannot be used: {error}") from error


def parse_recipe(text: str) -> Recipe:
    """Read a recipe from its text; raises ValueError as :func:`load_recipe` does."""
    import tomllib

    return read_configuration(Recipe, json.dumps(tomllib.loads(text), default=str))


def save_recipe(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Write a recipe with all its settings, so that later defaults do not change it."""
    with open_atomically(path) as file:
        file.write(format_recipe(recipe).encode())


def format_recipe(recipe: Recipe) -> str:
    """Return a recipe as the text that :func:`parse_recipe` reads.

    Examples
    --------
    >>> parse_recipe(format_recipe(Recipe(name="mine", size="tiny"))).size
    'tiny'
    """
    import tomli_w

    return tomli_w.dumps(_without_none(asdict(recipe)))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Remove None values, which TOML cannot express, also in nested tables."""
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }

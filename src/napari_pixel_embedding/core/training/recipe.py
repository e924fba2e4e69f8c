"""Recipes: a small TOML file that describes a training whole.

A recipe names the system, the network, how it is trained, and which images of a data folder it
learns from. Whatever it leaves out keeps its default::

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

import difflib
import json
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.clustering.params import ClusterParams
from napari_pixel_embedding.core.datasets.pairs import names_where
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.presets import NetworkSize, Preset, model_config_for
from napari_pixel_embedding.core.training.config import TrainConfig

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

_NOT_OF_A_MODEL = {"name", "architecture", "space", "description", "licence", "provenance"}
"""Fields of a model's configuration that a recipe says elsewhere."""
_OPTIONAL = {"str | None": "", "float | None": 0.0}
"""An example of what a field that is None by default may be."""


@dataclass(frozen=True)
class DataSelection:
    """Which pairs of a data folder are learnt from; paths are relative to that folder.

    Parameters
    ----------
    folder : str
        Holds ``images/`` and ``masks/``.
    validation : str, optional
        Another such folder, to choose the best step by.
    hold_back : int
        Without one, every so manieth pair of ``folder`` is held back instead; 0 holds back none.
    index : str, optional
        A CSV table with a column ``name``.
    where : dict of str
        Only pairs whose row of the table has these values.
    """

    folder: str = "."
    validation: str | None = None
    hold_back: int = 10
    index: str | None = None
    where: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.hold_back < 0 or self.hold_back == 1:
            raise ValueError(f"hold_back must be 0 or at least 2, found {self.hold_back}.")
        if self.where and self.index is None:
            raise ValueError("where needs index, the table to look in; found none.")
        if unfit := [value for value in self.where.values() if not isinstance(value, str)]:
            raise ValueError(f"where must compare with text, found {unfit[0]!r}.")

    def names(self, root: Path) -> list[str] | None:
        """Names of the chosen pairs, read from the table; None for all."""
        return None if self.index is None else names_where(root / self.index, self.where)


@dataclass(frozen=True)
class Recipe:
    """A training as a whole.

    Parameters
    ----------
    name, description, licence : str
        Of the model that comes out.
    preset : {"euclidean", "cosine", "wnet"}
        See :func:`~.presets.model_config_for`.
    size : {"tiny", "small", "base", "large"}
        Of the network.
    start : str, optional
        A bundled model, or the path of a model file, to go on from; it then decides what
        ``preset``, ``size`` and ``model`` say.
    model : dict
        Other fields of :class:`~.config.ModelConfig`, such as ``embedding_dim``.
    training : TrainConfig
        Steps, batches, loss and augmentation.
    data : DataSelection
        What is learnt from.

    Raises
    ------
    ValueError
        When a value is out of its range, or the parts do not make a model.
    """

    name: str = "untitled"
    description: str = ""
    licence: str = ""
    preset: Preset = "euclidean"
    size: NetworkSize = "base"
    start: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    training: TrainConfig = field(default_factory=TrainConfig)
    data: DataSelection = field(default_factory=DataSelection)

    def __post_init__(self) -> None:
        self.model_config()

    def model_config(self) -> ModelConfig:
        """Describe the fresh model, as far as the images do not decide about it."""
        return model_config_for(self.preset, self.size, **self.model)

    def arguments(self, root: str | os.PathLike[str]) -> dict[str, Any]:
        """Translate to the parameters of :func:`~.train_folder.train_from_folder`.

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
            **self.how(),
        }

    def how(self) -> dict[str, Any]:
        """Translate all but the data to the parameters of :func:`~.train_folder.train_pairs`."""
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
    """Read a recipe.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is no TOML, has an entry that is not known, or a value that is not possible.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe {path}. Check its name and folder.")
    try:
        return parse_recipe(path.read_text(encoding="utf-8"))
    except ValueError as error:  # TOML's and Unicode's errors are of this kind too
        raise ValueError(f"the recipe {path.name} cannot be used: {error}") from error


def parse_recipe(text: str) -> Recipe:
    """Read a recipe from its text; raises ValueError as :func:`load_recipe` does."""
    values = tomllib.loads(text)
    values["model"] = _model_options(_table(values, "model"))
    recipe: Recipe = _build(Recipe(), values, "")
    return recipe


def _model_options(values: Mapping[str, Any]) -> dict[str, Any]:
    defaults = _defaults(ModelConfig())
    known = {name: value for name, value in defaults.items() if name not in _NOT_OF_A_MODEL}
    options = _checked(values, known, "model.")
    if "cluster" in options:
        params = _defaults(ClusterParams())
        options["cluster"] = _checked(options["cluster"], params, "model.cluster.")
    return options


def save_recipe(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Write a recipe with all that it decides, so that new defaults do not change it."""
    with open_atomically(path) as file:
        file.write(format_recipe(recipe).encode())


def format_recipe(recipe: Recipe) -> str:
    """Write a recipe as the text that :func:`parse_recipe` reads.

    Examples
    --------
    >>> parse_recipe(format_recipe(Recipe(name="mine", size="tiny"))).size
    'tiny'
    """
    return "\n".join(_lines(asdict(recipe), "")) + "\n"


def _lines(values: Mapping[str, Any], prefix: str) -> list[str]:
    """Write a table: its values first, then the tables in it; what is None is left out."""
    plain = {k: v for k, v in values.items() if not isinstance(v, dict) and v is not None}
    tables = {k: v for k, v in values.items() if isinstance(v, dict) and v}
    lines = [f"{_key(key)} = {_toml(value)}" for key, value in plain.items()]
    for key, table in tables.items():
        name = f"{prefix}{_key(key)}"
        lines += ["", f"[{name}]", *_lines(table, f"{name}.")]
    return lines


def _key(name: str) -> str:
    bare = name.replace("_", "").replace("-", "")
    return name if bare.isascii() and bare.isalnum() else _toml(name)


def _toml(value: Any) -> str:
    """Write a value: JSON's spelling of text, truth and numbers is TOML's too."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _build(default: Any, values: Mapping[str, Any], where: str) -> Any:
    """Copy a dataclass with the values of a table, tables within it likewise."""
    return type(default)(**_checked(values, _defaults(default), where))


def _defaults(config: Any) -> dict[str, Any]:
    """Return a value of the right kind for each field, the default where there is one."""
    values = {spec.name: (getattr(config, spec.name), spec.type) for spec in fields(config)}
    return {
        name: _OPTIONAL.get(str(annotation)) if value is None else value
        for name, (value, annotation) in values.items()
    }


def _checked(values: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check that a table has known entries of the kind that their defaults are of."""
    for name in values:
        if name not in defaults:
            raise ValueError(_unknown(name, defaults, where))
    return {name: _value(value, defaults[name], f"{where}{name}") for name, value in values.items()}


def _unknown(name: str, known: Mapping[str, Any], where: str) -> str:
    close = difflib.get_close_matches(name, known, 1)
    advice = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}."
    return f"there is no entry {where + name!r}. {advice}"


def _value(value: Any, default: Any, name: str) -> Any:
    """Check that one value is of its default's kind."""
    if is_dataclass(default):
        return _build(default, _table({name: value}, name), f"{name}.")
    if default is None:
        return tuple(value) if isinstance(value, list) else value
    expected = type(default)
    if expected is float and type(value) is int:
        return float(value)
    if expected is tuple and isinstance(value, list) and len(value) == len(default):
        return tuple(_value(v, d, name) for v, d in zip(value, default, strict=True))
    if type(value) is not expected:
        raise ValueError(f"{name} must be {_kind(default)}, found {value!r}.")
    return value


def _table(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise ValueError(f"{name} must be a table, found {table!r}.")
    return table


def _kind(default: Any) -> str:
    if isinstance(default, tuple):
        return f"a list of {len(default)} numbers"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return kinds.get(type(default), "a table")

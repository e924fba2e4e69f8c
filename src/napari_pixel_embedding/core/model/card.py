"""What is known of a model before it runs: use, input, object size, licence and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.model.config import (
    ModelConfig,
    find_model,
    list_models,
    read_config,
)
from napari_pixel_embedding.core.model.file_check import check_model_file

if TYPE_CHECKING:
    import os
    from pathlib import Path

_LONGEST = 400
"""Characters of a description that a card shows."""


@dataclass(frozen=True)
class Score:
    """Scores on one kind of images.

    Parameters
    ----------
    images : str
        Which images, in words.
    count : str
        How many.
    values : dict
        Score by name, such as ``AP@0.5``, as the card's table writes them.
    """

    images: str
    count: str
    values: dict[str, str]


@dataclass(frozen=True)
class ModelCard:
    """A model as it is presented to who chooses one.

    Parameters
    ----------
    title : str
        Name of a bundled model, or a file's name.
    config : ModelConfig
        Its configuration.
    purpose : str
        What it is for; may be empty.
    scores : tuple of Score
        Of bundled models, with the file's own parameters.
    origin : tuple of (str, str)
        What the file says of where it comes from, as name and value.
    thumbnail : Path, optional
        A small picture of its objects.
    """

    title: str
    config: ModelConfig
    purpose: str
    scores: tuple[Score, ...] = ()
    origin: tuple[tuple[str, str], ...] = ()
    thumbnail: Path | None = None

    @property
    def dimensions(self) -> str:
        """Input in words, such as ``2-D, 1 channel``."""
        count = self.config.in_channels
        return f"{self.config.ndim}-D, {count} channel{'s' if count > 1 else ''}"

    @property
    def diameter(self) -> str:
        """Usual object diameter in words; empty where the model does not state it."""
        known = self.config.image_diameter or self.config.object_diameter
        return "" if known is None else f"{known:.0f} px"


def read_card(name_or_path: str | os.PathLike[str]) -> ModelCard:
    """Read the card of a bundled model, by name, or of a model file.

    Raises
    ------
    ModelFileError
        When the model cannot be used, see :func:`~.file_check.check_model_file`.

    Examples
    --------
    >>> card = read_card("volume")
    >>> card.dimensions, card.diameter
    ('3-D, 1 channel', '16 px')
    """
    path, config = find_model(name_or_path), check_model_file(name_or_path)
    if name_or_path not in list_models():
        return config_card(config, path.name)
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    thumbnail = path.with_suffix(".png")
    return ModelCard(
        path.stem,
        config,
        _first_paragraph(text),
        read_scores(text),
        thumbnail=thumbnail if thumbnail.is_file() else None,
    )


def config_card(config: ModelConfig, title: str) -> ModelCard:
    """Return the card of a model of which there is only its configuration."""
    purpose = config.description.strip()
    if len(purpose) > _LONGEST:
        purpose = purpose[:_LONGEST].rsplit(" ", 1)[0] + " …"
    plain = (str, int, float)
    origin = tuple(
        (str(name).replace("_", " "), str(value))
        for name, value in config.provenance.items()
        if isinstance(value, plain) and len(str(value)) <= _LONGEST
    )
    return ModelCard(title, config, purpose, origin=origin)


def card_text(config: ModelConfig) -> str:
    """Return the card of a model as Markdown: a bundled model's own, else one made of its facts."""
    if config.name in list_models():
        path = find_model(config.name)
        if read_config(path) == config:
            return path.with_suffix(".md").read_text(encoding="utf-8")
    card = config_card(config, config.name)
    facts = [("Input", card.dimensions), ("System", f"{config.architecture}, {config.space}")]
    facts += [("Object diameter", card.diameter), ("Licence", config.licence), *card.origin]
    lines = [f"- **{name}**: {value}" for name, value in facts if value]
    validation = "Check its objects by eye before you count on them."
    parts = [f"# {config.name}", config.description.strip(), "\n".join(lines)]
    return "\n\n".join([part for part in parts if part] + ["## Validation", validation]) + "\n"


def _first_paragraph(text: str) -> str:
    """Return the first paragraph below a card's heading, in one line."""
    paragraphs = (part.strip() for part in text.split("\n\n"))
    first = next((part for part in paragraphs if part and not part.startswith("#")), "")
    return " ".join(first.split())


def read_scores(text: str) -> tuple[Score, ...]:
    """Read the table of scores in a card.

    Parameters
    ----------
    text : str
        Markdown with at most one table whose header has the column ``images``. Rows that begin
        with a dash repeat the row above with other parameters; they are left out.
    """
    rows = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    if not rows or "images" not in rows[0]:
        return ()
    header, count = rows[0], rows[0].index("images")
    return tuple(
        Score(row[0], row[count], dict(zip(header[count + 1 :], row[count + 1 :], strict=True)))
        for row in rows[2:]
        if len(row) == len(header) and not row[0].startswith("–")
    )


def _cells(line: str) -> list[str]:
    """Split a line of a table; escaped bars belong to its text."""
    bar = "\0"
    cells = line.replace("\\|", bar).strip().strip("|").split("|")
    return [cell.strip().replace(bar, "|") for cell in cells]

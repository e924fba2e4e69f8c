"""A training as a file, for the process that is to do it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.datasets.annotated import TrainingPairs
from napari_pixel_embedding.core.datasets.pairs import Pair
from napari_pixel_embedding.core.training.recipe import Recipe, format_recipe, parse_recipe

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_pixel_embedding.core.training.train import TrainProgress

ENTRY = f"{__name__}:train_request"
"""What :func:`~.worker_process.run_in_process` is to run on a folder with a request."""
_FILE = "request.json"


@dataclass(frozen=True)
class TrainingRequest:
    """Everything that a training on files needs.

    Parameters
    ----------
    recipe : Recipe
        How to train; its ``data`` does not count.
    split : TrainingPairs
        What to learn from.
    output : Path
        The ``.safetensors`` file to write.
    device : str
        "auto", "cpu", "cuda" or "mps".
    """

    recipe: Recipe
    split: TrainingPairs
    output: Path
    device: str = "auto"

    def save(self, folder: Path) -> None:
        """Write the request to a folder."""
        values = {
            "recipe": format_recipe(self.recipe),
            "train": _as_text(self.split.train),
            "validation": _as_text(self.split.validation),
            "output": str(self.output),
            "device": self.device,
        }
        (folder / _FILE).write_text(json.dumps(values), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TrainingRequest:
        """Read back what :meth:`save` wrote."""
        values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        split = TrainingPairs(_as_pairs(values["train"]), _as_pairs(values["validation"]))
        recipe = parse_recipe(values["recipe"])
        return cls(recipe, split, Path(values["output"]), values["device"])


def train_request(folder: Path) -> Generator[TrainProgress, None, None]:
    """Train as the request in a folder says, and report after every step."""
    from napari_pixel_embedding.core.training.train_folder import train_pairs

    request = TrainingRequest.load(folder)
    how = request.recipe.how()
    yield from train_pairs(request.split, request.output, device=request.device, **how)


def _as_text(pairs: list[Pair]) -> list[list[str]]:
    return [[str(pair.image), str(pair.mask)] for pair in pairs]


def _as_pairs(texts: list[list[str]]) -> list[Pair]:
    return [Pair(Path(image), Path(mask)) for image, mask in texts]

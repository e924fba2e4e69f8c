"""Training requests: files that tell a worker process what to train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from napari_pixel_embedding.core.datasets.annotated import TrainingPairs
from napari_pixel_embedding.core.io.files import read_whole
from napari_pixel_embedding.core.parameters import configuration, read_configuration
from napari_pixel_embedding.core.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_pixel_embedding.core.training.train import TrainProgress

ENTRY = f"{__name__}:train_request"
"""Entry point that :func:`~.worker_process.run_in_process` runs on a request's folder."""
_FILE = "request.json"
_MOST_BYTES = 64 * 2**20  # names of a million images


@configuration
class TrainingRequest:
    """Everything a worker process needs to train on files.

    Parameters
    ----------
    recipe : Recipe
        How to train; of its ``data`` only ``split_masks`` is used, where None means False: whoever
        made the request has inspected the masks.
    split : TrainingPairs
        Training and validation pairs.
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
        (folder / _FILE).write_bytes(TypeAdapter(TrainingRequest).dump_json(self))

    @classmethod
    def load(cls, folder: Path) -> TrainingRequest:
        """Read back what :meth:`save` wrote; raises ValueError when it does not fit."""
        return read_configuration(cls, read_whole(folder / _FILE, _MOST_BYTES))


def train_request(folder: Path) -> Generator[TrainProgress, None, None]:
    """Run the training requested in a folder; yield progress after every step."""
    from napari_pixel_embedding.core.training.train_folder import train_pairs

    request = TrainingRequest.load(folder)
    how, split = request.recipe.how(), request.recipe.data.split_masks
    yield from train_pairs(
        request.split, request.output, split_masks=bool(split), device=request.device, **how
    )

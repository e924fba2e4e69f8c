"""Fine-tuning on files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.datasets.annotated import read_pairs
from napari_pixel_embedding.core.datasets.pairs import Pair, find_pairs
from napari_pixel_embedding.core.fine_tuning.fine_tune import fine_tune
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    load_model,
    model_path,
    save_model,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Sequence

    from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.training.train import TrainProgress

    PathLike = str | os.PathLike[str]


def fine_tune_files(
    images: Sequence[PathLike],
    corrections: Sequence[PathLike],
    output: PathLike,
    *,
    model: str | EmbeddingModel = "nuclei-fluo",
    config: FineTuneConfig | None = None,
    axes: str | None = None,
    channel: Channel | None = None,
    diameter: float | None = None,
    device: str = "auto",
    replay: PathLike | None = None,
    split_masks: bool | None = None,
) -> Generator[TrainProgress, None, None]:
    """Tune a model on image files and their corrected label images.

    Parameters
    ----------
    images, corrections : sequence of paths
        As many corrections as images: label images in which −1 is not corrected, or plain
        label images in which every object and the background counts.
    output : path
        Where the tuned model goes, a ``.safetensors`` file.
    model, config, axes, channel, diameter, device
        As in :func:`fine_tune`.
    replay : path, optional
        Folder with ``images/NAME.*`` and ``masks/NAME.*`` that the model should not forget;
        by default the samples that come with the bundled model it descends from.
    split_masks : bool, optional
        What to do where one id covers several pieces, as in a binary mask: make every piece an
        object, or take the ids as they are. None raises an error there. Replay masks too.

    Raises
    ------
    FileNotFoundError, ValueError
        Before the first step, when files cannot be used; the message names them.
    UnseparatedObjects
        When one id covers several pieces, and ``split_masks`` is None.
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    output = model_path(output)
    if len(images) != len(corrections):
        raise ValueError(
            f"expected a file of corrections for each image, found {len(images)} images and "
            f"{len(corrections)} files of corrections."
        )
    pairs = [Pair(Path(a), Path(b)) for a, b in zip(images, corrections, strict=True)]
    read = read_pairs(pairs, model.config, split_masks, axes=axes, channel=channel, unknown=True)
    former = None if replay is None else read_pairs(find_pairs(replay), model.config, split_masks)
    run = fine_tune(
        model,
        read.images,
        read.labels,
        config,
        axes=read.axes,
        channel=channel,
        spacing=read.spacing,
        diameter=diameter,
        device=device,
        replay=None if former is None else list(zip(former.images, former.labels, strict=True)),
        replay_spacing=None if former is None else former.spacing,
        names=[Path(path).name for path in images],
    )
    for state in run:
        if state.model is not None:
            save_model(state.model, output)
        yield state

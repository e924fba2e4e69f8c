"""Scoring a model on a folder of annotated images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.core.datasets.annotated import read_pairs, select_pairs
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.evaluation.evaluate import Scores, evaluate
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    load_model,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.segmentation.segment import Method

    PathLike = str | os.PathLike[str]


def evaluate_folder(
    folder: PathLike,
    *,
    model: str | EmbeddingModel = "nuclei-fluo",
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    names: Iterable[str] | None = None,
    channel: Channel | None = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
    distance_seeds: bool = True,
    split_masks: bool | None = None,
) -> Scores:
    """Score a model on the image and mask pairs of a folder.

    Parameters
    ----------
    folder : path
        Holds ``images/NAME.*`` and ``masks/NAME.*``.
    model, params, method, channel, diameter, augment, device, progress, distance_seeds
        As in :func:`evaluate`.
    names : iterable of str, optional
        Only these pairs, see :func:`~.pairs.names_where`.
    split_masks : bool, optional
        What to do where one id covers several pieces, as in a binary mask: make every piece an
        object, or take the ids as they are. None raises an error there.

    Raises
    ------
    FileNotFoundError, ValueError
        When the folder has not the expected form, or pairs cannot be used; the message names them.
    UnseparatedObjects
        When one id covers several pieces, and ``split_masks`` is None.
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    pairs = select_pairs(find_pairs(folder), names)
    data = read_pairs(pairs, model.config, split_masks, channel=channel)
    return evaluate(
        model,
        data.images,
        data.labels,
        params=params,
        method=method,
        axes=data.axes,
        channel=channel,
        spacing=data.spacing,
        diameter=diameter,
        augment=augment,
        device=device,
        progress=progress,
        distance_seeds=distance_seeds,
    )

"""Cluster parameters of a tuned model, chosen by the corrections it was tuned on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.clustering.params import bandwidth_range
from napari_pixel_embedding.core.evaluation import IOU_THRESHOLDS
from napari_pixel_embedding.core.inference import predict_normalised
from napari_pixel_embedding.core.metrics import average_precision
from napari_pixel_embedding.core.object_errors import judged
from napari_pixel_embedding.core.scale import params_as_seen, pixels_as_seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.checkpoint import EmbeddingModel
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams

    Frame = tuple[NDArray[np.float32], NDArray[np.int32]]

FEWEST = 10
"""With fewer corrected objects than this, a model keeps the parameters of its parent."""

_MOST_FRAMES = 4
_BANDWIDTHS = 7
_SMALL = 5.0
"""Percentile of the corrected objects' sizes that is taken for a small object."""


def calibrated(
    model: EmbeddingModel, frames: Sequence[Frame], device: str = "auto"
) -> dict[str, Any]:
    """Choose the least size and the bandwidth that suit corrected objects best.

    The least size is half that of a small one among them; the bandwidth is the one of seven with
    the best mean AP over IoU 0.5 to 0.95 on them. Both need ten objects.

    Parameters
    ----------
    model : EmbeddingModel
        A tuned one.
    frames : sequence of (image, corrections)
        From :func:`~.frames.annotated_frames`: at the size that the network sees.
    device : str
        As in :func:`predict_embedding`.

    Returns
    -------
    dict
        Cluster parameters by name, as in ``ModelConfig.cluster``.
    """
    config = model.config
    sizes = np.concatenate([_sizes(corrections) for _, corrections in frames])
    if len(sizes) < FEWEST:
        return config.cluster
    usual, scale = config.cluster_params(), pixels_as_seen(config)
    least = max(usual.min_size, round(float(np.percentile(sizes, _SMALL)) / 2 / scale))
    params = replace(usual, min_size=least)
    chosen = frames[:: -(-len(frames) // _MOST_FRAMES)]
    bandwidth = _best_bandwidth(model, chosen, params_as_seen(params, config), device)
    return {**config.cluster, "min_size": least, "bandwidth": bandwidth}


def _sizes(corrections: NDArray[np.int32]) -> NDArray[np.intp]:
    sizes = np.bincount(corrections[corrections > 0])
    return sizes[sizes > 0]


def _best_bandwidth(
    model: EmbeddingModel, frames: Sequence[Frame], params: ClusterParams, device: str
) -> float:
    own_size = model.config.object_diameter
    answers = [
        (build_cluster_index(predict_normalised(model, f, diameter=own_size, device=device)), known)
        for f, known in frames
    ]
    low, high = bandwidth_range(model.config.space, model.config.delta_var)
    tried = [
        round(float(b), 2) for b in np.geomspace(max(low, params.bandwidth / 2), high, _BANDWIDTHS)
    ]
    scores = [_score(answers, replace(params, bandwidth=bandwidth)) for bandwidth in tried]
    return tried[int(np.argmax(scores))]


def _score(
    answers: Sequence[tuple[ClusterIndex, NDArray[np.int32]]], params: ClusterParams
) -> float:
    pairs = [judged(known, index.cut(params)) for index, known in answers]
    true, pred = zip(*pairs, strict=True)
    return float(np.mean(average_precision(list(true), list(pred), IOU_THRESHOLDS)))

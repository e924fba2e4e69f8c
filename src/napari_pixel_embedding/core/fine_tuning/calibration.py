"""Choice of cluster parameters for a tuned model, by AP on corrected and replayed frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.clustering.params import bandwidth_range
from napari_pixel_embedding.core.evaluation.error_counts import restrict_to_known
from napari_pixel_embedding.core.evaluation.evaluate import IOU_THRESHOLDS
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.object_scale import params_as_seen, pixels_as_seen
from napari_pixel_embedding.core.inference.predict import predict_at_own_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

    Frame = tuple[NDArray[np.float32], NDArray[np.int32]]

FEWEST = 10
"""With fewer corrected objects than this, the tuned model keeps its parent's parameters."""

_MOST_FRAMES = 4
_BANDWIDTHS = 7
_LOWER = (0.2, 0.1)
"""Offsets below the default foreground threshold that are tried."""

_WEIGHTS = (2.0, 1.0)
"""Weights of corrected and of replayed frames."""

_SMALL = 5.0
"""Percentile of the corrected objects' sizes that defines a small object."""


def tune_cluster_params(
    model: EmbeddingModel,
    frames: Sequence[Frame],
    replayed: Sequence[Frame] = (),
    device: str = "auto",
) -> dict[str, Any]:
    """Choose cluster parameters by their AP on corrected and replayed frames.

    Coordinate-wise grid search: first seven bandwidths, then three foreground thresholds, then
    two minimum sizes (the default, and half the size of a small corrected object). Each time the
    value with the best AP, averaged over IoU 0.5 to 0.95, is kept. Corrected frames weigh twice as
    much as replayed ones: their kind of image is what the model is tuned for.

    Parameters
    ----------
    model : EmbeddingModel
        The tuned model.
    frames : sequence of (image, corrections)
        From :func:`~.targets.annotated_frames`, resampled as the network sees them, or with what
        is learnt of them as :func:`~.targets.learning_target` gives it. With fewer than ten
        objects the parent's parameters are kept.
    replayed : sequence of (image, labels)
        Annotated images of the kind the parent was trained on, in the same form.
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
    usual = config.cluster_params()
    judge = ParameterSearch(model, [_few(frames), _few(replayed)], device, _WEIGHTS)
    small = float(np.percentile(sizes, _SMALL)) / 2 / pixels_as_seen(config)
    low, high = bandwidth_range(config.space, config.delta_var)
    bandwidths = np.geomspace(max(low, usual.bandwidth / 2), high, _BANDWIDTHS).round(2).tolist()
    threshold = usual.foreground_threshold
    found = replace(usual, min_size=max(usual.min_size, round(small)))
    found = judge.best(found, "bandwidth", bandwidths)
    thresholds = [threshold, *(threshold - lower for lower in _LOWER)]
    found = judge.best(found, "foreground_threshold", [round(max(t, 0.05), 2) for t in thresholds])
    found = judge.best(found, "min_size", [found.min_size, usual.min_size])
    chosen = ("bandwidth", "foreground_threshold", "min_size")
    return {**config.cluster, **{name: getattr(found, name) for name in chosen}}


def _sizes(corrections: NDArray[np.int32]) -> NDArray[np.intp]:
    sizes = np.bincount(corrections[corrections > 0])
    return sizes[sizes > 0]


def _few(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Return a few frames, evenly spaced over the sequence."""
    return frames[:: max(-(-len(frames) // _MOST_FRAMES), 1)]


class ParameterSearch:
    """Grid search over cluster parameters by the weighted mean AP over groups of frames."""

    def __init__(
        self,
        model: EmbeddingModel,
        groups: Sequence[Sequence[Frame]],
        device: str,
        weights: Sequence[float],
    ) -> None:
        self._config = model.config
        self._groups = [
            [(build_cluster_index(predict_at_own_scale(model, f, device)), k) for f, k in frames]
            for frames in groups
            if frames
        ]
        self._weights = [one for one, frames in zip(weights, groups, strict=True) if frames]

    def best(self, params: ClusterParams, name: str, values: Sequence[float]) -> ClusterParams:
        """Return ``params`` with the best value of one parameter; ties go to the first."""
        tried = [replace(params, **{name: value}) for value in values]  # type: ignore[arg-type]
        return tried[int(np.argmax([self._score(one) for one in tried]))]

    def _score(self, params: ClusterParams) -> float:
        seen = params_as_seen(params, self._config)
        scores = [self._precision(answers, seen) for answers in self._groups]
        return float(np.average(scores, weights=self._weights))

    def _precision(
        self, answers: Sequence[tuple[ClusterIndex, NDArray[np.int32]]], params: ClusterParams
    ) -> float:
        pairs = [restrict_to_known(known, index.cut(params)) for index, known in answers]
        true, pred = zip(*pairs, strict=True)
        return float(np.mean(average_precision(list(true), list(pred), IOU_THRESHOLDS)))

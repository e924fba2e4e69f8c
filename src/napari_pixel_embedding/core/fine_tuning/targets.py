"""Fine-tuning data: training samples from sparse corrections, replay samples, held-out objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.fine_tuning.held_out import HeldOutSet, crop_of_all, crops_around
from napari_pixel_embedding.core.fine_tuning.pseudo_labels import with_pseudo_labels
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import (
    params_as_seen,
    spacing_of_each,
    zoom_of_planes,
)
from napari_pixel_embedding.core.inference.predict import predict_at_own_scale, predict_foreground
from napari_pixel_embedding.core.inference.tiles.views import Symmetry
from napari_pixel_embedding.core.losses.terms import EXCLUDED, IGNORE
from napari_pixel_embedding.core.training.targets import Sample, annotated_frames, prepare_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
    from napari_pixel_embedding.core.fine_tuning.held_out import HeldOutCrop
    from napari_pixel_embedding.core.inference.object_scale import Spacings
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

    Frame = tuple[NDArray[np.float32], NDArray[np.int32]]

FEWEST_TO_HOLD_BACK = 5
"""With fewer corrected objects than this, none is held out."""

_MOST_HELD_BACK = 16
_JUDGES, _CHOOSES = (2, 3), (3, 6)
"""First index and step of the replay images held out to measure forgetting, and of those held out
to choose cluster parameters; neither is trained on."""

_SECOND_VIEW = Symmetry(2, mirrored=True)
"""How a frame is turned to be seen a second time, which tells the objects that are sure."""

_SURE = 0.5
"""Foreground probability from which a pixel near a corrected object is not set to background."""

_DOUBTED = 0.02
"""Quantile of the foreground probability on corrected objects; background must lie below it."""


class CorrectedFrame(NamedTuple):
    """A corrected frame that a sample is made from, and the ids of its held-out objects."""

    frame: NDArray[np.float32]
    corrections: NDArray[np.int32]
    held_back: list[int]


class FineTuningSet(NamedTuple):
    """Training samples, the number of objects in them, and the held-out objects.

    ``corrected`` holds the corrected frame of each sample.
    """

    samples: list[Sample]
    objects: int
    held_back: int
    held_out: HeldOutSet | None
    corrected: list[CorrectedFrame]

    @property
    def labelled_frames(self) -> list[Frame]:
        """Each frame with what is learnt of it at first; held-out objects are unknown."""
        pairs = zip(self.corrected, self.samples, strict=True)
        return [(source.frame, sample.labels) for source, sample in pairs]


def build_fine_tuning_set(
    model: EmbeddingModel, frames: Sequence[Frame], config: FineTuneConfig, device: str = "auto"
) -> FineTuningSet:
    """Turn corrected frames into samples and hold out some of their objects.

    Parameters
    ----------
    model : EmbeddingModel
        The parent, whose foreground probability marks confident background.
    frames : sequence of (image, corrections)
        From :func:`~.targets.annotated_frames`, each with at least one corrected object.
    config : FineTuneConfig
        Settings.
    device : str
        As in :func:`predict_embedding`.
    """
    objects = [(n, int(k)) for n, (_, c) in enumerate(frames) for k in np.unique(c[c > 0])]
    chosen = _held_back(objects, config)
    samples: list[Sample] = []
    corrected: list[CorrectedFrame] = []
    crops: list[HeldOutCrop] = []
    for number, (frame, corrections) in enumerate(frames):
        held_back = [k for n, k in chosen if n == number]
        target = learning_target(
            corrections, _foreground(model, frame, config, device), held_back, config
        )
        if (target > 0).any():
            samples.append(prepare_sample(frame, target, model.config.drifts))
            corrected.append(CorrectedFrame(frame, corrections, held_back))
        crops += crops_around(frame, corrections, held_back)
    held_out = HeldOutSet(tuple(crops), device) if crops else None
    return FineTuningSet(samples, len(objects) - len(chosen), len(chosen), held_out, corrected)


def samples_with_pseudo_labels(
    corrected: Sequence[CorrectedFrame], model: EmbeddingModel, device: str = "auto"
) -> list[Sample]:
    """Rebuild the samples with the model's pseudo-labels where nothing was corrected.

    Objects must be found in the frame as it is and in the one that :data:`_SECOND_VIEW` makes.
    """
    params = params_as_seen(model.config.cluster_params(), model.config)
    samples = []
    for frame, corrections, held_back in corrected:
        answer = predict_at_own_scale(model, frame, device)
        turned = predict_at_own_scale(model, _SECOND_VIEW.apply(frame), device)
        again = _SECOND_VIEW.undo(build_cluster_index(turned).cut(params))
        target = with_pseudo_labels(corrections, answer, again, params)
        target[np.isin(corrections, held_back)] = EXCLUDED
        samples.append(prepare_sample(frame, target, model.config.drifts))
    return samples


def _held_back(objects: list[tuple[int, int]], config: FineTuneConfig) -> list[tuple[int, int]]:
    """Draw the objects to hold out: at least one of five or more, unless the share is 0."""
    if len(objects) < FEWEST_TO_HOLD_BACK or config.held_back == 0:
        return []
    count = min(max(round(config.held_back * len(objects)), 1), _MOST_HELD_BACK)
    chosen = np.random.default_rng(config.seed).choice(len(objects), count, replace=False)
    return [objects[i] for i in sorted(chosen)]


def _foreground(
    model: EmbeddingModel, frame: NDArray[np.float32], config: FineTuneConfig, device: str
) -> NDArray[np.float32] | None:
    if config.trust_background <= 0 and config.border <= 0:
        return None
    return predict_foreground(model, frame, device)


def learning_target(
    corrections: NDArray[np.int32],
    foreground: NDArray[np.float32] | None,
    held_back: Sequence[int],
    config: FineTuneConfig,
) -> NDArray[np.int32]:
    """Return the training label of each pixel: object (k), background (0), unknown (−1, −2).

    Parameters
    ----------
    corrections : array, shape ([Z,] Y, X)
        −1 not corrected, 0 known background, k a corrected object.
    foreground : array of the same shape, optional
        The parent's foreground probability, 0 to 1.
    held_back : sequence of int
        Ids of held-out objects; their pixels become −2.
    config : FineTuneConfig
        Uses ``border`` and ``trust_background``.

    Returns
    -------
    array of int32
        Uncorrected pixels near an object, or that the parent predicts as background, become 0.
        The threshold is lowered if the parent predicts corrected pixels as background too.
    """
    target = corrections.copy()
    if foreground is not None:
        near = ndimage.distance_transform_edt(corrections <= 0) <= config.border
        doubted = float(np.quantile(foreground[corrections > 0], _DOUBTED))
        sure = min(config.trust_background, doubted)
        background = (near & (foreground < _SURE)) | (foreground < sure)
        target[background & (corrections == IGNORE)] = 0
    target[np.isin(corrections, held_back)] = EXCLUDED
    return target


class ReplaySet(NamedTuple):
    """Replay data: samples to train on, and held-out images to measure forgetting.

    ``chosen_by`` holds further frames with label images, to choose cluster parameters by.
    """

    samples: list[Sample]
    held_out: HeldOutSet | None
    chosen_by: list[Frame]


def replay_set(
    model: EmbeddingModel,
    replay: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    device: str = "auto",
    spacing: Spacings = None,
) -> ReplaySet:
    """Split annotated images of the parent's kind into samples and held-out images."""
    config, frames = model.config, []
    for (image, labels), apart in zip(replay, spacing_of_each(spacing, len(replay)), strict=True):
        stack = read_stack(image, config, spacing=apart)
        zoom = zoom_of_planes(config, stack.spacing)  # objects already have the model's size
        frames += annotated_frames(config, stack, labels, zoom)
    first, every = _JUDGES
    crops = [crop_of_all(*frame) for frame in frames[first::every]]
    chosen_by = frames[_CHOOSES[0] :: _CHOOSES[1]]
    held_back = {*range(first, len(frames), every), *range(_CHOOSES[0], len(frames), _CHOOSES[1])}
    learnt = [frame for n, frame in enumerate(frames) if n not in held_back]
    samples = [prepare_sample(*frame, config.drifts) for frame in learnt]
    return ReplaySet(samples, HeldOutSet(tuple(crops), device) if crops else None, chosen_by)


def sampling_weights(
    fine_tuning_set: FineTuningSet, replayed: ReplaySet, replay: float
) -> list[float]:
    """Return the sampling probability of each corrected, then of each replay sample.

    Corrected samples are weighted by their number of objects; replay samples share ``replay``.
    """
    share = replay if replayed.samples else 0.0
    weight = np.array([len(sample.centres) for sample in fine_tuning_set.samples], float)
    first = (1 - share) * weight / weight.sum()
    return [*first.tolist(), *[share / max(len(replayed.samples), 1)] * len(replayed.samples)]

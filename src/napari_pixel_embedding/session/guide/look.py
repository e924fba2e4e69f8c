"""The look at the result of a run: what is wrong with it, and what would do better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_pixel_embedding.core.inference.object_scale import image_diameter
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.model.config import find_model, list_models, read_config
from napari_pixel_embedding.session.correct.review import targets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.quality import Finding
    from napari_pixel_embedding.core.inference.trial import Candidate, Trial
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.correct.review import ReviewRequest
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.state.image import ImageInput

_NOT_TRIED = ("nuclei-cosine", "nuclei-fast", "nuclei-wnet", "bacteria", "leaves")
"""Bundled models that have learnt from the images of another, so that a trial would tell nothing
new; and those that have learnt from drawings alone, which are too sure of real images of any kind.
"""
_OF_MANY_KINDS = ("generic",)
"""Bundled models that are worse at each kind than the model of that kind."""
_DOUBTFUL = 0.75
"""Uncertainty from which an object is offered for review."""
_CLEARLY = 0.05
"""Confidence that a trial must gain on the present result."""


@dataclass(frozen=True, eq=False)
class LookRequest:
    """A result to look at.

    Parameters
    ----------
    image : ImageInput
        The image as it was chosen, or the part of a large one that was segmented.
    axes : str
        The axes it was read with.
    model : EmbeddingModel
        The model of the run.
    diameter : float, optional
        Diameter of the run; None for the model's own.
    device : str
        Where trials run.
    review : ReviewRequest
        Labels, embedding maps and cluster indices.
    """

    image: ImageInput
    axes: str
    model: EmbeddingModel
    diameter: float | None
    device: str
    review: ReviewRequest


@dataclass(frozen=True)
class ResultLook:
    """What a look has found.

    Parameters
    ----------
    finding : str, optional
        As from ``find_problem``, or "planes" for a stack that a 2-D model took plane by plane.
    doubtful : int
        Number of objects that are worth a review.
    better : Candidate, optional
        A model and a diameter that a trial found better.
    """

    finding: Finding | Literal["planes"] | None = None
    doubtful: int = 0
    better: Candidate | None = None


def look_at_result(engine: Engine, request: LookRequest) -> ResultLook:
    """Judge a result; where it looks wrong, try other models on a crop of the image.

    Bundled models are compared with each other only: who runs a model of their own has a reason.
    """
    review = request.review
    doubtful = sum(target.score >= _DOUBTFUL for target in targets(review))
    expected = image_diameter(request.model.config, request.diameter)
    number = _fullest(review.labels) if review.frames else 0
    labels = review.labels[number] if review.frames else review.labels
    emap = review.maps[number]
    quality = engine.measure_quality(labels, emap.distance, emap.spacing, emap.drifts)
    if _is_stack(request):
        trials = _trials(engine, request, "ZYX", review.labels)
        good = [trial for trial in trials if trial.is_good]
        if good or "Z" in request.image.axes_hint.upper():
            return ResultLook("planes", doubtful, _best(good, 0.0))
    finding = engine.find_problem(quality, expected)
    if finding is None:
        return ResultLook(None, doubtful)
    trials = _trials(engine, request, request.model.config.axes, labels, number)
    least = (quality.confidence or 0.0) + _CLEARLY
    return ResultLook(finding, doubtful, _best([t for t in trials if t.is_good], least))


def _fullest(labels: NDArray[Any]) -> int:
    """Return the frame with the most labelled pixels."""
    return int(np.argmax([np.count_nonzero(frame) for frame in labels]))


def _is_stack(request: LookRequest) -> bool:
    """Whether planes of a volume may have been taken for frames, without the user's word."""
    image = request.image
    planes = "T" in request.axes and request.model.config.ndim == 2 and "C" not in request.axes
    told = image.axes is not None or "T" in image.axes_hint.upper()
    return planes and not told and image.shape[0] > 1


def _trials(
    engine: Engine,
    request: LookRequest,
    spatial: str,
    labels: NDArray[Any],
    frame: int = 0,
) -> list[Trial]:
    """Try the bundled models for some axes on a crop where the present labels are densest."""
    if request.model.config.name not in list_models():
        return []
    names = [name for name in list_models() if name not in _NOT_TRIED]
    configs = [(name, read_config(find_model(name))) for name in names]
    found = engine.candidates(configs, spatial, request.image.rgb)
    around = engine.busiest(labels)
    return [
        trial
        for candidate in found
        if not _is_present(candidate, request)
        and (trial := _try(engine, request, candidate, around, frame)) is not None
    ]


def _is_present(candidate: Candidate, request: LookRequest) -> bool:
    config = request.model.config
    same = image_diameter(config, request.diameter) == candidate.diameter
    return same and config.name == candidate.model


def _try(
    engine: Engine,
    request: LookRequest,
    candidate: Candidate,
    around: tuple[float, ...],
    frame: int,
) -> Trial | None:
    """Try a model; None where it does not take the image."""
    model = engine.load_model(candidate.model)
    try:
        layout = request.image.layout_for(model.config)
        stack = request.image.arranged(layout).read(model.config, layout.read_axes)
        one = stack.frame(None if stack.count is None else frame)
        return engine.try_model(model, one, candidate, PredictOptions(request.device), around)
    except ValueError:
        return None


def _best(trials: list[Trial], least: float) -> Candidate | None:
    """Return the best of the trials with more than the least confidence."""
    better = [trial for trial in trials if trial.confidence > least]
    if not better:
        return None
    best = max(better, key=_rank)
    return replace(best.candidate, diameter=best.best_diameter)


def _rank(trial: Trial) -> tuple[bool, float]:
    """Put a model of one kind before one of many kinds, then the surer one first."""
    return trial.candidate.model not in _OF_MANY_KINDS, trial.confidence

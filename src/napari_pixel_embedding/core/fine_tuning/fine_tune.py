"""Fine-tuning of a model on sparse corrections, with replay and a report on held-out objects."""

from __future__ import annotations

import copy
import datetime
import math
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, TuningReport
from napari_pixel_embedding.core.fine_tuning.calibration import tune_cluster_params
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.fine_tuning.replay import bundled_replay
from napari_pixel_embedding.core.fine_tuning.targets import (
    FineTuningSet,
    ReplaySet,
    build_fine_tuning_set,
    replay_set,
    samples_with_pseudo_labels,
    sampling_weights,
)
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import (
    spacing_of_each,
    usual_params,
    zoom_for,
)
from napari_pixel_embedding.core.model.model_file import EmbeddingModel
from napari_pixel_embedding.core.training.targets import annotated_frames
from napari_pixel_embedding.core.training.train import TrainProgress, train

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.fine_tuning.held_out import HeldOutScore, HeldOutSet
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.object_scale import Spacings
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.training.targets import Sample


def fine_tune(
    model: EmbeddingModel,
    images: NDArray[Any] | Sequence[NDArray[Any]],
    corrections: NDArray[Any] | Sequence[NDArray[Any]],
    config: FineTuneConfig | None = None,
    *,
    axes: str | Sequence[str | None] | None = None,
    channel: Channel | None = None,
    spacing: Spacings = None,
    diameter: float | Sequence[float | None] | None = None,
    device: str = "auto",
    replay: Sequence[tuple[NDArray[Any], NDArray[Any]]] | None = None,
    replay_spacing: Spacings = None,
    names: Sequence[str] = (),
    checkpoint: Path | None = None,
) -> Generator[TrainProgress, None, None]:
    """Tune a model on corrected labels; yield progress before the first step and after each.

    Parameters
    ----------
    model : EmbeddingModel
        The parent; it is copied, not changed.
    images : array or sequence of arrays
        As :func:`predict_embedding` takes them; each frame along T becomes a sample.
    corrections : array or sequence of arrays
        Sparse label images with the axes of the images but channels: k > 0 is a corrected object,
        0 known background, −1 unknown.
    config : FineTuneConfig, optional
        Settings.
    axes : str or sequence of str, optional
        Axes of every image, or of each.
    channel : int or str, optional
        As in :func:`predict_embedding`, of every image.
    spacing : sequence of float, or a sequence of them, optional
        As in :func:`predict_embedding`, of every image or of each.
    diameter : float or sequence of float, optional
        As in :func:`predict_embedding`, for every image or for each; stored in the tuned model (the
        median of several) as its default.
    device : str
        "auto", "cpu", "cuda" or "mps".
    replay : sequence of (image, labels), optional
        Fully annotated images of the kind the parent was trained on, mixed in against
        forgetting. By default the samples shipped for the bundled model it descends from, if any.
    replay_spacing : sequence of float, or a sequence of them, optional
        Like ``spacing``, for the replay images.
    names : sequence of str
        Names of the images, stored in the tuned model's provenance.
    checkpoint : Path, optional
        As in :func:`train`.

    Yields
    ------
    TrainProgress
        Step 0 scores the parent; its losses are NaN. Every 50 steps, and on the last one, the
        best tuned model comes with a report; before the first of these a model comes with step 1
        and every ten seconds, without a report. Scores are AP, averaged over IoU 0.5 to 0.95, on
        the held-out objects. ``close()`` stops at once.

    Raises
    ------
    ValueError
        When there is no corrected object, or images and corrections do not fit.
    """
    config = config or FineTuneConfig()
    if model.config.untrainable:
        raise ValueError(model.config.untrainable)
    frames = _corrected_frames(
        model.config, _as_list(images), _as_list(corrections), axes, channel, spacing, diameter
    )
    fine_tuning_set = build_fine_tuning_set(model, frames, config, device)
    wanted = bundled_replay(model.config) if replay is None else replay
    replayed = replay_set(model, wanted if config.replay > 0 else (), device, replay_spacing)
    held_out_sets = _HeldOutSets(fine_tuning_set.held_out, replayed.held_out)
    before = held_out_sets.score(model)
    nothing_yet = dict.fromkeys(("total", "foreground", "distance", "intra", "inter"), math.nan)
    yield TrainProgress(0, config.steps, nothing_yet, before.ap, report=before.compared(before))
    tuned_config = _tuned_config(model.config, fine_tuning_set, replayed, config, names, diameter)
    steps = train(
        EmbeddingModel(model.network, tuned_config),
        [*fine_tuning_set.samples, *replayed.samples],
        replace(config.training(), margin=_standard_error(fine_tuning_set.held_back)),
        validation=None if fine_tuning_set.held_out is None else fine_tuning_set.held_out.ap,
        device=device,
        checkpoint=checkpoint,
        sampling_weights=sampling_weights(fine_tuning_set, replayed, config.replay),
        revise=_SelfTraining(fine_tuning_set, replayed, config.self_training, device),
        early_models=True,
    )
    calibrate = partial(
        tune_cluster_params,
        frames=fine_tuning_set.labelled_frames,
        replayed=replayed.chosen_by,
        device=device,
    )
    mixed = (_mixed(state, model, config.parent_share) for state in steps)
    with closing(steps):
        yield from _with_reports(mixed, held_out_sets, before, calibrate)


def _as_list(arrays: NDArray[Any] | Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return list(arrays) if isinstance(arrays, list | tuple) else [np.asarray(arrays)]


def _for_each(value: Any, images: Sequence[Any]) -> Sequence[Any]:
    """Return one value for each image: a single value repeated, or the sequence itself."""
    single = value is None or isinstance(value, str | int | float)
    return [value] * len(images) if single else value


def _corrected_frames(
    config: ModelConfig,
    images: list[NDArray[Any]],
    corrections: list[NDArray[Any]],
    axes: str | Sequence[str | None] | None,
    channel: Channel | None,
    spacing: Spacings,
    diameter: float | Sequence[float | None] | None,
) -> list[tuple[NDArray[np.float32], NDArray[np.int32]]]:
    """Return (normalised frame, corrections) for every frame with a corrected object."""
    if len(images) != len(corrections):
        raise ValueError(
            "expected corrections for each image, "
            f"found {len(images)} images and {len(corrections)} correction images."
        )
    each = zip(
        images,
        corrections,
        _for_each(axes, images),
        spacing_of_each(spacing, len(images)),
        _for_each(diameter, images),
        strict=True,
    )
    frames = []
    for image, correction, own_axes, pixel, size in each:
        stack = read_stack(image, config, own_axes, channel=channel, spacing=pixel)
        found = annotated_frames(config, stack, correction, zoom_for(config, size, stack.spacing))
        frames += [frame for frame in found if (frame[1] > 0).any()]
    if not frames:
        raise ValueError(
            "expected at least one corrected object to learn from, found none: paint or repair "
            "an object on the labels layer first."
        )
    return frames


def _standard_error(objects: int) -> float:
    """Upper bound of the standard error of a mean of ``objects`` values between 0 and 1."""
    return 0.5 / math.sqrt(objects) if objects else 0.0


class _SelfTraining:
    """Self-training: once, after a share of the steps, add pseudo-labels to the samples."""

    def __init__(
        self, fine_tuning_set: FineTuningSet, replayed: ReplaySet, share: float, device: str
    ) -> None:
        self._fine_tuning_set, self._replayed = fine_tuning_set, replayed
        self._share, self._device = share, device
        self._is_due = share < 1

    def __call__(self, model: EmbeddingModel, done: float) -> list[Sample] | None:
        if not self._is_due or done < self._share:
            return None
        self._is_due = False
        samples = samples_with_pseudo_labels(self._fine_tuning_set.corrected, model, self._device)
        return [*samples, *self._replayed.samples]


def _mixed(state: TrainProgress, parent: EmbeddingModel, share: float) -> TrainProgress:
    """Average the weights of a model that comes with a step with its parent's (WiSE-FT).

    Wortsman et al., CVPR 2022: the average keeps most of what either knows.
    """
    if state.model is None or share == 0:
        return state
    own, old = state.model.network.state_dict(), parent.network.state_dict()
    weights = {
        name: torch.lerp(value, old[name].to(value), share) if value.is_floating_point() else value
        for name, value in own.items()
    }
    network = copy.deepcopy(state.model.network)
    network.load_state_dict(weights)
    return replace(state, model=EmbeddingModel(network, state.model.config))


# ------------------------------------------------------------------------------------ reports


class _Scores(NamedTuple):
    """Scores of a model on both held-out sets; None where a set is empty."""

    held_back: HeldOutScore | None
    replay: HeldOutScore | None

    @property
    def ap(self) -> float | None:
        return None if self.held_back is None else self.held_back.ap

    def compared(self, before: _Scores) -> TuningReport:
        pairs = zip(before, self, strict=True)
        return TuningReport(
            *(None if b is None or a is None else BeforeAfter(b.errors, a.errors) for b, a in pairs)
        )


class _HeldOutSets(NamedTuple):
    """Held-out corrected objects and held-out replay images; None where there are none."""

    held_back: HeldOutSet | None
    replay: HeldOutSet | None

    def score(self, model: EmbeddingModel) -> _Scores:
        return _Scores(*(None if held_out is None else held_out.score(model) for held_out in self))


def _with_reports(
    steps: Iterator[TrainProgress],
    held_out_sets: _HeldOutSets,
    before: _Scores,
    calibrate: Callable[[EmbeddingModel], dict[str, Any]],
) -> Iterator[TrainProgress]:
    """Add to each model its cluster parameters and a comparison with its parent."""
    cluster: dict[str, Any] = {}
    report = before.compared(before)
    scored_step: int | None = None
    for state in steps:
        if state.model is None or state.early:
            yield state
            continue
        if state.best_step != scored_step:
            cluster = calibrate(state.model)
            after = held_out_sets.score(_with_cluster(state.model, cluster))
            report, scored_step = after.compared(before), state.best_step
        model = _with_report(_with_cluster(state.model, cluster), report)
        yield replace(state, model=model, report=report)


def _with_cluster(model: EmbeddingModel, cluster: dict[str, Any]) -> EmbeddingModel:
    return replace(model, config=replace(model.config, cluster=cluster))


def _with_report(model: EmbeddingModel, report: TuningReport) -> EmbeddingModel:
    """Add date and report to a model's provenance; a checkpoint does not hold them."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    provenance = {**model.config.provenance, "tuned": now, "report": asdict(report)}
    return replace(model, config=replace(model.config, provenance=provenance))


def _tuned_config(
    parent: ModelConfig,
    fine_tuning_set: FineTuningSet,
    replayed: ReplaySet,
    config: FineTuneConfig,
    names: Sequence[str],
    diameter: float | Sequence[float | None] | None,
) -> ModelConfig:
    """Return the tuned model's configuration, with its name and provenance."""
    provenance = {
        "parent": parent.name,
        "parent_provenance": parent.provenance,
        "image_names": list(names),
        "images": len(fine_tuning_set.samples),
        "corrected_objects": fine_tuning_set.objects,
        "held_back_objects": fine_tuning_set.held_back,
        "replayed_images": len(replayed.samples),
        **asdict(config),
    }
    name = parent.name if parent.name.endswith("-tuned") else f"{parent.name}-tuned"
    known = [size for size in _for_each(diameter, [parent]) if size is not None]
    size = float(np.median(known)) if known else parent.image_diameter
    # It has learnt from images at this scale, so that it must see others at it.
    sized = replace(parent, image_diameter=size, measures_diameter=False)
    return replace(sized, name=name, cluster=_cluster_for(parent, sized), provenance=provenance)


def _cluster_for(parent: ModelConfig, sized: ModelConfig) -> dict[str, Any]:
    """Return the parent's cluster parameters in the pixels of images with other diameters."""
    params = usual_params(parent, sized.image_diameter)
    if params.min_size == parent.cluster_params().min_size:
        return parent.cluster
    return {**parent.cluster, "min_size": params.min_size}

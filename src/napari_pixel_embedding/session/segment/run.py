"""Jobs that run a model or measure the diameter: pure functions of a frozen request."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.blockwise.roi import sees
from napari_pixel_embedding.core.embedding.embedding_map import notes_of
from napari_pixel_embedding.core.features.source import FeatureConfig, features_named
from napari_pixel_embedding.core.inference.object_scale import measured_note, usual_params
from napari_pixel_embedding.core.inference.signal import signal_notes
from napari_pixel_embedding.session.recipe.record import record_part, record_run
from napari_pixel_embedding.session.segment.requests import (
    RunRequest,
    RunResult,
    Stage,
)
from napari_pixel_embedding.session.segment.roi import (
    embed_roi,
    finest_part,
    first_roi,
    read_source,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Report

_NETWORK_SHARE = 0.9
"""Share of the network in the progress bar; the remainder is the cluster index."""


def run_model(engine: Engine, request: RunRequest, report: Report) -> RunResult:
    """Load the model, run it on every frame, and index the embeddings.

    The diameter is measured first where the request asks for it, or nothing says how large the
    objects of a volume are.

    Raises
    ------
    ValueError
        If the model, the image and its axes do not fit together.
    """
    report(Stage("Loading the model …", 0.0))
    request, model = _loaded(engine, request)
    measured = _measured(engine, request, model, report)
    if measured is not None:
        options = replace(request.options, diameter=measured)
        request = replace(request, options=options, measure_diameter=False)
    layout = request.image.layout_for(model.config)
    request = request.arranged(layout)
    if isinstance(model.config, FeatureConfig):
        model = engine.fit_model(model, request.image.data, layout.read_axes)
    return replace(_run(engine, request, model, layout, report), measured=measured)


def _loaded(engine: Engine, request: RunRequest) -> tuple[RunRequest, EmbeddingModel]:
    """Load the model; of features, choose the image's axes and add the foreground to it."""
    source = request.model
    if not isinstance(source, str):
        return request, source
    features = features_named(source)
    if features is None:
        return request, engine.load_model(source)
    image = request.image.with_features(features)
    return replace(request, image=image), engine.load_features(features, image.shape, image.axes)


def _measured(
    engine: Engine, request: RunRequest, model: EmbeddingModel, report: Report
) -> float | None:
    """Measure the diameter if the run needs it; None where it does not, or nothing is found."""
    by_itself = model.config.ndim == 3 or model.config.measures_diameter
    unknown = by_itself and request.options.diameter is None
    if model.config.object_diameter is None or not (unknown or request.measure_diameter):
        return None

    def tell(fraction: float) -> None:
        report(Stage("Measuring the objects …", _MEASURING_SHARE * fraction))

    options = replace(request.options, diameter=None)
    try:
        found = measure(engine, replace(request, model=model, options=options), tell)
    except ValueError:
        return None  # no objects at any scale: the run shows the same
    return round(found, 1)  # as it is shown, so that a run with the shown number is the same


def _run(
    engine: Engine, request: RunRequest, model: EmbeddingModel, layout: Layout, report: Report
) -> RunResult:
    """Run the model on an arranged image."""
    axes = layout.read_axes
    roi = first_roi(request, model, axes)
    if roi is not None:
        return _run_roi(engine, request, model, layout, roi, report)
    stack = request.image.read(model.config, axes).measured(model.config.scaling)
    progress = partial(_report_network, report)
    maps = tuple(engine.embed_frames(model, stack, request.options, progress))
    _await_kernels(engine, report)
    indices = []
    for done, emap in enumerate(maps):
        done_share = (1 - _NETWORK_SHARE) * done / len(maps)
        report(Stage(f"Finding clusters{_of(done, maps)} …", _NETWORK_SHARE + done_share))
        indices.append(engine.build_cluster_index(emap))
    notes = (*signal_notes(stack, model.config.scaling), *notes_of(maps))
    record = record_run(engine, model, request.model, request.options, stack)
    return RunResult(request.image, model, layout, maps, tuple(indices), notes=notes, record=record)


_MEASURING_SHARE = 0.5
"""Share of measuring in the progress bar; the network starts from there."""


def measure(engine: Engine, request: RunRequest, report: Report) -> float:
    """Measure the typical diameter of the image's objects, and report the finished fraction.

    Raises
    ------
    ValueError
        If the model, the image and its axes do not fit together, or no object is found.
    """
    report(0.0)
    request, model = _loaded(engine, request)
    layout = request.image.layout_for(model.config)
    request, axes = request.arranged(layout), layout.read_axes
    stack = finest_part(request, model, axes).read(model.config, axes)
    return engine.measure_diameter(model, stack, request.options, report)


def _run_roi(
    engine: Engine,
    request: RunRequest,
    model: EmbeddingModel,
    layout: Layout,
    roi: ROI,
    report: Report,
) -> RunResult:
    """Run a model on an ROI of a large image."""
    report(Stage("Looking at the image …", 0.0))
    source = read_source(engine, request, model, layout.read_axes)
    emap = embed_roi(engine, source, roi, partial(_report_network, report))
    _await_kernels(engine, report)
    report(Stage("Finding clusters …", _NETWORK_SHARE))
    index = engine.build_cluster_index(emap)
    spacing = request.image.spatial_spacing(model.config.ndim)
    record = record_part(engine, model, request.model, request.options, spacing, source.ranges)
    return RunResult(
        request.image,
        model,
        layout,
        (emap,),
        (index,),
        roi,
        source,
        notes=notes_of([emap]),
        record=record,
    )


def _await_kernels(engine: Engine, report: Report) -> None:
    engine.warm_up.wait(lambda: report(Stage("Compiling kernels, once …", 0.0)))


def _report_network(report: Report, fraction: float) -> None:
    report(Stage("Running the network …", _NETWORK_SHARE * fraction))


_MEANING = ("space", "delta_var", "delta_dist", "embedding_dim", "axes", "cluster")


def same_family(old: EmbeddingModel | None, new: EmbeddingModel) -> bool:
    """Whether sliders and colours of one model still mean the same with another."""
    if old is None:
        return False
    return all(getattr(old.config, n) == getattr(new.config, n) for n in _MEANING)


def start_params(result: RunResult, diameter: float | None) -> ClusterParams:
    """Return initial cluster parameters for an image whose objects have this diameter."""
    config = result.model.config
    return usual_params(config, diameter, result.image.spatial_spacing(config.ndim))


def _of(done: int, maps: Sequence[EmbeddingMap]) -> str:
    return f", frame {done + 1} of {len(maps)}" if len(maps) > 1 else ""


def embedded_message(result: RunResult) -> str:
    """Return the status line after a run; for a large image, it names the part."""
    by, roi = f"with {result.model.config.name}.", result.roi
    if roi is None or result.source is None:
        notes = (f"Embedded “{result.image.name}” {by}{_measured_message(result)}", *result.notes)
        return " ".join(notes)
    size = " × ".join(f"{n:,}" for n in roi.shape)
    level = f" at level {roi.level}, {_coarser(roi)} coarser," if roi.level else ""
    by += _measured_message(result)
    parts = [f"Embedded {size} pixels of “{result.image.name}”{level} {by}"]
    if roi.frame is not None:
        parts.append(f"Frame {roi.frame}.")
    view = result.source.request.view
    if view is not None and not sees(result.source.axes, result.image.shape, view):
        parts.append("No part of the image is in view: its centre was used.")
    return " ".join(parts)


def _measured_message(result: RunResult) -> str:
    if result.measured is None:
        return ""
    return " " + measured_note(result.model.config, round(result.measured, 1))


def _coarser(roi: ROI) -> str:
    return f"{max(roi.factor):.3g} ×"

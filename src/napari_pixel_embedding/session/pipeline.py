"""What a session's workers do: pure functions from one frozen request to one frozen answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.object_scale import usual_params
from napari_pixel_embedding.session import large
from napari_pixel_embedding.session.cuts import object_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import Field, View
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.segment import Method
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.cuts import Locals
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Report
    from napari_pixel_embedding.session.state import ImageInput

_NETWORK_SHARE = 0.9
"""Part of the progress bar that belongs to the network; the rest is the cluster index."""


def guess_axes(image: ImageInput, spatial: str, in_channels: int) -> str | None:
    """Say what an image's axes are, for a model with these spatial axes and channels.

    Chosen axes count first, then names of axes that make sense; planes are frames to a 2-D
    model, which takes a stack slice by slice. Without names, one axis more than the model has
    is time, unless it has the length of the model's channels.

    Returns
    -------
    str or None
        A letter an axis; None when the core shall word what is wrong.

    Examples
    --------
    >>> from napari_pixel_embedding.session.state import ImageInput
    >>> guess_axes(ImageInput(np.zeros((9, 64, 64))), "YX", 1)
    'TYX'
    """
    if image.axes is not None:
        return image.axes
    shape, colour = image.shape, "C" if image.rgb else ""
    hint = image.axes_hint.upper() + colour
    if len(hint) == len(shape) == len(set(hint)) and set(hint) <= set("TCZYX"):
        return hint if "Z" in spatial or "T" in hint else hint.replace("Z", "T")
    extra = len(shape) - len(colour) - len(spatial)
    channels = in_channels > 1 and not image.rgb
    if extra == 1:
        return ("C" if channels and shape[0] == in_channels else "T") + spatial + colour
    if extra == 2 and channels and shape[1] == in_channels:
        return "TC" + spatial
    return spatial + colour if extra == 0 else None


@dataclass(frozen=True, eq=False)
class Stage:
    """Progress of a run: what is being done, and the finished fraction of the whole."""

    text: str
    fraction: float


@dataclass(frozen=True, eq=False)
class RunRequest:
    """Everything a run needs: besides the obvious, what is seen of the image, and a limit.

    An image that needs more bytes of memory than the limit, by default what the machine bears, is
    worked on in parts, beginning with what is seen.
    """

    image: ImageInput
    model: str | EmbeddingModel
    device: str
    augment: int = 1
    diameter: float | None = None
    view: View | None = None
    memory: int | None = None


@dataclass(frozen=True, eq=False)
class RunResult:
    """A model's answer for a whole image: one map and one index for every frame.

    For one too large, the answer is for a field; ``source`` is what its other parts are made from.
    """

    image: ImageInput
    model: EmbeddingModel
    axes: str
    maps: tuple[EmbeddingMap, ...]
    indices: tuple[ClusterIndex, ...]
    field: Field | None = None
    source: large.Source | None = None


def run_model(engine: Engine, request: RunRequest, report: Report) -> RunResult:
    """Load the model, run it on every frame, and index what it says.

    Raises
    ------
    ValueError
        When the file, the image and its axes do not fit together.
    """
    report(Stage("Loading the model …", 0.0))
    model = request.model
    if isinstance(model, str):
        model = engine.load_model(model)
    config, image = model.config, request.image
    axes = guess_axes(image, config.axes, config.in_channels)
    field = large.first_field(request, model, axes)
    if field is not None:
        return _run_field(engine, request, model, axes, field, report)
    maps = _predict(engine, model, request, axes, report)
    indices = []
    for done, emap in enumerate(maps):
        done_share = (1 - _NETWORK_SHARE) * done / len(maps)
        report(Stage(f"Finding clusters{_of(done, maps)} …", _NETWORK_SHARE + done_share))
        indices.append(engine.build_cluster_index(emap))
    axes = axes or _axes_of(maps, config.axes, image)
    return RunResult(image, model, axes, maps, tuple(indices))


def measure(engine: Engine, request: RunRequest, report: Report) -> float:
    """Measure the typical diameter of the image's objects, and report the finished fraction.

    Raises
    ------
    ValueError
        When the file, the image and its axes do not fit together, or no object is found.
    """
    report(0.0)
    model, image = request.model, request.image
    if isinstance(model, str):
        model = engine.load_model(model)
    axes = guess_axes(image, model.config.axes, model.config.in_channels)
    image, axes = large.finest_part(request, model, axes)
    return engine.estimate_diameter(
        model,
        image.data,
        axes=axes,
        spacing=image.spatial_spacing(len(model.config.axes)),
        device=request.device,
        progress=report,
    )


def _run_field(
    engine: Engine,
    request: RunRequest,
    model: EmbeddingModel,
    axes: str | None,
    field: Field,
    report: Report,
) -> RunResult:
    """Run a model on a field of a large image."""
    report(Stage("Looking at the image …", 0.0))
    source = large.read_source(engine, request, model, axes)
    emap = large.embed_field(engine, source, field, partial(_report_network, report))
    report(Stage("Finding clusters …", _NETWORK_SHARE))
    index = engine.build_cluster_index(emap)
    return RunResult(request.image, model, source.axes, (emap,), (index,), field, source)


def _report_network(report: Report, fraction: float) -> None:
    report(Stage("Running the network …", _NETWORK_SHARE * fraction))


_MEANING = ("space", "delta_var", "delta_dist", "embedding_dim", "axes", "cluster")


def same_family(old: EmbeddingModel | None, new: EmbeddingModel) -> bool:
    """Whether sliders and colours of one model still mean the same with another."""
    if old is None:
        return False
    return all(getattr(old.config, n) == getattr(new.config, n) for n in _MEANING)


def start_params(result: RunResult, diameter: float | None) -> ClusterParams:
    """Cluster parameters to start from on an image whose objects have this diameter."""
    config = result.model.config
    return usual_params(config, diameter, result.image.spatial_spacing(config.ndim))


def _predict(
    engine: Engine, model: EmbeddingModel, request: RunRequest, axes: str | None, report: Report
) -> tuple[EmbeddingMap, ...]:
    maps = engine.predict_frames(
        model,
        request.image.data,
        axes=axes,
        device=request.device,
        augment=request.augment,
        diameter=request.diameter,
        spacing=request.image.spatial_spacing(len(model.config.axes)),
        progress=partial(_report_network, report),
    )
    return tuple(maps)


def _axes_of(maps: Sequence[EmbeddingMap], spatial: str, image: ImageInput) -> str:
    """Axes that the core guessed, as far as the labels' shape depends on them."""
    frames = "T" if maps[0].frame is not None else ""
    return frames + spatial + ("C" if image.rgb else "")


def _of(done: int, maps: Sequence[EmbeddingMap]) -> str:
    return f", frame {done + 1} of {len(maps)}" if len(maps) > 1 else ""


@dataclass(frozen=True, eq=False)
class LabelRequest:
    """Everything that labels depend on; ``clusters`` are given where they need no new cut."""

    indices: tuple[ClusterIndex, ...]
    params: ClusterParams
    clusters: NDArray[Any] | None
    corrections: NDArray[Any] | None
    frames: bool
    local: Locals = ()
    maps: tuple[EmbeddingMap, ...] = ()
    method: Method = "index"

    def has_clusters_of(self, other: LabelRequest) -> bool:
        """Whether both ask for the same cut."""
        same = self.indices is other.indices and self.params == other.params
        return same and self.local == other.local and self.method == other.method


@dataclass(frozen=True, eq=False)
class Labelling:
    """Clusters as cut, labels with the corrections on top, and how many objects there are."""

    clusters: NDArray[Any]
    labels: NDArray[Any]
    object_count: int
    median_size: float
    corrected_count: int


def label(engine: Engine, request: LabelRequest) -> Labelling:
    """Cluster every frame and put the corrections on top."""
    clusters, corrections = request.clusters, request.corrections
    if clusters is None:
        cuts = _clusters(engine, request)
        clusters = np.stack(cuts) if request.frames else cuts[0]
    if corrections is None:
        return Labelling(clusters, clusters, *_summary(request, clusters), 0)
    labels = per_frame(request.frames, engine.apply_corrections, clusters, corrections)
    corrected = object_sizes(corrections, request.frames).size
    return Labelling(clusters, labels, *_of_sizes(labels, request.frames), corrected)


def _clusters(engine: Engine, request: LabelRequest) -> list[NDArray[Any]]:
    """Label image of every frame, before corrections."""
    if request.method == "mutex":
        return [engine.mutex_watershed(emap, request.params) for emap in request.maps]
    local = request.local or ((),) * len(request.indices)
    pairs = zip(request.indices, local, strict=True)
    return [index.cut(request.params, local=own) for index, own in pairs]


def _summary(request: LabelRequest, clusters: NDArray[Any]) -> tuple[int, float]:
    """Count objects and take their median size: from the index, where there is only one."""
    if len(request.indices) != 1 or request.method != "index":
        return _of_sizes(clusters, request.frames)
    summary = request.indices[0].summary(request.params, request.local[0] if request.local else ())
    return summary.count, summary.median_size


def _of_sizes(labels: NDArray[Any], frames: bool) -> tuple[int, float]:
    sizes = object_sizes(labels, frames)
    return sizes.size, float(np.median(sizes)) if sizes.size else 0.0


def per_frame(
    frames: bool, function: Callable[..., NDArray[Any]], *arrays: NDArray[Any]
) -> NDArray[Any]:
    """Apply a function to arrays, frame by frame where their first axis is time.

    Object ids belong to a frame, so nothing that goes by id may see two frames at once.
    """
    if not frames:
        return function(*arrays)
    return np.stack([function(*parts) for parts in zip(*arrays, strict=True)])


def record_edit(
    engine: Engine,
    corrections: NDArray[Any] | None,
    before: NDArray[Any],
    after: NDArray[Any],
    frames: bool,
) -> NDArray[Any]:
    """Corrections with the difference of two label images added, frame by frame.

    Frames without a difference are left as they are.
    """
    if corrections is None:
        corrections = engine.no_corrections(after.shape)
    if not frames:
        return engine.record_edit(corrections, before, after)
    parts = [
        engine.record_edit(*part) if not np.array_equal(part[1], part[2]) else part[0]
        for part in zip(corrections, before, after, strict=True)
    ]
    return np.stack(parts)


@dataclass(frozen=True, eq=False)
class Colors:
    """Embeddings as colours, uint8 ([T,] [Z,] Y, X, 3), and the basis they were made with."""

    basis: ColorBasis
    rgb: NDArray[Any]


def color(
    engine: Engine, maps: Sequence[EmbeddingMap], basis: ColorBasis | None, frames: bool
) -> Colors:
    """Colour all frames with one basis, fitted to the middle one where none is given or fits."""
    middle = maps[len(maps) // 2]
    if basis is None or not engine.basis_fits(basis, middle):
        basis = engine.fit_color_basis(middle)
    pictures = [engine.embedding_to_rgb(emap, basis) for emap in maps]
    return Colors(basis, np.stack(pictures) if frames else pictures[0])

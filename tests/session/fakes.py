"""A core that needs no network: bright pixels are foreground, the bandwidth cuts by column."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_pixel_embedding.core.clustering import MergeHeights, StabilityCurve, Summary
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.session import Engine


@dataclass(frozen=True)
class FakeParams:
    bandwidth: float = 1.0
    foreground_threshold: float = 0.5
    min_size: int = 0

    def __post_init__(self):
        if self.bandwidth <= 0:
            raise ValueError(f"bandwidth must be above 0, found {self.bandwidth}.")


@dataclass(frozen=True)
class FakeConfig:
    name: str = "fake"
    axes: str = "YX"
    in_channels: int = 1
    percentiles: tuple[float, float] = (1.0, 99.8)
    space: str = "euclidean"
    delta_var: float = 0.5
    delta_dist: float = 1.5
    embedding_dim: int = 2
    cluster: tuple = ()
    stride: int = 1
    object_diameter: float | None = 2.0
    image_diameter: float | None = None
    pixel_size: tuple[float, ...] | None = None
    measures_diameter: bool = False
    drifts: bool = False

    @property
    def ndim(self):
        return len(self.axes)

    @property
    def scaling(self):
        return self.percentiles

    untrainable = ""

    def cluster_params(self):
        return FakeParams()


@dataclass(frozen=True, eq=False)
class FakeModel:
    config: FakeConfig = FakeConfig()


@dataclass(frozen=True)
class FakeStep:
    step: int
    steps: int
    losses: dict = field(default_factory=dict)
    validation_ap: float | None = None
    model: Any = None
    report: Any = None
    best_step: int | None = None
    note: str = ""


@dataclass(frozen=True)
class FakeReport:
    step: int

    def verdict(self):
        return f"report {self.step}"


class FakeIndex:
    """One object per bright run of columns; from bandwidth 2 on, all of them are one."""

    def __init__(self, emap):
        self.bright = np.asarray(emap.foreground) > 0.5

    @property
    def shape(self):
        return self.bright.shape

    @property
    def base(self):
        columns = self.bright.any(axis=tuple(range(self.bright.ndim - 1)))
        starts = np.diff(columns.astype(int), prepend=0) == 1
        return np.where(self.bright, np.cumsum(starts), 0).astype(np.uint16)

    @property
    def region_count(self):
        return int(self.base.max())

    def lookup(self, params, local=()):
        """One local bandwidth below 2 anywhere cuts all, so that tests see it."""
        bandwidth = min([params.bandwidth, *(one.bandwidth for one in local)])
        ids = np.arange(self.region_count + 1, dtype=np.uint16)
        return ids if bandwidth < 2 else np.minimum(ids, 1)

    def read(self, lookup, foreground_threshold, part):
        return lookup[self.base[part]]

    def cut(self, params, local=()):
        return self.lookup(params, local)[self.base]

    def summary(self, params, local=()):
        sizes = np.bincount(self.cut(params, local).ravel())[1:]
        return Summary(sizes.size, float(np.median(sizes)) if sizes.size else 0.0)

    def merge_heights(self, params, local=()):
        ids = np.arange(1, self.region_count + 1)
        return MergeHeights(ids, np.zeros(ids.size), np.full(ids.size, np.inf))

    def stability(self, params):
        count = self.summary(replace(params, bandwidth=1.0)).count
        steps, counts = np.array([0.5, 2.0]), np.array([count, min(count, 1)])
        return StabilityCurve(steps, counts, 3.0, (0.5, 2.0) if count > 1 else (0.5, 3.0))

    def next_cut(self, params, local, point, direction):
        cut = min([params.bandwidth, *(one.bandwidth for one in local)]) < 2
        return None if cut == (direction == "finer") else (1.0 if direction == "finer" else 2.5)

    def with_local(self, params, local, new):
        return (*(one for one in local if one.point != new.point), new)


def load_model(source):
    if source == "corrupt":
        raise ValueError("corrupt is damaged: expected safetensors, found text. Copy it again.")
    return FakeModel(FakeConfig(name=source))


def embed_frames(model, stack, options, progress):
    count = stack.count or 1
    for number in range(count):
        progress(number / count)
        pixels = stack.frame(number).array
        yield EmbeddingMap(
            embedding=np.zeros((2, *pixels.shape), np.float32),
            foreground=(pixels > 0).astype(np.float32),
            spacing=stack.spacing,
            frame=None if stack.count is None else number,
        )


def mutex_watershed(emap, params):
    """One object for each bright row."""
    bright = np.asarray(emap.foreground) > 0.5
    ids = np.cumsum(bright.any(axis=1))[:, None]
    return np.where(bright, ids, 0).astype(np.uint16)


def measure_diameter(model, image, options, progress):
    """As many pixels as the image is high; a dark image has no objects."""
    if not image.array.any():
        raise ValueError("expected an image with objects, found none: give the diameter by hand.")
    for part in (0.5, 1.0):
        progress(part)
    return image.array.shape[image.axes.index("Y")] + 0.123


def intensity_ranges(config, image, axes):
    return np.array([[0.0, 1.0]])


def same_model(a, b):
    return a.config == b.config


def no_corrections(shape):
    return np.full(shape, -1, np.int32)


def record_edit(corrections, before, after):
    changed = before != after
    gained = np.unique(after[changed])
    locked = changed | (np.isin(after, gained) & (after > 0))
    return np.where(locked, after, corrections).astype(np.int32)


def apply_corrections(clusters, corrections):
    return np.where(corrections >= 0, corrections, clusters).astype(np.uint16)


def fine_tune(
    model, images, corrections, config, *, axes, spacing, diameter, device, names, heartbeat
):
    for step in range(1, 4):
        best = FakeModel(FakeConfig(name="tuned")) if step >= 2 else None
        yield FakeStep(step, 3, {"total": 1 / step}, None, best, FakeReport(step))


def segment_region(model, image, pixels, options, params):
    return (image.array[pixels] > 0).astype(np.uint16)


def fit_color_basis(emap):
    return object()


def basis_fits(basis, emap):
    return True


def embedding_to_rgb(emap, basis):
    return np.zeros((*emap.shape, 3), np.uint8)


def _of_shape(corrections, layout):
    if layout is None:
        return corrections
    if not layout.fits_file(corrections.shape):
        shape = layout.label_shape
        raise ValueError(f"expected corrections of shape {shape}, found {corrections.shape}.")
    return layout.lift_file(corrections)


def fake_engine(**changes) -> Engine:
    files: dict[str, Any] = {}
    functions = {
        "load_model": load_model,
        "save_model": lambda model, path: files.update({path: model}),
        "fingerprint": lambda model: "0123456789abcdef",
        "embed_frames": embed_frames,
        "measure_diameter": measure_diameter,
        "build_cluster_index": FakeIndex,
        "mutex_watershed": mutex_watershed,
        "candidates": lambda configs, spatial, color: [],
        "intensity_ranges": intensity_ranges,
        "same_model": same_model,
        "no_corrections": no_corrections,
        "record_edit": record_edit,
        "apply_corrections": apply_corrections,
        "save_corrections": lambda path, corrections, axes=None: files.update({path: corrections}),
        "load_corrections": lambda path, layout=None, **_: _of_shape(files[path], layout),
        "fit_color_basis": fit_color_basis,
        "basis_fits": basis_fits,
        "embedding_to_rgb": embedding_to_rgb,
        "fine_tune": fine_tune,
        "interrupted_tunings": list,
        "segment_region": segment_region,
    }
    return Engine(**{**functions, **changes})


class QueueExecutor:
    """Keeps jobs until the test runs them, and their answers until the test delivers them."""

    def __init__(self):
        self.jobs = deque()
        self.answers = deque()

    def submit(self, job):
        self.jobs.append(job)

    def work(self):
        """Run the oldest waiting job; its answers wait too."""
        self.jobs.popleft().run(self.answers.append)

    def deliver(self):
        """Hand over all answers that wait."""
        while self.answers:
            self.answers.popleft()()

    def settle(self):
        """Work and deliver until nothing is left."""
        while self.jobs or self.answers:
            if self.jobs:
                self.work()
            self.deliver()

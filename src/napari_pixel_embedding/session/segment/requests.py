"""Requests and results of a session's jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import ROI, Viewport
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.results import RunRecord


@dataclass(frozen=True, eq=False)
class Source:
    """Input for segmenting the parts of one large image.

    Parameters
    ----------
    request : RunRequest
        Image and options of the run.
    model : EmbeddingModel
    axes : str
        A letter for each axis of the image, which is arranged.
    ranges : array, shape (C, 2)
        Intensity range of each channel in the whole image.
    """

    request: RunRequest
    model: EmbeddingModel
    axes: str
    ranges: NDArray[Any]

    @property
    def image(self) -> ImageInput:
        """The image."""
        return self.request.image

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels of the finest level along ([Z,] Y, X)."""
        parts = zip(self.axes, self.image.shape, strict=True)
        return tuple(n for letter, n in parts if letter in "ZYX")

    @property
    def frames(self) -> int:
        """Number of frames; 1 without that axis."""
        return self.image.shape[self.axes.index("T")] if "T" in self.axes else 1


@dataclass(frozen=True, eq=False)
class Stage:
    """Progress of a run: the current step, and the finished fraction, 0 where that is unknown."""

    text: str
    fraction: float


@dataclass(frozen=True, eq=False)
class RunRequest:
    """Input of a run, with the part of the image in view and a memory limit.

    The diameter is measured first if ``measure_diameter`` says so, or the model is one of volumes
    and none is given.

    An image that needs more bytes of memory than the limit (by default, the free memory) is
    segmented in parts, starting with the part in view.
    """

    image: ImageInput
    model: str | EmbeddingModel
    options: PredictOptions
    view: Viewport | None = None
    memory: int | None = None
    measure_diameter: bool = False

    def arranged(self, layout: Layout) -> RunRequest:
        """Return the request with image and view as they are read."""
        view = None if self.view is None else layout.lift_view(self.view)
        return replace(self, image=self.image.arranged(layout), view=view)


@dataclass(frozen=True, eq=False)
class RunResult:
    """Result of a run: one embedding map and one cluster index for every frame.

    For an image larger than memory it covers an ROI; ``source`` is the input for the other parts.
    ``notes`` say what is constant, or that nothing stands clear of the noise. ``image`` is arranged
    by ``layout``. ``measured`` is the diameter that the run has measured and gone by, if it did.
    ``record`` is what its recipe needs.
    """

    image: ImageInput
    model: EmbeddingModel
    layout: Layout
    maps: tuple[EmbeddingMap, ...]
    indices: tuple[ClusterIndex, ...]
    roi: ROI | None = None
    source: Source | None = None
    notes: tuple[str, ...] = ()
    measured: float | None = None
    record: RunRecord | None = None

    @property
    def axes(self) -> str:
        """Axes with which the image was read."""
        return self.layout.read_axes


@dataclass(frozen=True, eq=False)
class LabelRequest:
    """Input of labels; ``clusters`` are given if they need not be computed again."""

    indices: tuple[ClusterIndex, ...]
    params: ClusterParams
    clusters: NDArray[Any] | None
    corrections: NDArray[Any] | None
    frames: bool
    local: BandwidthsByFrame = ()
    maps: tuple[EmbeddingMap, ...] = ()
    method: Method = "mean_shift"

    def has_clusters_of(self, other: LabelRequest) -> bool:
        """Whether both ask for the same clusters."""
        same = self.indices is other.indices and self.params == other.params
        return same and self.local == other.local and self.method == other.method


@dataclass(frozen=True, eq=False)
class Labelling:
    """Clusters, labels with the corrections applied, and the number of objects."""

    clusters: NDArray[Any]
    labels: NDArray[Any]
    object_count: int
    median_size: float
    corrected_count: int

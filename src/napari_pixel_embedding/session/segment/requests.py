"""What the workers of a session are asked, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import ROI, Viewport
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.inference.segment import Method
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame
    from napari_pixel_embedding.session.state.image import ImageInput


@dataclass(frozen=True, eq=False)
class Source:
    """What the parts of one large image are made from.

    Parameters
    ----------
    request : RunRequest
        Image, options and whatever else the user chose.
    model : EmbeddingModel
    axes : str
        A letter for each axis of the image.
    ranges : array, shape (C, 2)
        Intensities of the whole image.
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
    options: PredictOptions
    view: Viewport | None = None
    memory: int | None = None


@dataclass(frozen=True, eq=False)
class RunResult:
    """A model's answer for a whole image: one map and one index for every frame.

    For one too large, the answer is for an ROI; ``source`` is what its other parts are made from.
    ``signal`` is False where nothing stands clear of the noise.
    """

    image: ImageInput
    model: EmbeddingModel
    axes: str
    maps: tuple[EmbeddingMap, ...]
    indices: tuple[ClusterIndex, ...]
    roi: ROI | None = None
    source: Source | None = None
    signal: bool = True


@dataclass(frozen=True, eq=False)
class LabelRequest:
    """Everything that labels depend on; ``clusters`` are given where they need no new cut."""

    indices: tuple[ClusterIndex, ...]
    params: ClusterParams
    clusters: NDArray[Any] | None
    corrections: NDArray[Any] | None
    frames: bool
    local: BandwidthsByFrame = ()
    maps: tuple[EmbeddingMap, ...] = ()
    method: Method = "mean_shift"

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

"""Results of jobs, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.mosaic import MosaicCut
    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.recipe.recipe import ModelReference
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session.state.history import Accepted, BandwidthsByFrame, Deleted
    from napari_pixel_embedding.session.state.image import ImageInput, ImageRegion
    from napari_pixel_embedding.session.state.whole_image import WholeImageCorrections


@dataclass(frozen=True, eq=False)
class Preview:
    """Segmentation of a region of the image: a label image, shape ([Z,] Y, X)."""

    labels: NDArray[Any]
    region: ImageRegion


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What a run was made with, as far as the recipe of its labels needs it.

    Parameters
    ----------
    model : ModelReference
    options : PredictOptions
        With the diameter that the network was run with.
    spacing : tuple of float, optional
        Size of a pixel along the model's spatial axes.
    pixels : str, optional
        Hash of the pixels that the model saw; None of a large image.
    intensities : tuple
        For each frame and channel, the intensities that became 0 and 1.
    versions : dict
        Versions of packages.
    diameter_source : str
        As in :class:`Session`.
    """

    model: ModelReference
    options: PredictOptions
    spacing: tuple[float, ...] | None
    pixels: str | None
    intensities: tuple[tuple[tuple[float, float], ...], ...]
    versions: dict[str, str]
    diameter_source: Any = "model"


@dataclass(frozen=True)
class EarlierRun:
    """The run that a labels layer of the image comes from, while its embedding is not in memory.

    Parameters
    ----------
    layer : str
        Name of the labels layer.
    image : str
        Name of the image at that time.
    object_count, corrected_count : int
        Objects in the layer, and how many of them are locked.
    model : str
        Name of the model; empty if unknown.
    model_source : str
        Its bundled name or path; empty where there is nothing any more to load it from.
    cluster_params : ClusterParams, optional
    method : {"mean_shift", "mutex"}
    diameter : float, optional
        In pixels of the image.
    diameter_source : str
        As in :class:`Session`.
    """

    layer: str
    image: str = ""
    object_count: int = 0
    corrected_count: int = 0
    model: str = ""
    model_source: str = ""
    cluster_params: ClusterParams | None = None
    method: Method = "mean_shift"
    diameter: float | None = None
    diameter_source: Any = "model"


@dataclass(frozen=True, eq=False)
class PreviousAnnotations:
    """Earlier annotations of an image that is chosen again.

    Parameters
    ----------
    corrections : array of int32, optional
        As in :class:`Session`.
    local_bandwidths : tuple
        As in :class:`Session`.
    axes : str
        The axes the image was read with.
    layout : Layout, optional
        How they come from the image's own axes.
    shown, found : array, optional
        The label image as it was shown last, and as it is now: what was painted in between is
        a correction too.
    accepted, deleted : frozenset
        As in :class:`Session`.
    roi : ROI, optional
        The part of the image that all this belongs to.
    whole_image : WholeImageCorrections, optional
        Corrections of other parts.
    run : EarlierRun, optional
        The run that the annotated labels come from.
    """

    corrections: NDArray[Any] | None = None
    local_bandwidths: BandwidthsByFrame = ()
    axes: str = ""
    shown: NDArray[Any] | None = None
    found: NDArray[Any] | None = None
    accepted: Accepted = frozenset()
    roi: ROI | None = None
    whole_image: WholeImageCorrections | None = None
    layout: Layout | None = None
    deleted: Deleted = frozenset()
    run: EarlierRun | None = None

    def fits(self, image: ImageInput) -> bool:
        """Whether the corrections have the shape of an image's labels, as far as that is known."""
        layout = self.layout
        if layout is None or (self.corrections is None and self.whole_image is None):
            return True
        if len(layout.axes) != len(image.shape):
            return False
        now = replace(layout, shape=tuple(image.shape))
        if self.roi is None or self.whole_image is None:
            shape: tuple[int, ...] = () if self.corrections is None else self.corrections.shape
            return shape == now.frames_shape
        return self.whole_image.corrections.shape == now.spatial_shape


@dataclass(frozen=True, eq=False)
class Recovery:
    """Corrections from an earlier session that were found on disk.

    Parameters
    ----------
    path : Path
        The journal.
    stamp : (int, int)
        Time of its last change in nanoseconds since 1970, and its size.
    name : str
        Name of the image when it was written.
    objects : int
        How many objects are corrected in it.
    """

    path: Path
    stamp: tuple[int, int]
    name: str
    objects: int

    @property
    def changed(self) -> float:
        """When it was written last, in seconds since 1970."""
        return self.stamp[0] / 1e9

    @property
    def description(self) -> str:
        """Describe its content: corrected objects, or corrected background."""
        if self.objects == 0:
            return "corrected background"
        return "1 object" if self.objects == 1 else f"{self.objects:,} objects"


@dataclass(frozen=True, eq=False)
class MosaicLabels:
    """Labels of all finished blocks, and their number of objects."""

    cut: MosaicCut
    object_count: int

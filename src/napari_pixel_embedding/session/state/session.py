"""The state of one viewer's work, as one evented dataclass."""

from __future__ import annotations

import dataclasses
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.session.state.history import Annotations, History
from napari_pixel_embedding.session.state.results import PreviousAnnotations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic
    from napari_pixel_embedding.core.blockwise.roi import ROI, Viewport
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams, StabilityCurve
    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.evaluation.comparison import TuningReport
    from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
    from napari_pixel_embedding.core.fine_tuning.pace import Pace
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.state.history import (
        Accepted,
        BandwidthsByFrame,
        Deleted,
    )
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.next_step import NextStep
    from napari_pixel_embedding.session.state.results import (
        EarlierRun,
        MosaicLabels,
        Preview,
        Recovery,
        RunRecord,
    )
    from napari_pixel_embedding.session.state.whole_image import WholeImageCorrections


DiameterSource = Literal["model", "typed", "drawn", "measured", "automatic", "suggested"]
"""Where a diameter comes from."""

_BY_IDENTITY = (
    "image",
    "model_source",
    "run_source",
    "corrections",
    "history",
    "recoveries",
    "model",
    "embedding_maps",
    "cluster_indices",
    "clusters",
    "labels",
    "stability",
    "color_basis",
    "embedding_rgb",
    "training",
    "tuned_model",
    "parent_model",
    "tuning_report",
    "tuning_preview",
    "tuning_pace",
    "interrupted_tuning",
    "run_record",
    "whole_image",
    "mosaic",
    "mosaic_labels",
)


@dataclass
class Session:
    """The user's choices, and the results.

    Only :class:`~napari_pixel_embedding.session.controller.SessionController` writes it. Arrays
    are replaced, never written into, and compared by identity; ``events`` has a signal for
    every field.

    Parameters
    ----------
    image : ImageInput, optional
        Intention: the image that results belong to.
    model_source : str or EmbeddingModel
        Intention: bundled name, path, or loaded model that the next run uses.
    device : str
        Intention: "auto", "cpu", "cuda" or "mps".
    tile : int, optional
        Intention: largest side of a tile along Y and X, in the network's pixels.
    augment : int
        Intention: number of orientations that predictions are averaged over, 1, 4 or 8.
    diameter : float, optional
        Intention: typical object diameter for the next run, in pixels of the image; None for what
        the model expects.
    diameter_source : str
        Where that number comes from: "model" (None), "typed", "drawn", "measured" when the user
        asked for it, "automatic" when a run measured it by itself, or "suggested". An automatic one
        is dropped with its image.
    cluster_params : ClusterParams, optional
        Intention: how clusters are cut; None before the first result.
    method : {"mean_shift", "mutex"}
        Intention: how clusters are made, live from the index or by mutex watershed.
    local_bandwidths : tuple of tuple of LocalBandwidth
        Intention: for every frame, the objects with a bandwidth of their own.
    local_past : tuple
        Earlier values of ``local_bandwidths``, the newest last.
    corrections : array of int32, shape ([T,] [Z,] Y, X), optional
        Intention: −1 not corrected, 0 fixed background, k locked instance k.
    accepted : frozenset of (int, int)
        Intention: frame and id of every object that was accepted as it is.
    deleted : frozenset of tuple of int
        Intention: frame and a pixel ([z,] y, x) of every object that was deleted.
    history : History
        What can be undone and redone.
    view : Viewport, optional
        Intention: the part of the image in view, in its pixels; a run starts there if the image
        does not fit into memory.
    whole_image : WholeImageCorrections, optional
        Intention: corrections of a large image outside its ROI.
    colors_wanted : bool
        Intention: whether ``embedding_rgb`` is kept up to date.
    model : EmbeddingModel, optional
        The model that the embedding maps come from.
    run_source : str or EmbeddingModel
        Where that model came from: ``model_source`` when the run started.
    earlier_run : EarlierRun, optional
        Where the labels layer of the image comes from, until the image is run again: there are
        labels to see, counted by ``object_count``, and no embedding for the sliders.
    run_record : RunRecord, optional
        What the run was made with, for the recipe of its labels.
    axes : str
        The axes the image was read with, ``layout.read_axes``.
    layout : Layout, optional
        How they come from the image's own axes.
    outdated : str
        Why the results no longer fit the image in the viewer, and what to do; empty while they do.
    roi : ROI, optional
        The part of a large image that the results cover; None for all of it.
    embedding_maps, cluster_indices : tuple
        One of each for every frame along T; a single one without that axis.
    clusters, labels : array, shape ([T,] [Z,] Y, X), optional
        Label images, 0 is background: as cut, and with the corrections on top.
    object_count : int
        Objects in ``labels``.
    corrected_count : int
        Objects that were corrected: those of ``labels`` that are locked, and the deleted ones.
    deleted_count : int
        How many of them are deleted.
    median_size : float
        Median number of pixels of the objects in ``labels``.
    stability : StabilityCurve, optional
        Number of objects at every bandwidth, with the other parameters unchanged.
    color_basis, embedding_rgb : optional
        Projection of embeddings to colours, and the colours, uint8 ([T,] [Z,] Y, X, 3).
    running, tuning, measuring : bool
        Whether a run, a fine-tuning or a diameter measurement is under way.
    measured : float
        Finished fraction of measuring, 0 to 1.
    progress : float
        Finished fraction of the run, 0 to 1.
    tabulating : bool
        Whether the table of measurements is being made.
    tabulated : float
        Finished fraction of it, 0 to 1.
    mosaic : Mosaic, optional
        Finished blocks of a large image.
    mosaic_labels : MosaicLabels, optional
        Their labels.
    filling : bool
        Whether more blocks are being made.
    mosaic_progress, mosaic_status : float, str
        Finished fraction of the blocks, 0 to 1, and status line.
    status, cut_status, edit_status, tuning_status : str
        Status lines of the run, the local bandwidths, the tools and the fine-tuning.
    autosave_beside : bool
        Intention: whether corrections are saved beside the image rather than in the user's
        folder.
    autosaved : float
        When corrections were saved last, in seconds since 1970; 0 for not yet.
    autosave_path : str
        The file they were saved in.
    recoveries : tuple of Recovery
        This image's corrections from earlier sessions, newest first, until each is restored or
        discarded.
    applying, applied, applying_status : bool, float, str
        Whether a recipe is applied to a folder, its finished fraction, 0 to 1, and status line.
    error : str, optional
        Last error message for the user; None once something else was started.
    next_step : NextStep, optional
        What the user may do next.
    training : tuple of TrainProgress
        Steps of the present or last fine-tuning, without their models.
    tuned_model : EmbeddingModel, optional
        The best model of that fine-tuning, until it is used or discarded.
    parent_model : EmbeddingModel, optional
        The model that the tuned model in use was made from, to go back to.
    tuning_report : TuningReport, optional
        Scores of the tuned model and its parent; of the parent alone before the first model; None
        where the tuned model came before the first comparison.
    tuning_preview : Preview, optional
        Segmentation of the region in view by ``compared_model``.
    timing : bool
        Whether a trial measures how long a fine-tuning takes.
    tuning_pace : Pace, optional
        How long a fine-tuning takes with this model and device.
    interrupted_tuning : Interrupted, optional
        An interrupted fine-tuning that can be resumed.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators=dict.fromkeys(_BY_IDENTITY, operator.is_)
    )

    image: ImageInput | None = None
    model_source: str | EmbeddingModel = ""
    device: str = "auto"
    tile: int | None = None
    augment: int = 1
    diameter: float | None = None
    diameter_source: DiameterSource = "model"
    cluster_params: ClusterParams | None = None
    method: Method = "mean_shift"
    local_bandwidths: BandwidthsByFrame = ()
    local_past: tuple[BandwidthsByFrame, ...] = ()
    corrections: NDArray[Any] | None = None
    accepted: Accepted = frozenset()
    deleted: Deleted = frozenset()
    history: History = dataclasses.field(default_factory=History)
    view: Viewport | None = None
    whole_image: WholeImageCorrections | None = None
    colors_wanted: bool = False

    model: EmbeddingModel | None = None
    run_source: str | EmbeddingModel = ""
    earlier_run: EarlierRun | None = None
    run_record: RunRecord | None = None
    axes: str = ""
    layout: Layout | None = None
    outdated: str = ""
    roi: ROI | None = None
    embedding_maps: tuple[EmbeddingMap, ...] = ()
    cluster_indices: tuple[ClusterIndex, ...] = ()
    clusters: NDArray[Any] | None = None
    labels: NDArray[Any] | None = None
    object_count: int = 0
    corrected_count: int = 0
    deleted_count: int = 0
    median_size: float = 0.0
    stability: StabilityCurve | None = None
    color_basis: ColorBasis | None = None
    embedding_rgb: NDArray[Any] | None = None
    mosaic: Mosaic | None = None
    mosaic_labels: MosaicLabels | None = None
    filling: bool = False
    mosaic_progress: float = 0.0
    mosaic_status: str = ""
    running: bool = False
    tuning: bool = False
    measuring: bool = False
    measured: float = 0.0
    progress: float = 0.0
    tabulating: bool = False
    tabulated: float = 0.0
    status: str = ""
    cut_status: str = ""
    edit_status: str = ""
    tuning_status: str = ""
    autosave_beside: bool = False
    autosaved: float = 0.0
    autosave_path: str = ""
    recoveries: tuple[Recovery, ...] = ()
    error: str | None = None
    applying: bool = False
    applied: float = 0.0
    applying_status: str = ""
    next_step: NextStep | None = None
    training: tuple[TrainProgress, ...] = ()
    tuned_model: EmbeddingModel | None = None
    parent_model: EmbeddingModel | None = None
    tuning_report: TuningReport | None = None
    tuning_preview: Preview | None = None
    timing: bool = False
    tuning_pace: Pace | None = None
    interrupted_tuning: Interrupted | None = None

    @property
    def locked_count(self) -> int:
        """Corrected objects that are there, which fine-tuning learns from."""
        return self.corrected_count - self.deleted_count

    @property
    def compared_model(self) -> EmbeddingModel | None:
        """The model that the one in use is compared with.

        It is the tuned one; while that is in use, its parent.
        """
        if self.tuned_model is not None or self.tuning or self.model is not self.model_source:
            return self.tuned_model
        return self.parent_model

    @property
    def annotations(self) -> Annotations:
        """All manual corrections, as one value."""
        return Annotations(self.corrections, self.local_bandwidths, self.accepted, self.deleted)

    @property
    def kept_annotations(self) -> PreviousAnnotations:
        """The annotations, to be restored when the image is chosen again."""
        return PreviousAnnotations(
            corrections=self.corrections,
            local_bandwidths=self.local_bandwidths,
            axes=self.axes,
            accepted=self.accepted,
            deleted=self.deleted,
            roi=self.roi,
            whole_image=self.whole_image,
            layout=self.layout,
        )

    @property
    def has_frames(self) -> bool:
        """Whether the first axis of label images is time."""
        return "T" in self.axes

    @property
    def worked_image(self) -> ImageInput | None:
        """The part of the image that the results cover: all of it, or its ROI."""
        if self.image is None or self.layout is None:
            return None
        return self.image.arranged(self.layout).part(self.axes, self.roi)

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """Shape of label images of the whole image; the results may cover an ROI only."""
        if self.roi is None or self.layout is None:
            return self.labels_shape
        frames = (self.layout.frame_count,) if self.has_frames else ()
        return (*frames, *self.layout.spatial_shape)

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """Shape of the label images of the current embedding, ([T,] [Z,] Y, X).

        Without one, the shape of what was taken over from before; empty if unknown.
        """
        if not self.embedding_maps and self.corrections is not None:
            return self.corrections.shape
        if not self.embedding_maps:
            return () if self.layout is None else self.layout.frames_shape
        frame = tuple(self.embedding_maps[0].shape)
        return (len(self.embedding_maps), *frame) if self.has_frames else frame

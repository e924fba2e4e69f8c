"""Coming back to an image: its results are taken back, or the choices of an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic
    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session.segment.diameter import DiameterMeasurement
    from napari_pixel_embedding.session.segment.requests import RunResult
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame, History
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.results import EarlierRun, PreviousAnnotations
    from napari_pixel_embedding.session.state.session import Session


@dataclass(frozen=True, eq=False)
class KeptResults:
    """Results of one image and the choices they were made with, while another image is chosen.

    Labels and curve are not kept: they are cut again from the index. The fields are those of
    ``Session``, but for ``result``, which is what the run returned.
    """

    image: ImageInput
    result: RunResult
    run_source: str | EmbeddingModel
    cluster_params: ClusterParams | None
    method: Method
    diameter: float | None
    diameter_source: Any
    color_basis: ColorBasis | None
    mosaic: Mosaic | None
    annotations: PreviousAnnotations
    history: History
    local_past: tuple[BandwidthsByFrame, ...]
    autosaved: float
    autosave_path: str

    @classmethod
    def of(cls, session: Session, image: ImageInput, result: RunResult) -> KeptResults:
        """Return what a session holds of its image."""
        return cls(
            image,
            result,
            session.run_source,
            session.cluster_params,
            session.method,
            session.diameter,
            session.diameter_source,
            session.color_basis,
            session.mosaic,
            session.kept_annotations,
            session.history,
            session.local_past,
            session.autosaved,
            session.autosave_path,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of its embedding maps; the cluster indices take less."""
        return sum(emap.embedding.nbytes for emap in self.result.maps)

    def choose_again(self, session: Session, diameter: DiameterMeasurement) -> None:
        """Set model, parameters, diameter and colours as they were."""
        session.model_source, session.model = self.run_source, self.result.model
        session.cluster_params, session.method = self.cluster_params, self.method
        session.color_basis = self.color_basis
        diameter.restore(self.diameter, self.diameter_source)

    def restore_history(self, session: Session) -> None:
        """Restore what can be undone, unless the corrections were changed meanwhile."""
        before = self.annotations
        if session.corrections is before.corrections and session.accepted == before.accepted:
            session.history, session.local_past = self.history, self.local_past
            session.autosaved, session.autosave_path = self.autosaved, self.autosave_path


def choose_as_in(run: EarlierRun, session: Session, diameter: DiameterMeasurement) -> None:
    """Choose model, parameters and diameter of an earlier run, and show its counts."""
    session.object_count, session.corrected_count = run.object_count, run.corrected_count
    session.earlier_run = run  # last of the three: whoever follows it shows the counts
    if run.model_source:
        session.model_source = run.model_source
    if run.cluster_params is not None:
        session.cluster_params, session.method = run.cluster_params, run.method
        diameter.restore(run.diameter, run.diameter_source)


def continues(run: EarlierRun | None, result: RunResult) -> bool:
    """Whether a run's result is cut with the parameters that an earlier run has left."""
    if run is None or run.cluster_params is None:
        return False
    return run.model == result.model.config.name

"""Finding an image's earlier corrections on the disk, and reading their notes."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from napari_pixel_embedding.core.clustering.params import LocalBandwidth
from napari_pixel_embedding.core.corrections.journal import image_key, read_journal
from napari_pixel_embedding.core.corrections.journal_files import in_use, journals_of, stamp_of
from napari_pixel_embedding.core.parameters import configuration, read_configuration
from napari_pixel_embedding.session.segment.local_cuts import object_sizes
from napari_pixel_embedding.session.state.results import Recovery

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.session.state.history import Accepted, Deleted
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.session import Session

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Search:
    """Which journals to look for.

    Parameters
    ----------
    image : ImageInput
    roi : ROI, optional
        The part of the image; each has journals of its own.
    folder : Path
        Folder of the user's journals; those beside the image's file are looked for too.
    shape : tuple of int
        Shape of the labels.
    frames : bool
        Whether their first axis is time.
    """

    image: ImageInput
    roi: ROI | None
    folder: Path
    shape: tuple[int, ...]
    frames: bool

    @property
    def folders(self) -> list[Path]:
        """The user's folder, then that of the image's file if there is one."""
        path = self.image.path
        return [self.folder, *([] if path is None else [Path(path).absolute().parent])]

    def found_nothing(self) -> Found:
        """Return the image's key without looking for journals."""
        place = "" if self.roi is None else repr(self.roi)
        return Found(self, image_key(self.image.data, self.image.name, place), ())

    def run(self) -> Found:
        """Return the image's key and its journals that no viewer writes, newest first."""
        key = self.found_nothing().key
        paths = {path for folder in self.folders for path in journals_of(folder, key)}
        found = filter(None, (self._recovery(path) for path in paths))
        return Found(self, key, newest_first(found))

    def _recovery(self, path: Path) -> Recovery | None:
        """Return what a journal holds; None when it is in use, empty, or of another shape.

        Whatever keeps it from being read concerns this file alone.
        """
        try:
            stamp = stamp_of(path)
            if stamp is None or in_use(path):
                return None
            saved = read_journal(path, self.shape)
        except Exception:
            _logger.debug("%s was passed over", path, exc_info=True)
            return None
        if saved.corrections is None:
            return None
        return recovery_of(path, stamp, saved.name, saved.corrections, self.frames)


@dataclass(frozen=True, eq=False)
class Found:
    """What was looked for, the image's key, and its earlier corrections."""

    search: Search
    key: str
    recoveries: tuple[Recovery, ...]


def recovery_of(
    path: Path, stamp: tuple[int, int], name: str, corrections: NDArray[Any], frames: bool
) -> Recovery:
    """Describe a journal that holds these corrections."""
    objects = object_sizes(np.asarray(corrections), frames).size
    return Recovery(path, stamp, name, objects)


def newest_first(recoveries: Any) -> tuple[Recovery, ...]:
    """Sort journals by the time of their last change."""
    return tuple(sorted(recoveries, key=lambda one: (one.stamp, one.path), reverse=True))


# ------------------------------------------------------------------------------------- notes


@configuration
class Notes:
    """What is saved with the corrections.

    Parameters
    ----------
    model : str, optional
        Name of the model.
    accepted : tuple of (int, int)
        Frame and id of each accepted object.
    deleted : tuple of tuple of int
        Frame and a pixel of each deleted object.
    local_bandwidths : tuple of tuple of LocalBandwidth
        For each frame.
    """

    model: str | None = None
    accepted: tuple[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]], ...] = ()
    deleted: tuple[tuple[Annotated[int, Field(ge=0)], ...], ...] = ()
    local_bandwidths: tuple[tuple[LocalBandwidth, ...], ...] = ()


def notes_of(session: Session) -> dict[str, Any]:
    """Return what is saved with the corrections, as JSON values."""
    return {
        "model": None if session.model is None else session.model.config.name,
        "accepted": sorted(map(list, session.accepted)),
        "deleted": sorted(map(list, session.deleted)),
        "local_bandwidths": [[asdict(one) for one in ones] for ones in session.local_bandwidths],
    }


def read_notes(notes: dict[str, Any]) -> Notes:
    """Check the notes of a journal; unusable ones are left out, the corrections still count."""
    try:
        return read_configuration(Notes, json.dumps(notes))
    except ValueError:
        return Notes()


def accepted_in(notes: Notes, corrections: NDArray[Any], frames: bool) -> Accepted:
    """Return the accepted objects that the corrections hold."""
    known = [set(np.unique(part).tolist()) for part in (corrections if frames else [corrections])]
    return frozenset(
        (frame, id) for frame, id in notes.accepted if frame < len(known) and id in known[frame]
    )


def deleted_in(notes: Notes) -> Deleted:
    """Return the deleted objects; those that the corrections do not hold are never counted."""
    return frozenset(notes.deleted)

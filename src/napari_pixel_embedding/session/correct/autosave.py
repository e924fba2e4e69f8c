"""Autosave: corrections are written after every change and offered when the image is reopened."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.params import LocalBandwidth
from napari_pixel_embedding.core.corrections.journal import (
    Journal,
    drop_old,
    image_key,
    journals_of,
    newest_annotations,
)
from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.segment.local_cuts import fitting, object_sizes
from napari_pixel_embedding.session.state.results import Recovery

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.session.correct.corrections import Corrections
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.history import (
        Accepted,
        Annotations,
        BandwidthsByFrame,
    )
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.session import Session


@dataclass(frozen=True, eq=False)
class _Found:
    """An image's key and its earlier corrections."""

    image: ImageInput
    key: str
    recovery: Recovery | None


class _Writer:
    """One journal, written from any thread; a state older than the last one written is skipped."""

    def __init__(self, folder: Path, name: str, key: str) -> None:
        self._folder, self._key = folder, key
        self._journal = Journal(folder, name, key)
        self._lock = Lock()
        self._number = 0

    @property
    def path(self) -> Path:
        """File of the journal."""
        return self._journal.path

    def write(self, number: int, annotations: Annotations, notes: dict[str, Any]) -> None:
        """Write a state unless a later one, with a higher number, was written already."""
        with self._lock:
            if number > self._number:
                self._journal.write(annotations.corrections, notes)
                if self._number == 0:
                    drop_old(self._folder, self._key)
                self._number = number


class Autosave:
    """The part of the controller that saves corrections to disk.

    A session writes its own journal for each image, from the first correction on; see
    :mod:`~.corrections.journal`. A worker thread writes it; of several waiting states, only the
    newest. The main thread waits for the disk only when the image changes or the session closes.

    Parameters
    ----------
    session, executor, messages, corrections
        Those of the controller.
    folder : path, optional
        Where journals go; None saves nothing.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        messages: Messages,
        corrections: Corrections,
        folder: str | os.PathLike[str] | None,
    ) -> None:
        self._session = session
        self._messages = messages
        self._corrections = corrections
        self._folder = None if folder is None else Path(folder)
        self._finding = JobQueue(executor)
        self._writing = JobQueue(executor, "newest waits")
        self._writers: dict[tuple[Path, str], _Writer] = {}
        self._current: _Found | None = None
        self._asked = self._saved = 0
        self._troubled = False
        for signal, slot in self._signals():
            signal.connect(slot)

    def _signals(self) -> list[tuple[Any, Any]]:
        events = self._session.events
        if self._folder is None:
            return []
        return [
            (events.image, self._image_chosen),
            (events.roi, self._part_chosen),
            (events.embedding_maps, self._look_up),
            (events.corrections, self._changed),
            (events.local_bandwidths, self._changed),
            (events.accepted, self._changed),
        ]

    def close(self) -> None:
        """Disconnect, and write unsaved corrections."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._finding.cancel()
        self._flush()

    # ---------------------------------------------------------------------- identify the image

    def _image_chosen(self, image: ImageInput | None) -> None:
        """Write the previous image's corrections before they are replaced."""
        current = self._current
        if current is None or image is None or current.image.data is not image.data:
            self._part_chosen()

    def _part_chosen(self, *_: Any) -> None:
        """Write the previous ROI's corrections: each ROI has its own journal."""
        self._flush()
        self._finding.cancel()
        self._current, self._session.recovery = None, None

    def _look_up(self, maps: tuple[Any, ...]) -> None:
        """Find the image's key and saved corrections, once there are labels to correct."""
        image, folder = self._session.image, self._folder
        if not maps or image is None or folder is None or self._current is not None:
            return
        session, own = self._session, frozenset(key for _, key in self._writers)
        shape, frames = session.labels_shape, session.has_frames
        search = _Search(image, folder, shape, frames, own, session.roi)
        self._finding.start(
            without_report(_find, search),
            done=self._take,
            failed=partial(self._messages.fail, "looking for earlier corrections"),
        )

    def _take(self, found: _Found) -> None:
        self._current = found
        recovery, corrections = found.recovery, self._session.corrections
        if recovery is not None and corrections is not None:
            same = np.array_equal(np.asarray(recovery.annotations.corrections), corrections)
            recovery = None if same else recovery
        self._session.recovery = recovery
        self._changed()

    def restore(self) -> None:
        """Restore this image's corrections from an earlier session; can be undone."""
        session, recovery = self._session, self._session.recovery
        if recovery is None:
            return
        session.recovery = None
        notes = recovery.annotations.notes
        local = fitting(_local_of(notes), session.cluster_indices)
        self._corrections.change(
            "restore", recovery.annotations.corrections, _accepted_of(notes), local
        )

    def discard(self) -> None:
        """Delete this image's corrections from an earlier session."""
        recovery, found = self._session.recovery, self._current
        self._session.recovery = None
        if recovery is None or found is None or self._folder is None:
            return
        own = {writer.path for writer in self._writers.values()}
        for folder in _folders(found.image, self._folder):
            for path in set(journals_of(folder, found.key)) - own:
                path.unlink(missing_ok=True)

    # ------------------------------------------------------------------------------- writing

    def save_beside(self, wanted: bool) -> None:
        """Choose whether to save corrections beside the image's file or in the user's folder."""
        self._session.autosave_beside = wanted
        self._changed()

    def _changed(self, *_: Any) -> None:
        """Write the current state as soon as the previous write has finished."""
        self._asked += 1
        write = self._write()
        if write is not None:
            number = self._asked
            self._writing.start(
                without_report(write), done=partial(self._written, number), failed=self._failed
            )

    def _flush(self) -> None:
        """Write unsaved corrections now."""
        write = self._write()
        if write is None or self._saved == self._asked:
            return
        self._writing.cancel()
        try:
            self._written(self._asked, write())
        except OSError as error:
            self._failed(error)

    def _write(self) -> Callable[[], Path] | None:
        """Return the job that writes the current state; None if there is nothing to write."""
        session, found = self._session, self._current
        if found is None or self._folder is None:
            return None
        folder = _folders(found.image, self._folder)[-1 if session.autosave_beside else 0]
        writer = self._writers.get((folder, found.key))
        if writer is None:
            if session.corrections is None:
                return None
            writer = _Writer(folder, found.image.name, found.key)
            self._writers[folder, found.key] = writer
        return partial(_write, writer, self._asked, session.annotations, _notes(session))

    def _written(self, number: int, path: Path) -> None:
        self._saved, self._troubled = number, False
        self._session.autosave_path = str(path)
        self._session.autosaved = time.time()

    def _failed(self, error: Exception) -> None:
        """Report the error once; if saving beside the image fails, save in the user's folder."""
        if self._session.autosave_beside:
            self._messages.refuse(
                f"Corrections cannot be saved beside the image ({error}). "
                f"They are saved in {self._folder} from now on."
            )
            self.save_beside(False)
        elif not self._troubled:
            self._troubled = True
            self._messages.fail("saving the corrections automatically", error)


# ------------------------------------------------------------------------------ pure functions


def _folders(image: ImageInput, folder: Path) -> list[Path]:
    """List the folders that may hold an image's journals: the user's, and its file's own."""
    beside = [] if image.path is None else [Path(image.path).absolute().parent]
    return [folder, *beside]


@dataclass(frozen=True, eq=False)
class _Search:
    """Which journals to look for, and of which part of the image.

    ``own`` holds the keys that this session saved.
    """

    image: ImageInput
    folder: Path
    shape: tuple[int, ...]
    frames: bool
    own: frozenset[str]
    roi: ROI | None = None


def _find(search: _Search) -> _Found:
    image = search.image
    key = image_key(image.data, image.name, "" if search.roi is None else repr(search.roi))
    folders = _folders(image, search.folder)
    newest = (newest_annotations(f, key, search.shape) for f in folders)
    found = [one for one in newest if one]
    if key in search.own or not found:
        return _Found(image, key, None)
    path, saved = max(found, key=lambda one: one[0].stat().st_mtime_ns)
    objects = object_sizes(np.asarray(saved.corrections), search.frames).size
    return _Found(image, key, Recovery(path, saved, objects, path.stat().st_mtime))


def _write(writer: _Writer, number: int, annotations: Annotations, notes: dict[str, Any]) -> Path:
    writer.write(number, annotations, notes)
    return writer.path


def _notes(session: Session) -> dict[str, Any]:
    """Return what is saved with the corrections, as JSON values."""
    return {
        "model": None if session.model is None else session.model.config.name,
        "accepted": sorted(map(list, session.accepted)),
        "local_bandwidths": [[asdict(one) for one in ones] for ones in session.local_bandwidths],
    }


def _accepted_of(notes: dict[str, Any]) -> Accepted:
    return frozenset((int(frame), int(id)) for frame, id in notes.get("accepted", ()))


def _local_of(notes: dict[str, Any]) -> BandwidthsByFrame:
    return tuple(
        tuple(LocalBandwidth(tuple(one["point"]), one["bandwidth"]) for one in ones)
        for ones in notes.get("local_bandwidths", ())
    )

"""Writing one journal of corrections, and leaving it and going on with it."""

from __future__ import annotations

import contextlib
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.corrections.journal import Journal
from napari_pixel_embedding.core.corrections.journal_files import (
    JournalInUseError,
    lock_journal,
    stamp_of,
    unlock_journal,
)

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import FileLock
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.corrections.journal_files import Stamp
    from napari_pixel_embedding.session.state.history import Annotations


class JournalWriter:
    """Writes one journal, from any thread, and holds its lock until it is left.

    A state older than the last one written is skipped.

    Parameters
    ----------
    folder : Path
        Folder of the journal.
    name, key : str
        Name and key of the image.
    """

    def __init__(self, folder: Path, name: str, key: str) -> None:
        self.name, self.key = name, key
        self._journal = Journal(folder, name, key)
        self._guard = Lock()
        self._number = 0
        self._locked: FileLock | None = None
        self._stamp: Stamp | None = None
        self._former: list[tuple[Path, FileLock | None]] = []
        self._corrections: NDArray[Any] | None = None

    @classmethod
    def going_on(cls, path: Path, name: str, key: str) -> JournalWriter | None:
        """Return a writer that goes on with a journal; None where its folder takes no locks.

        Raises
        ------
        JournalInUseError
            When another viewer writes it.
        """
        locked = lock_journal(path)
        if locked is None:
            return None
        writer = cls(path.parent, name, key)
        writer._journal = Journal(path.parent, name, key, path)
        writer._locked = locked
        return writer

    @property
    def path(self) -> Path:
        """File of the journal."""
        return self._journal.path

    @property
    def stamp(self) -> Stamp | None:
        """Stamp of the file when the journal was left; None without one."""
        return self._stamp

    @property
    def corrections(self) -> NDArray[Any] | None:
        """Corrections written last."""
        return self._corrections

    def holds(self, corrections: NDArray[Any] | None) -> bool:
        """Return whether these corrections were written last."""
        own = self._corrections
        if own is None or corrections is None:
            return False
        return own is corrections or np.array_equal(own, corrections)

    def write(self, number: int, annotations: Annotations, notes: dict[str, Any]) -> None:
        """Write a state unless a later one, with a higher number, was written already."""
        with self._guard:
            if number <= self._number:
                return
            if self._locked is None and annotations.corrections is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._locked = lock_journal(self.path)
            self._journal.write(annotations.corrections, notes)
            self._corrections = annotations.corrections
            self._number = number
            self._remove_former()

    def move(self, folder: Path) -> None:
        """Write in another folder from now on; the present file goes once that has succeeded."""
        with self._guard:
            if self.path.parent == folder:
                return
            self._former.append((self.path, self._locked))
            self._renew(folder)

    def leave(self) -> None:
        """Release the journal, so that it is offered; remove it when it was emptied."""
        with self._guard:
            if self._number and self._corrections is None:
                _remove(self.path)
            self._stamp = stamp_of(self.path)
            for locked in (self._locked, *(locked for _, locked in self._former)):
                unlock_journal(locked)
            self._locked, self._former = None, []

    def resume(self) -> None:
        """Go on with a journal that was left, or anew where another viewer has gone on with it."""
        with self._guard:
            try:
                self._locked = lock_journal(self.path)
            except JournalInUseError:
                self._renew(self.path.parent)
                return
            if stamp_of(self.path) not in (self._stamp, None):
                unlock_journal(self._locked)
                self._renew(self.path.parent)

    def _renew(self, folder: Path) -> None:
        self._journal = Journal(folder, self.name, self.key)
        self._locked = None

    def _remove_former(self) -> None:
        """Remove the files of folders that this journal was moved from."""
        for path, locked in self._former:
            _remove(path)
            unlock_journal(locked)
        self._former = []


def _remove(path: Path) -> None:
    """Remove a file whose content is kept elsewhere, or empty; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)

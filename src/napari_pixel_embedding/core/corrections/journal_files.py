"""The journals of an image on the disk: finding them, and which are in use.

Every journal is kept until its corrections are restored or discarded. One that a viewer writes is
locked; the system frees the lock when the viewer's process ends, also by a crash. Disk use stays
bounded by the work itself: a restored journal is continued rather than copied, a journal that was
emptied is removed, and each file is rewritten when it outgrows the state that it holds.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.corrections.journal import SUFFIX

if TYPE_CHECKING:
    import os

    from filelock import FileLock

Stamp = tuple[int, int]
"""Time of the last change in nanoseconds, and size: a journal that was changed has another."""


class JournalInUseError(Exception):
    """Another viewer writes the journal."""


def journals_of(folder: str | os.PathLike[str], key: str) -> list[Path]:
    """Return the journals of one image in a folder, newest first; [] without the folder."""
    try:
        paths = list(Path(folder).glob(f"*-{key}-????????{SUFFIX}"))
    except OSError:
        return []
    found = [(stamp, path) for path in paths if (stamp := stamp_of(path)) is not None]
    return [path for _, path in sorted(found, reverse=True)]


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a journal; None when there is no such file or it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def lock_journal(path: Path) -> FileLock | None:
    """Lock a journal for writing; None where the folder takes no locks.

    Raises
    ------
    JournalInUseError
        When another viewer holds the lock.
    """
    from filelock import FileLock, Timeout  # late: a window opens before it saves

    lock = FileLock(_lock_path(path), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise JournalInUseError(path) from None
    except (OSError, NotImplementedError):
        return None
    return lock


def unlock_journal(lock: FileLock | None) -> None:
    """Release a lock of :func:`lock_journal` and remove its file."""
    if lock is None:
        return
    with contextlib.suppress(OSError):  # Windows removes it on release
        Path(lock.lock_file).unlink()  # while it is held: nobody can have locked this one since
    lock.release()


def in_use(path: Path) -> bool:
    """Return whether another viewer writes a journal."""
    if not _lock_path(path).exists():
        return False
    try:
        unlock_journal(lock_journal(path))
    except JournalInUseError:
        return True
    return False


def discard_journal(path: Path, stamp: Stamp) -> bool:
    """Delete a journal unless it was changed since; return whether it is gone.

    Parameters
    ----------
    path : Path
    stamp : Stamp
        Its stamp when the user saw it.

    Raises
    ------
    JournalInUseError
        When another viewer writes it.
    OSError
        When it cannot be deleted.
    """
    lock = lock_journal(path)
    try:
        unchanged = stamp_of(path) in (stamp, None)
        if unchanged:
            path.unlink(missing_ok=True)
        return unchanged
    finally:
        unlock_journal(lock)


def _lock_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")

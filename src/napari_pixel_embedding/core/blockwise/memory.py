"""How much memory there is to work with."""

from __future__ import annotations

from pathlib import Path

import psutil

_SHARE = 0.5
"""Share of the free memory that one computation may use; other processes need the rest."""

_GROUPS = Path("/proc/self/cgroup")
_GROUP_FILES = Path("/sys/fs/cgroup")


def memory_budget() -> int:
    """Return the bytes that one computation may use now: half of :func:`available_memory`."""
    return int(available_memory() * _SHARE)


def available_memory() -> int:
    """Return the bytes that this process can still allocate without swapping.

    What the system calls available, or what the control group of a container or a batch job
    leaves, whichever is less.
    """
    return min([int(psutil.virtual_memory().available), *_left_in_groups()])


def _left_in_groups() -> list[int]:
    """Return the bytes left in each control group (v1 or v2) that this process belongs to."""
    left = []
    for line in _read(_GROUPS).splitlines():
        _, kinds, name = line.split(":", 2)
        if kinds == "":
            left += _left_along(_GROUP_FILES, name, "memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            left += _left_along(_GROUP_FILES / "memory", name, *files)
    return left


def _left_along(root: Path, name: str, limit: str, usage: str) -> list[int]:
    """Return the bytes left in a group and its parents; in a container its own is the root."""
    parts = Path(name.lstrip("/")).parts
    folders = [root.joinpath(*parts[:end]) for end in range(len(parts) + 1)]
    numbers = [(_number(f / limit), _number(f / usage), _reclaimable(f)) for f in folders]
    return [max(most - used + cache, 0) for most, used, cache in numbers if most and used]


def _reclaimable(folder: Path) -> int:
    """Return the bytes of page cache that the kernel can reclaim."""
    words = [line.split() for line in _read(folder / "memory.stat").splitlines()]
    return sum(int(n) for name, n in words if name in ("inactive_file", "total_inactive_file"))


def _number(path: Path) -> int:
    content = _read(path).strip()
    return int(content) if content.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""

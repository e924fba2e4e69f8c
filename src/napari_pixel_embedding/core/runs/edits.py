"""Corrections of a stored label image, part by part, with undo, and never half written.

Before a part is changed, its pixels before and after are kept in a file beside the label image. A
process that is killed while it writes leaves that file as unfinished, and the next one finishes it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.exchange.ome_zarr_reader import attributes_of, read_ome_zarr_labels
from napari_pixel_embedding.core.io.files import open_atomically, read_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_MOST_BYTES = 2**31
_PENDING, _DONE = ".pending", ".edit"


@dataclass(frozen=True, eq=False)
class _Edit:
    """Pixels of a box before and after it was changed."""

    start: tuple[int, ...]
    before: NDArray[Any]
    after: NDArray[Any]

    @property
    def box(self) -> tuple[slice, ...]:
        """The box along all axes of the label image."""
        parts = zip(self.start, self.before.shape, strict=True)
        return tuple(slice(a, a + n) for a, n in parts)


class LabelEdits:
    """A label image in OME-Zarr of which parts are corrected.

    Parameters
    ----------
    path : Path
        Group of the label image, whose levels are each half of the finer one along Y and X.

    Raises
    ------
    FileNotFoundError, ValueError
        When it is no label image, or zarr is not installed.
    """

    def __init__(self, path: Path) -> None:
        zarr = needed("zarr", "OME-Zarr files")
        read_ome_zarr_labels(path)  # says what is wrong with it
        self.path = path
        self._group = zarr.open_group(path, mode="r+")
        pyramid = attributes_of(self._group)["multiscales"][0]
        self._levels = [self._group[level["path"]] for level in pyramid["datasets"]]
        self.axes = "".join(
            (a if isinstance(a, str) else a["name"])[0].upper() for a in pyramid["axes"]
        )
        self.folder = path.parent / f"{path.name.partition('.')[0]}.edits"
        for pending in sorted(self.folder.glob(f"*{_PENDING}")):
            self._finish(pending)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the finest level."""
        return tuple(self._levels[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the ids."""
        dtype: np.dtype[Any] = self._levels[0].dtype
        return dtype

    @property
    def edit_count(self) -> int:
        """Corrections that can be undone."""
        return len(self._edits())

    def read(self, box: Sequence[slice]) -> NDArray[Any]:
        """Read a box of the finest level, a slice along each axis."""
        return np.asarray(self._levels[0][tuple(box)])

    def write(self, box: Sequence[slice], values: NDArray[Any]) -> int:
        """Write a box of the finest level and what lies above it; return the pixels changed.

        Parameters
        ----------
        box : sequence of slice
            Along each axis.
        values : array of int
            Ids, 0 is background.

        Raises
        ------
        ValueError
            When the shapes differ, or an id does not fit.
        """
        before = self.read(box)
        if values.shape != before.shape:
            raise ValueError(f"expected labels of the shape {before.shape}, found {values.shape}.")
        top = int(values.max(initial=0))
        if int(values.min(initial=0)) < 0 or top > np.iinfo(self.dtype).max:
            raise ValueError(f"ids must fit {self.dtype} of the label image, found {top}.")
        after = values.astype(self.dtype)
        changed = int(np.count_nonzero(before != after))
        if changed:
            start = tuple(part.indices(n)[0] for part, n in zip(box, self.shape, strict=True))
            pending = self._keep(_Edit(start, before, after))
            self._finish(pending)
        return changed

    def undo(self) -> tuple[slice, ...] | None:
        """Take the last correction back; return its box, or None where there is none."""
        edits = self._edits()
        if not edits:
            return None
        edit = _read(edits[-1])
        self._put(edit.box, edit.before)
        edits[-1].unlink()
        return edit.box

    def free_id(self) -> int:
        """Return an id that no object has: above the number of objects and all later ones."""
        known = [int(_read(edit).after.max(initial=0)) for edit in self._edits()]
        said = dict(self._group.attrs).get("napari-pixel-embedding", {})
        count = said.get("objects") if isinstance(said, dict) else None
        return max([count if isinstance(count, int) else self._largest(), *known]) + 1

    def _largest(self) -> int:
        """Return the largest id, slab by slab of the finest level."""
        array = self._levels[0]
        rows = (array.shards or array.chunks)[-2]
        top = 0
        for index in np.ndindex(*array.shape[:-2]):
            for y in range(0, array.shape[-2], rows):
                top = max(top, int(array[(*index, slice(y, y + rows))].max()))
        return top

    # ------------------------------------------------------------------------------ files

    def _edits(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_DONE}"))

    def _keep(self, edit: _Edit) -> Path:
        edits = self._edits()
        number = int(edits[-1].stem) + 1 if edits else 1
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{number:06d}{_PENDING}"
        start = np.array(edit.start, np.int64)
        with open_atomically(path) as file:
            file.write(save({"start": start, "before": edit.before, "after": edit.after}))
        return path

    def _finish(self, pending: Path) -> None:
        edit = _read(pending)
        self._put(edit.box, edit.after)
        os.replace(pending, pending.with_suffix(_DONE))

    def _put(self, box: tuple[slice, ...], values: NDArray[Any]) -> None:
        """Write a box of the finest level, and the pixels of coarser ones that it decides."""
        self._levels[0][box] = values
        for finer, coarser in zip(self._levels, self._levels[1:], strict=False):
            coarse = tuple(
                slice(part.start // 2, -(-part.stop // 2)) if a in "YX" else part
                for a, part in zip(self.axes, box, strict=True)
            )
            picked = tuple(
                slice(2 * part.start, 2 * part.stop, 2) if a in "YX" else part
                for a, part in zip(self.axes, coarse, strict=True)
            )
            coarser[coarse] = np.asarray(finer[picked])
            box = coarse


def _read(path: Path) -> _Edit:
    try:
        found = load(read_whole(path, _MOST_BYTES))
        return _Edit(tuple(found["start"].tolist()), found["before"], found["after"])
    except (SafetensorError, LookupError) as error:
        raise ValueError(f"The correction {path} cannot be read: {error}.") from error

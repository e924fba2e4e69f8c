"""The result of a run in the viewer: a layer of all levels, and a part of it to correct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding._napari.layers.viewport import view_of
from napari_pixel_embedding.core.exchange.ome_zarr_reader import is_zarr, read_label_pyramid
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.runs.edits import LabelEdits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.layers import Image, Labels

    from napari_pixel_embedding._napari.workspace import Workspace

_MOST_OPENED = 20
_PART_PIXELS = 2**24
"""Most pixels of a part that is taken out to be corrected."""


class ResultOnDisk:
    """Label images on the disk that are shown, and the part of one that is being corrected.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._viewer = workspace.viewer
        self._workspace = workspace
        self._stored: dict[Labels, LabelEdits] = {}
        self._part: Labels | None = None
        self._part_of: Labels | None = None
        self._box: tuple[slice, ...] = ()

    def close(self) -> None:
        """Let go of all; layers stay."""
        self._stored.clear()
        self._part = self._part_of = None

    @property
    def layer(self) -> Labels | None:
        """The layer of a result that is selected, else the one that was opened last."""
        there = [layer for layer in self._stored if layer in self._viewer.layers]
        active = self._viewer.layers.selection.active
        if active in there:
            return active
        return there[-1] if there else None

    @property
    def part(self) -> Labels | None:
        """The layer of the part that is being corrected."""
        return self._part if self._part is not None and self._part in self._viewer.layers else None

    @property
    def edit_count(self) -> int:
        """Corrections of the result that can be undone."""
        layer = self.layer
        return 0 if layer is None else self._stored[layer].edit_count

    @property
    def note(self) -> str:
        """What there is to do, in a sentence."""
        if self.part is not None:
            free = self._stored[self._part_of].free_id() if self._part_of in self._stored else 0
            return (
                f"Paint, fill and erase in “{self.part.name}”; new objects take the ids from "
                f"{free} on. Then Write back."
            )
        if self.layer is None:
            return ""
        return f"{self.edit_count} corrections were written." if self.edit_count else ""

    def open(self, paths: Sequence[Path]) -> str | None:
        """Open label images as layers; return what there is to say."""
        for path in paths[:_MOST_OPENED]:
            if is_zarr(path):
                self._open_pyramid(path)
            else:
                image = read_labels(path)
                options = self._placed(image.data.ndim, image.scale)
                self._viewer.add_labels(image.data, name=path.stem, **options)
        more = len(paths) - _MOST_OPENED
        return f"{_MOST_OPENED} were opened; {more} more are in the folder." if more > 0 else None

    def _open_pyramid(self, path: Path) -> None:
        levels, _, size = read_label_pyramid(path)
        name = path.name.partition(".")[0]
        options = self._placed(len(levels[0].shape), size.scale)
        several = len(levels) > 1
        data: Any = list(levels) if several else np.asarray(levels[0][:])
        layer = self._viewer.add_labels(data, multiscale=several, name=name, **options)
        layer.editable = False
        self._stored[layer] = LabelEdits(path)

    def _placed(self, ndim: int, scale: Sequence[float] | None) -> dict[str, Any]:
        """Place labels on the image that is shown, else by their own pixel size."""
        image: Image | None = self._workspace.present.layer
        if image is not None and image.ndim == ndim:
            return {"scale": image.scale, "translate": image.translate}
        if scale is None or len(scale) > ndim:
            return {}
        return {"scale": (1.0,) * (ndim - len(scale)) + tuple(scale)}

    # ------------------------------------------------------------------------------- a part

    def edit_part(self) -> str:
        """Take the part in view as a layer of its own.

        Raises ValueError when it is too large, or nothing of the result is in view.
        """
        layer = self.layer
        if layer is None:
            raise ValueError("Open the result first.")
        box = self._in_view(layer)
        stored = self._stored[layer]
        pixels = stored.read(box)
        self._remove_part()
        offset = [part.start * s for part, s in zip(box, layer.scale, strict=True)]
        self._part = self._viewer.add_labels(
            pixels,
            name=f"part of {layer.name}",
            scale=layer.scale,
            translate=np.add(layer.translate, offset),
        )
        self._part.selected_label = stored.free_id()
        self._part_of, self._box = layer, box
        self._viewer.layers.selection.active = self._part
        return "Correct the part with the tools of the layer, then Write back."

    def _in_view(self, layer: Labels) -> tuple[slice, ...]:
        shape = self._stored[layer].shape
        view = view_of(self._viewer, layer)
        box = tuple(
            slice(max(int(np.floor(low)), 0), min(int(np.ceil(high)), n))
            for (low, high), n in zip(view, shape, strict=True)
        )
        sides = [part.stop - part.start for part in box]
        if min(sides) <= 0:
            raise ValueError("Nothing of the result is in view: move it there.")
        if np.prod(sides) > _PART_PIXELS:
            raise ValueError(
                f"A part has at most {_PART_PIXELS:,} pixels, found {int(np.prod(sides)):,} in "
                "view: zoom in."
            )
        return box

    def write_part(self) -> str:
        """Write the corrected part into the label image."""
        part, layer = self.part, self._part_of
        if part is None or layer is None or layer not in self._stored:
            raise ValueError("Take a part first.")
        changed = self._stored[layer].write(self._box, np.asarray(part.data))
        self._remove_part()
        layer.refresh()
        return f"{changed:,} pixels were written." if changed else "Nothing was changed."

    def undo(self) -> str:
        """Take the last correction back."""
        layer = self.layer
        if layer is None or self._stored[layer].undo() is None:
            raise ValueError("Nothing was corrected yet.")
        self._remove_part()
        layer.refresh()
        return "The last correction was taken back."

    def _remove_part(self) -> None:
        part, self._part = self.part, None
        if part is not None:
            self._viewer.layers.remove(part)

"""Labels layers as they are measured and exported: pixels, axes, and size of a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding._napari.layers.kept import is_objects
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY, Alignment
from napari_pixel_embedding.core.blockwise.roi import ROI
from napari_pixel_embedding.core.inference.layout import Layout, rows_last
from napari_pixel_embedding.core.io.units import PixelSize, pixel_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

_PIXEL = "pixel"
UNNAMED = {2: ("YX",), 3: ("ZYX", "TYX"), 4: ("TZYX", "ZTYX")}
"""What the axes of labels without axis labels may be, the usual first."""


@dataclass(frozen=True, eq=False)
class LabelsSource:
    """A labels layer.

    Parameters
    ----------
    name : str
        Of the layer.
    labels : array_like
        Its pixels, without channels, Y and X last.
    axes : str
        A letter out of ``TZYX`` for each of their axes.
    alignment : Alignment
        How label images ([T,] [Z,] Y, X) lie in the layer.
    sizes, units : mapping of str to float, and to str
        Size of a pixel along each axis, and its unit.
    roi : ROI, optional
        The part of a large image that it covers.
    named : bool
        Whether the axes are known, not guessed.
    """

    name: str
    labels: Any
    axes: str
    alignment: Alignment
    sizes: Mapping[str, float]
    units: Mapping[str, str]
    roi: ROI | None = None
    named: bool = True

    @classmethod
    def of(cls, layer: Labels, axes: str | None = None) -> LabelsSource:
        """Return a layer of the viewer.

        Parameters
        ----------
        layer : napari.layers.Labels
        axes : str, optional
            What its axes are, where nothing says so.

        Raises
        ------
        ValueError
            When it has more axes than time, Z, Y and X.
        """
        data, meta, _ = layer.as_layer_data_tuple()
        return cls.from_data(data, meta, axes)

    @classmethod
    def from_data(cls, data: Any, meta: Mapping[str, Any], axes: str | None = None) -> LabelsSource:
        """Return a layer from what napari passes to writers; raises as :meth:`of` does."""
        data = data[0] if meta.get("multiscale") else data
        entry = meta.get("metadata", {}).get(METADATA_KEY)
        entry = entry if isinstance(entry, Mapping) else {}
        layout, roi = entry.get("layout"), entry.get("roi")
        known = _letters(data.ndim, layout if isinstance(layout, Layout) else None, meta)
        letters = known or _chosen(data.ndim, axes)
        sizes = dict(zip(letters, np.abs(_last(meta, "scale", data.ndim, 1.0)), strict=True))
        units = dict(zip(letters, map(str, _last(meta, "units", data.ndim, _PIXEL)), strict=True))
        if not isinstance(layout, Layout) or not known:
            shape, spatial = tuple(data.shape), letters.replace("T", "")
            layout = Layout(letters, shape, spatial)
        labels, order = _without_channels(data, letters)
        return cls(
            str(meta.get("name", "labels")),
            labels,
            order,
            Alignment(layout, layout.axes if "C" in letters else layout.label_axes),
            sizes,
            units,
            roi if isinstance(roi, ROI) else None,
            bool(known) or data.ndim == 2,
        )

    @property
    def layout(self) -> Layout:
        """How its axes become those of frames."""
        layout = self.alignment.layout
        assert layout is not None
        return layout

    @property
    def frames_axes(self) -> str:
        """Axes of :meth:`lifted`, ([T,] [Z,] Y, X)."""
        return ("T" if self.layout.frame_axes else "") + self.layout.spatial

    def lifted(self) -> Any:
        """Return the labels as frames, ([T,] [Z,] Y, X); a view, and of plain labels themselves."""
        if self.frames_axes == self.axes:
            return self.labels
        labels, layout = np.asarray(self.labels), self.layout
        order = layout.label_axes
        return layout.lift(labels.transpose([self.axes.index(a) for a in order]))

    def holding(self, labels: NDArray[Any]) -> LabelsSource:
        """Return the same layer with other labels, ([T,] [Z,] Y, X)."""
        laid, _ = rows_last(self.layout.lay(labels), self.layout.label_axes)
        return replace(self, labels=laid)

    def pixel_size(self, axes: str | None = None) -> PixelSize:
        """Return the size of a pixel along spatial axes, by default its own; None for pixels."""
        letters = [a for a in (axes or self.axes) if a in "ZYX"]
        found = pixel_size("".join(letters), self.sizes, self.units)
        plain = found.units is None and all(size == 1 for size in found.scale or ())
        return PixelSize() if plain else found


def labels_layers(viewer: Viewer) -> list[Labels]:
    """Return the labels layers that can be measured and exported, the uppermost first."""
    from napari.layers import Labels

    layers = [layer for layer in reversed(viewer.layers) if isinstance(layer, Labels)]
    return [one for one in layers if METADATA_KEY not in one.metadata or is_objects(one)]


def _letters(ndim: int, layout: Layout | None, meta: Mapping[str, Any]) -> str:
    """Return a letter for each axis, from the run or the axis labels; empty if unknown."""
    if layout is not None:
        for axes in (layout.label_axes, layout.axes, layout.axes.removeprefix("C")):
            if len(axes) == ndim:
                return axes
    names = [str(name).upper() for name in meta.get("axis_labels", ())]
    letters = "".join(names) if all(len(name) == 1 for name in names) else ""
    usual = letters.endswith("YX") and set(letters) <= set("TZYX")
    return letters if usual and len({*letters}) == len(letters) == ndim else ""


def _chosen(ndim: int, axes: str | None) -> str:
    if axes is not None and len(axes) == ndim:
        return axes
    if ndim not in UNNAMED:
        raise ValueError(
            f"Labels have the axes Y and X, and may have Z and T; found {ndim} axes. "
            "Take a part of them."
        )
    return UNNAMED[ndim][0]


def _last(meta: Mapping[str, Any], name: str, ndim: int, usual: Any) -> Sequence[Any]:
    """Return a value for each axis of what napari knows of a layer."""
    values = meta.get(name)
    return values if values is not None and len(values) == ndim else (usual,) * ndim


def _without_channels(data: Any, letters: str) -> tuple[Any, str]:
    """Return labels and their axes, with Y and X last; lazy arrays stay lazy where they can."""
    if "C" in letters:
        at = letters.index("C")
        data, letters = data[(slice(None),) * at + (0,)], letters.replace("C", "")
    return (data, letters) if letters.endswith("YX") else rows_last(np.asarray(data), letters)

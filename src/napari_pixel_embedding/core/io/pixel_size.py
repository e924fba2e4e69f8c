"""Pixel size of TIFF files, from OME, ImageJ or LSM metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_pixel_embedding.core.io.units import PixelSize, parse_number, pixel_size, unit_symbol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tifffile import TiffFile, TiffPageSeries


def stored_pixel_size(
    file: TiffFile, series: TiffPageSeries, axes: str, omexml: str | None
) -> PixelSize:
    """Return the pixel size of a series along the spatial axes among ``axes``.

    A print resolution (dpi) is ignored.
    """
    if omexml:
        return _ome(omexml, series, axes)
    if file.is_imagej and file.imagej_metadata:
        return _imagej(file, file.imagej_metadata, axes)
    if file.is_lsm and file.lsm_metadata:
        metadata = file.lsm_metadata
        sizes = {a: metadata[f"VoxelSize{a}"] * 1e6 for a in "ZYX" if f"VoxelSize{a}" in metadata}
        return pixel_size(axes, sizes, dict.fromkeys("ZYX", "µm"))
    return PixelSize()


def _ome(xml: str, series: TiffPageSeries, axes: str) -> PixelSize:
    pixels = _pixels_of(ElementTree.fromstring(xml), series)
    if pixels is None:
        return PixelSize()
    sizes = {a: pixels[f"PhysicalSize{a}"] for a in "ZYX" if f"PhysicalSize{a}" in pixels}
    units = {a: pixels.get(f"PhysicalSize{a}Unit", "µm") for a in sizes}
    return pixel_size(axes, sizes, units)


def _pixels_of(root: ElementTree.Element, series: TiffPageSeries) -> Mapping[str, str] | None:
    """Return the attributes of the Pixels element with the series' name and size, or size alone."""
    size = {a: str(n) for a, n in zip(series.axes, series.shape, strict=False) if a in "YX"}
    images = [
        (image.get("Name") or "", pixels.attrib)
        for image in root.iterfind("{*}Image")
        for pixels in image.iterfind("{*}Pixels")
    ]
    fitting = [
        (name, pixels)
        for name, pixels in images
        if all(pixels.get(f"Size{a}") == n for a, n in size.items())
    ]
    named = [pixels for name, pixels in fitting if name == series.name]
    others = [pixels for _, pixels in fitting or images]
    return next(iter((*named, *others)), None)


def _imagej(file: TiffFile, metadata: Mapping[str, Any], axes: str) -> PixelSize:
    unit = unit_symbol(str(metadata.get("unit", "pixel")))
    if unit == "in":
        note = "The pixel size in inches is a printer's resolution and was dropped."
        return PixelSize(notes=(note,))
    spacing = metadata.get("spacing", 1.0)  # ImageJ omits a spacing of 1
    depth = parse_number(spacing)
    sizes: dict[str, Any] = {"Z": spacing if depth is None else abs(depth)}
    tags = file.pages.first.tags
    for letter in "YX":
        pixels, length = tags.valueof(f"{letter}Resolution", default=(1, 1))
        sizes[letter] = length / pixels if pixels > 0 and length > 0 else 1.0
    if unit == "pixel" and set(sizes.values()) == {1.0}:
        return PixelSize()
    return pixel_size(axes, sizes, dict.fromkeys("ZYX", unit))

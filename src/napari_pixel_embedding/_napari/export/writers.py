"""Writers that napari's *Save Selected Layers…* offers for a labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pixel_embedding._napari.export.labels_source import LabelsSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_pixel_embedding.core.exchange.formats import Format


def write_tiff(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write labels as OME-TIFF with axes and pixel size."""
    return _write(path, data, meta, "tiff")


def write_ome_zarr(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write labels as OME-Zarr 0.5."""
    return _write(path, data, meta, "ome-zarr")


def write_geojson(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write labels as polygons for QuPath."""
    return _write(path, data, meta, "geojson")


def write_imagej_rois(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write labels as a zip of ROIs for Fiji."""
    return _write(path, data, meta, "imagej-roi")


def _write(path: str, data: Any, meta: Mapping[str, Any], format: Format) -> list[str]:
    """Write a layer, replacing a file: napari has asked about it."""
    from napari_pixel_embedding.core.exchange.export import export_labels

    source = LabelsSource.from_data(data, meta)
    size = source.pixel_size()
    written = export_labels(
        path,
        source.labels,
        format,
        axes=source.axes,
        spacing=size.scale,
        units=size.units,
        overwrite=True,
    )
    return [str(written)]

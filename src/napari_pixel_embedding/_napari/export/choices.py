"""The formats of the export dialogue, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_pixel_embedding.core.exchange.formats import Format


@dataclass(frozen=True)
class Choice:
    """A format.

    Parameters
    ----------
    title, purpose : str
        Its name, and in one line what it is for.
    suffix : str
        Ending of its files.
    format : str, optional
        As for :func:`~.export.export_labels`; None for a table.
    packages : tuple of str
        What must be installed.
    extra : str
        Extra of this package that brings them.
    image : str
        ``"needed"``, ``"possible"`` or empty.
    """

    title: str
    purpose: str
    suffix: str
    format: Format | None
    packages: tuple[str, ...] = ()
    extra: str = ""
    image: str = ""

    @property
    def missing(self) -> str | None:
        """How to install what is missing; None where nothing is."""
        absent = [name for name in self.packages if find_spec(name) is None]
        if not absent:
            return None
        needed = " and ".join(absent)
        return f"Needs {needed}: pip install 'napari-pixel-embedding[{self.extra}]'"


_ZARR = ("zarr", "yaozarrs")
CHOICES = (
    Choice("Label image", "OME-TIFF with axes and pixel size, for any program", ".tif", "tiff"),
    Choice(
        "OME-Zarr 0.5",
        "pyramid in chunks, for napari, OMERO and others",
        ".ome.zarr",
        "ome-zarr",
        _ZARR,
        "exchange",
        "possible",
    ),
    Choice(
        "OME-Zarr 0.4",
        "the same for older programs",
        ".ome.zarr",
        "ome-zarr-0.4",
        _ZARR,
        "exchange",
        "possible",
    ),
    Choice("GeoJSON", "QuPath: a detection for each object", ".geojson", "geojson"),
    Choice(
        "ImageJ ROIs",
        "Fiji’s ROI Manager: a ROI for each object",
        ".zip",
        "imagej-roi",
        ("roifile",),
        "exchange",
    ),
    Choice("Outlines", "TIFF of the outermost pixels of each object", ".tif", "outlines"),
    Choice("Overlay", "PNG of coloured outlines over the image", ".png", "overlay", image="needed"),
    Choice("Table, CSV", "the measurements, for spreadsheets and R", ".csv", None),
    Choice(
        "Table, Parquet",
        "the measurements with types and units",
        ".parquet",
        None,
        ("pyarrow",),
        "tables",
    ),
)

"""The formats that label images are exported to, and their file names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["tiff", "ome-zarr", "ome-zarr-0.4", "geojson", "imagej-roi", "outlines", "overlay"]
"""Formats of :func:`export_labels`."""

SUFFIXES: dict[Format, tuple[str, ...]] = {
    "tiff": (".tif", ".tiff"),
    "ome-zarr": (".zarr",),
    "ome-zarr-0.4": (".zarr",),
    "geojson": (".geojson", ".json"),
    "imagej-roi": (".zip",),
    "outlines": (".tif", ".tiff", ".png"),
    "overlay": (".png",),
}
"""Endings of each format; the first format of an ending is that of files so named."""


def format_of(path: Path, format: Format | None, with_image: bool) -> Format:
    """Return the format of a file: as its name ends, or the one that is given.

    Parameters
    ----------
    path : Path
    format : str, optional
    with_image : bool
        Whether there is an image; a PNG is then an overlay.

    Raises
    ------
    ValueError
        When the format is unknown or does not fit the ending.
    """
    suffix = path.suffix.lower()
    if format is None:
        fitting = [name for name, endings in SUFFIXES.items() if suffix in endings]
        if not fitting:
            endings = sorted({end for ends in SUFFIXES.values() for end in ends})
            raise ValueError(
                f"Expected a name that ends in one of {' '.join(endings)}, found {path.name!r}."
            )
        return "overlay" if with_image and "overlay" in fitting else fitting[0]
    if format not in get_args(Format):
        raise ValueError(f"format must be one of {', '.join(SUFFIXES)}, found {format!r}.")
    if suffix not in SUFFIXES[format]:
        raise ValueError(
            f"The format {format} needs a name that ends in {' or '.join(SUFFIXES[format])}, "
            f"found {path.name!r}."
        )
    return format

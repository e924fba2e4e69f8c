"""Columns of the table from sums: size, place, shape and intensity, in physical units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.measurement.frame_sums import Channel, FrameSums
    from napari_pixel_embedding.core.measurement.sums import ObjectSums

    Columns = dict[str, NDArray[Any]]


def size_columns(sums: ObjectSums, axes: str, spacing: Sequence[float]) -> Columns:
    """Return label, size and place.

    Parameters
    ----------
    sums : ObjectSums
    axes : str
        ``YX`` or ``ZYX``.
    spacing : sequence of float
        Size of a pixel along them.
    """
    pixels = sums.get("pixels")
    size = pixels * float(np.prod(spacing))
    columns = {
        "label": sums.ids()[sums.order()],
        "pixels": pixels,
        "area" if len(axes) == 2 else "volume": size,
        "equivalent_diameter": _diameter(size, len(axes)),
    }
    for letter, step in zip(axes.lower(), spacing, strict=True):
        place = sums.get(f"origin_{letter}") + sums.get(letter) / pixels
        columns[f"centroid_{letter}"] = place * step
    for end in ("min", "max"):
        columns |= {f"bbox_{x}_{end}": sums.get(f"{end}_{x}") for x in axes.lower()}
    return columns


def _diameter(size: NDArray[np.float64], ndim: int) -> NDArray[np.float64]:
    """Return the diameter of the disc or ball of the same size."""
    return np.sqrt(4 * size / np.pi) if ndim == 2 else np.cbrt(6 * size / np.pi)


def border_column(sums: ObjectSums, axes: str, shape: Sequence[int]) -> Columns:
    """Return whether an object touches the border of the image."""
    touches = np.zeros(sums.count, bool)
    for letter, n in zip(axes.lower(), shape, strict=True):
        touches |= (sums.get(f"min_{letter}") == 0) | (sums.get(f"max_{letter}") == n)
    return {"touches_border": touches}


def moment_columns(sums: ObjectSums, axes: str, spacing: Sequence[float]) -> Columns:
    """Return what sums alone tell of the shape: axes, eccentricity (2-D) and extent."""
    from napari_pixel_embedding.core.measurement.shape import axis_lengths

    lengths = axis_lengths(_moments(sums, axes.lower(), spacing))
    columns: Columns = {"major_axis": lengths[:, 0], "minor_axis": lengths[:, -1]}
    if len(axes) == 2:
        columns["eccentricity"] = _eccentricity(lengths)
    box = np.prod([sums.get(f"max_{x}") - sums.get(f"min_{x}") for x in axes.lower()], axis=0)
    columns["extent"] = sums.get("pixels") / box
    return columns


def shape_columns(found: FrameSums, axes: str, spacing: Sequence[float]) -> Columns:
    """Return the axes, eccentricity, perimeter (2-D), solidity and extent."""
    sums = found.sums
    columns = moment_columns(sums, axes, spacing)
    extent = columns.pop("extent")
    if len(axes) == 2:
        columns["perimeter"] = _perimeter(sums, spacing)
    pixels = sums.get("pixels")
    columns["solidity"] = pixels / _hulls(found, len(axes)) if len(pixels) else np.zeros(0)
    return columns | {"extent": extent}


def _moments(sums: ObjectSums, axes: str, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Return the covariances (N, D, D) of the pixels' positions."""
    n = sums.get("pixels")
    mean = {x: sums.get(x) / n for x in axes}
    result = np.empty((n.size, len(axes), len(axes)))
    for i, a in enumerate(axes):
        for j, b in enumerate(axes[i:], i):
            value = sums.get(a + b) / n - mean[a] * mean[b]
            result[:, i, j] = result[:, j, i] = value * spacing[i] * spacing[j]
    return result


def _eccentricity(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    major, minor = lengths[:, 0], lengths[:, 1]
    ratio = np.divide(minor, major, out=np.ones_like(major), where=major > 0)
    return np.asarray(np.sqrt(np.maximum(1 - ratio**2, 0)))


def _perimeter(sums: ObjectSums, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Return the perimeter; NaN where pixels are not square."""
    from napari_pixel_embedding.core.measurement.shape import STEPS

    if not np.isclose(spacing[0], spacing[1], rtol=1e-6):
        return np.full(sums.count, np.nan)
    counts = [sums.get(f"kind_{k}") if sums.count else 0 for k in range(1, len(STEPS) + 1)]
    total = sum((c * step for c, step in zip(counts, STEPS, strict=True)), np.zeros(sums.count))
    return np.asarray(total * spacing[0])


def _hulls(found: FrameSums, ndim: int) -> NDArray[np.float64]:
    from napari_pixel_embedding.core.measurement.shape import hull_areas, hull_volumes

    rank, z, y, start, stop = found.runs
    return hull_areas(rank, y, start, stop) if ndim == 2 else hull_volumes(rank, z, y, start, stop)


def intensity_columns(sums: ObjectSums, channels: Sequence[Channel | str]) -> Columns:
    """Return mean, and for full channels (and names alone) min, max, standard deviation and sum."""
    columns: Columns = {}
    pixels = sums.get("pixels")
    for channel in channels:
        name = channel if isinstance(channel, str) else channel.name
        total = _or_empty(sums, f"{name}:sum")
        if not (isinstance(channel, str) or channel.full):
            columns[name] = total / pixels
            continue
        columns[f"{name}_mean"] = total / pixels
        columns[f"{name}_min"] = _or_empty(sums, f"{name}:min")
        columns[f"{name}_max"] = _or_empty(sums, f"{name}:max")
        mean = _or_empty(sums, f"{name}:s1") / pixels
        variance = _or_empty(sums, f"{name}:s2") / pixels - mean**2
        columns[f"{name}_std"] = np.sqrt(np.maximum(variance, 0))
        columns[f"{name}_sum"] = total
    return columns


def _or_empty(sums: ObjectSums, name: str) -> NDArray[Any]:
    return sums.get(name) if sums.count else np.zeros(0)


def units_of(columns: Columns, units: str) -> dict[str, str]:
    """Return the units of the columns that have one, from that of lengths."""
    powers = {"area": "²", "volume": "³"}
    lengths = ("equivalent_diameter", "major_axis", "minor_axis", "perimeter")
    return {
        name: units + powers.get(name, "")
        for name in columns
        if units and (name in powers or name in lengths or name.startswith("centroid_"))
    }

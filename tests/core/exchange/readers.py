"""Independent readers of what was exported, and label images that are hard to export."""

import numpy as np
import pytest
import shapely
from scipy import ndimage
from shapely.geometry import shape


def hard_labels(size, seed=0):
    """Ids up to beyond 32 bits; holes, diagonal contacts, several pieces, single pixels."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=size), 0.8)
    labels = ndimage.label(smooth > 0)[0].astype(np.int64)
    labels[labels % 5 == 2] = 70_000
    labels[labels % 5 == 4] += 2**20
    noise = rng.random(size)
    labels[noise > 0.97] = 3
    labels[noise < 0.03] = 0
    return labels


def pixels_of_polygon(geometry, shape_of_image):
    """Pixels whose centre lies in a polygon, by shapely alone."""
    rows, columns = np.indices(shape_of_image) + 0.5
    prepared = shapely.from_wkb(shapely.to_wkb(geometry))
    shapely.prepare(prepared)
    return shapely.contains_xy(prepared, columns, rows)


def labels_of_features(features, size):
    """Label image (T, Z, Y, X) of the features of a GeoJSON file."""
    labels = np.zeros(size, np.int64)
    for feature in features:
        geometry = shape(feature["geometry"])
        assert geometry.is_valid, shapely.is_valid_reason(geometry)
        plane = feature["geometry"].get("plane", {"t": 0, "z": 0})
        inside = pixels_of_polygon(geometry, size[-2:])
        part = labels[plane["t"], plane["z"]]
        assert (part[inside] == 0).all(), "objects overlap"
        part[inside] = feature["properties"]["measurements"]["Label"]
    return labels


def labels_of_rois(rois, size):
    """Label image (T, Z, Y, X) of ImageJ ROIs: their paths, filled by the even-odd rule."""
    labels = np.zeros(size, np.int64)
    for roi in rois:
        part = labels[max(roi.t_position, 1) - 1, max(roi.z_position, 1) - 1]
        inside = np.zeros(size[-2:], bool)
        for ring in roi.coordinates(multi=True):
            inside ^= pixels_of_polygon(shapely.Polygon(ring), size[-2:])
        assert (part[inside] == 0).all(), "objects overlap"
        part[inside] = int(roi.name.split("-")[-1])
    return labels


STACKS = [
    pytest.param((40, 37), "YX", (1, 1, 40, 37), id="2-D"),
    pytest.param((4, 25, 21), "ZYX", (1, 4, 25, 21), id="3-D"),
    pytest.param((3, 25, 21), "TYX", (3, 1, 25, 21), id="frames"),
    pytest.param((2, 3, 20, 21), "TZYX", (2, 3, 20, 21), id="volumes in time"),
]

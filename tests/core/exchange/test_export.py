import json

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr

from napari_pixel_embedding import export_labels
from napari_pixel_embedding.core.exchange.contours import contours
from napari_pixel_embedding.core.io.images import read_labels
from tests.core.exchange.readers import hard_labels

LABELS = hard_labels((30, 20))


def test_a_label_tiff_keeps_axes_and_pixel_size(tmp_path):
    labels = hard_labels((3, 20, 21))
    export_labels(tmp_path / "a.tif", labels, axes="ZYX", spacing=(2, 0.5, 0.5), units="um")
    read = read_labels(tmp_path / "a.tif")
    assert np.array_equal(read.data, labels)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), labels)
    assert (read.axes, read.scale, read.units) == ("ZYX", (2, 0.5, 0.5), "µm")


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.ome.zarr", None), ("a.zarr", "ome-zarr-0.4"), ("a.geojson", None), ("a.zip", None)],
)
def test_the_format_follows_the_name(tmp_path, name, format):
    path = export_labels(tmp_path / "new" / name, LABELS, format, spacing=(1, 1))
    if path.suffix == ".zarr":
        assert np.array_equal(zarr.open_group(path, mode="r")["0"][:], LABELS)
        assert (path / "zarr.json").exists() == (format is None)
    elif path.suffix == ".geojson":
        assert len(json.loads(path.read_text("utf-8"))["features"]) > 5
    else:
        assert path.read_bytes()[:2] == b"PK"


def test_outlines_are_ids_in_a_tiff_and_white_in_a_png(tmp_path):
    export_labels(tmp_path / "a.tif", LABELS, "outlines")
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), contours(LABELS))
    export_labels(tmp_path / "a.png", LABELS)
    assert np.array_equal(iio.imread(tmp_path / "a.png"), 255 * (contours(LABELS) > 0))


@pytest.mark.parametrize(("shape", "axes"), [((30, 20), None), ((30, 20, 3), "YXC")])
def test_an_image_makes_an_overlay(tmp_path, shape, axes):
    image = np.full(shape, 99, np.uint8)
    export_labels(tmp_path / "a.png", LABELS, image=image, image_axes=axes)
    picture = iio.imread(tmp_path / "a.png")
    assert picture.shape == (30, 20, 3)
    assert (picture[contours(LABELS) > 0].max(axis=1) == 255).all()


def test_ome_zarr_takes_the_image_along(tmp_path):
    image = np.random.default_rng(0).integers(0, 99, (2, 30, 20)).astype(np.uint16)
    export_labels(tmp_path / "a.zarr", LABELS, image=image, image_axes="CYX")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert np.array_equal(group["0"][:], image)
    assert np.array_equal(group["labels/objects/0"][:], LABELS)


def test_nothing_is_overwritten_unasked(tmp_path):
    (tmp_path / "a.geojson").write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.geojson is there already"):
        export_labels(tmp_path / "a.geojson", LABELS)
    assert (tmp_path / "a.geojson").read_text() == "mine"
    export_labels(tmp_path / "a.geojson", LABELS, overwrite=True)
    assert json.loads((tmp_path / "a.geojson").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.svg", {}, r"ends in one of .geojson .json .png .tif .tiff .zarr .zip, found 'a.svg'"),
        ("a.tif", {"format": "geojson"}, "geojson needs a name that ends in .geojson or .json"),
        ("a.tif", {"format": "shapefile"}, "format must be one of tiff, ome-zarr"),
        ("a.png", {"format": "overlay"}, "An overlay needs the image"),
        ("a.tif", {"axes": "ZYX"}, "axes must be YX"),
        ("a.tif", {"spacing": (1,)}, "sizes along YX"),
        ("a.zarr", {"spacing": (1, 1), "units": "s"}, "and a length"),
        ("a.png", {"image": np.zeros((3, 3))}, "must have the shape of the labels"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        export_labels(tmp_path / name, LABELS, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_shows_one_plane(tmp_path):
    with pytest.raises(ValueError, match="one plane of one frame"):
        export_labels(tmp_path / "a.png", np.ones((2, 3, 3), int), axes="ZYX")

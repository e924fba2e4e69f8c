"""Measuring and exporting label image files."""

import json

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding import export_file, measure_files, measure_objects
from napari_pixel_embedding.core.io.images import read_labels, write_image, write_labels


@pytest.fixture
def files(tmp_path):
    """Two label images of 0.5 µm, and an image of two channels for each."""
    rng = np.random.default_rng(0)
    for name in "ab":
        labels = np.kron(rng.integers(0, 4, (4, 5)), np.ones((6, 6), int))
        write_labels(tmp_path / f"{name}_labels.tif", labels, "YX", (0.5, 0.5), "µm")
        image = rng.integers(0, 999, (2, 24, 30)).astype(np.uint16)
        write_image(tmp_path / f"{name}.tif", image, "CYX", (0.5, 0.5), "µm")
    return tmp_path


def test_a_table_of_several_files_says_which(files):
    paths = [files / "a_labels.tif", files / "b_labels.tif"]
    images = [files / "a.tif", files / "b.tif"]
    table = measure_files(paths, files / "t.csv", images=images)
    one = measure_objects(
        tifffile.imread(paths[1]), tifffile.imread(images[1])[1], spacing=(0.5, 0.5)
    )
    second = table["file"] == "b_labels.tif"
    assert np.array_equal(table["area"][second], one["area"])
    assert np.array_equal(table["intensity_c1_std"][second], one["intensity_std"])
    lines = (files / "t.csv").read_text("utf-8").splitlines()
    assert len(lines) == len(table) + 1
    assert "area (µm²)" in lines[0]


def test_several_images_of_one_file_have_their_names(files):
    write_image(files / "dapi.tif", np.ones((24, 30), np.uint8), "YX")
    images = [files / "a.tif", files / "dapi.tif"]
    table = measure_files(files / "a_labels.tif", images=images)
    assert {"a_c0_mean", "a_c1_mean", "dapi_mean"} <= table.columns.keys()
    assert "file" not in table.columns


def test_the_pixel_size_of_the_image_fills_in(files):
    tifffile.imwrite(files / "plain.tif", np.ones((24, 30), np.uint8))
    alone = measure_files(files / "plain.tif")
    filled = measure_files(files / "plain.tif", images=[files / "a.tif"])
    given = measure_files(files / "plain.tif", spacing=(2, 2), units="nm", images=[files / "a.tif"])
    assert [t.headings()["area"] for t in (alone, filled, given)] == [
        "area (px²)",
        "area (µm²)",
        "area (nm²)",
    ]
    assert given["area"].tolist() == [24 * 30 * 4]


def test_an_exported_file_keeps_the_pixel_size(files):
    export_file(files / "a_labels.tif", files / "a.ome.zarr", image=files / "a.tif")
    text = (files / "a.ome.zarr" / "labels" / "objects" / "zarr.json").read_text("utf-8")
    multiscale = json.loads(text)["attributes"]["ome"]["multiscales"][0]
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == [0.5, 0.5]


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["a_labels.tif", "b_labels.tif"], {"images": ["a.tif"]}, "one image for each of 2"),
        (["a_labels.tif"], {"images": ["a.tif", "a.tif"]}, "different names"),
        (["a_labels.tif", "plain.tif"], {}, "same axes, channels and unit"),
        (["stack.tif"], {}, "could be planes or frames"),
        (["a_labels.tif"], {"output": "t.xlsx"}, "csv or .parquet"),
    ],
)
def test_what_does_not_belong_together_is_refused(files, monkeypatch, labels, options, message):
    monkeypatch.chdir(files)
    tifffile.imwrite("plain.tif", np.ones((24, 30), np.uint8))
    np.save("stack.npy", np.ones((5, 24, 30), np.uint8))
    labels = ["stack.npy" if name == "stack.tif" else name for name in labels]
    with pytest.raises(ValueError, match=message):
        measure_files(labels, **options)


def test_a_table_is_not_overwritten_unasked(files):
    (files / "t.csv").write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        measure_files(files / "a_labels.tif", files / "t.csv")
    measure_files(files / "a_labels.tif", files / "t.csv", overwrite=True)
    assert (files / "t.csv").read_text("utf-8").startswith("label,")


@pytest.mark.parametrize("format", ["ome-zarr", "ome-zarr-0.4"])
def test_ome_zarr_is_measured_and_exported_like_the_file(files, format):
    path = files / "a.ome.zarr"
    export_file(files / "a_labels.tif", path, format)
    options = {"images": [files / "a.tif"]}
    expected, found = (
        measure_files(files / "a_labels.tif", **options),
        measure_files(path, **options),
    )
    assert found.headings() == expected.headings()
    for name in expected.columns:
        assert np.array_equal(found[name], expected[name])
    export_file(path, files / "again.tif")
    again, labels = (tifffile.imread(files / n) for n in ("again.tif", "a_labels.tif"))
    assert np.array_equal(again, labels)
    read = read_labels(files / "again.tif")
    assert (read.axes, read.scale, read.units) == ("YX", (0.5, 0.5), "µm")

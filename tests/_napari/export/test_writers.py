"""napari's own saving of labels layers in our formats, read back by others."""

from __future__ import annotations

import json
from pathlib import Path

import npe2
import numpy as np
import pytest
import roifile
import tifffile
import yaozarrs
import zarr
from napari.layers import Labels

from napari_pixel_embedding._napari.export.labels_source import LabelsSource
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY
from napari_pixel_embedding.core.inference.layout import Layout
from tests._napari.conftest import MANIFEST, PLUGIN
from tests.core.exchange.readers import STACKS, hard_labels, labels_of_features, labels_of_rois


@pytest.fixture
def plugins():
    """A plugin manager that knows this manifest only."""
    manager = npe2.PluginManager()
    manager.register(npe2.PluginManifest.from_file(MANIFEST))
    manager.activate(PLUGIN)
    return manager


def saved(plugins, path, layer):
    """Save a layer as napari does: the writer that the ending chooses, in a single call."""
    writer, where = plugins.get_writer(str(path), ["labels"])
    assert writer is not None
    call = plugins.commands.get(writer.command)
    written = call(where, *layer.as_layer_data_tuple()[:2])
    assert written == [str(path)]
    return path


def named(labels, axes, **options):
    return Labels(labels, axis_labels=tuple(axes.lower()), **options)


def test_every_ending_has_its_writer(plugins):
    endings = {
        name: plugins.get_writer(f"cells{name}", ["labels"])[0].command.split(".")[-1]
        for name in (".tif", ".tiff", ".zarr", ".ome.zarr", ".geojson", ".zip")
    }
    assert endings == {
        ".tif": "write_tiff",
        ".tiff": "write_tiff",
        ".zarr": "write_ome_zarr",
        ".ome.zarr": "write_ome_zarr",
        ".geojson": "write_geojson",
        ".zip": "write_imagej_rois",
    }
    assert plugins.get_writer("cells.tif", ["image"])[0] is None
    assert plugins.get_writer("cells.tif", ["labels", "labels"])[0] is None


@pytest.mark.parametrize(("size", "axes", "whole"), STACKS)
def test_every_format_keeps_every_pixel(plugins, tmp_path, size, axes, whole):
    labels = hard_labels(size)
    layer = named(labels, axes)
    tiff = saved(plugins, tmp_path / "a.tif", layer)
    assert np.array_equal(tifffile.imread(tiff).reshape(size), labels)
    with tifffile.TiffFile(tiff) as file:
        assert file.series[0].axes == axes
    group = zarr.open_group(saved(plugins, tmp_path / "a.ome.zarr", layer), mode="r")
    assert np.array_equal(group["0"][:], labels)
    yaozarrs.validate_zarr_store(tmp_path / "a.ome.zarr")
    features = json.loads(saved(plugins, tmp_path / "a.geojson", layer).read_text("utf-8"))
    found = labels_of_features(features["features"], whole)
    assert np.array_equal(found.reshape(size), labels)
    rois = roifile.roiread(saved(plugins, tmp_path / "a.zip", layer))
    assert np.array_equal(labels_of_rois(rois, whole).reshape(size), labels)


def test_size_and_unit_are_those_of_the_layer(plugins, tmp_path):
    layer = named(hard_labels((3, 9, 8)), "ZYX", scale=(2, 0.5, -0.25), units=("um", "um", "um"))
    tiff = saved(plugins, tmp_path / "a.tif", layer)
    with tifffile.TiffFile(tiff) as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    sizes = [pixels[f"PhysicalSize{a}"] for a in "ZYX"]
    assert sizes == [2, 0.5, 0.25]
    assert pixels["PhysicalSizeXUnit"] == "µm"
    group = zarr.open_group(saved(plugins, tmp_path / "a.ome.zarr", layer), mode="r")
    multiscale = group.attrs["ome"]["multiscales"][0]
    assert [axis["unit"] for axis in multiscale["axes"]] == ["micrometer"] * 3
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == [2, 0.5, 0.25]


def test_pixels_without_a_unit_have_no_size(plugins, tmp_path):
    tiff = saved(plugins, tmp_path / "a.tif", Labels(hard_labels((9, 8))))
    with tifffile.TiffFile(tiff) as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert "PhysicalSizeX" not in pixels


def test_axes_come_from_the_run_the_labels_or_are_planes():
    stack = np.zeros((3, 9, 8), int)
    assert LabelsSource.of(Labels(stack)).axes == "ZYX"
    assert not LabelsSource.of(Labels(stack)).named
    assert LabelsSource.of(Labels(stack), "TYX").axes == "TYX"
    assert LabelsSource.of(named(stack, "TYX"), "ZYX").axes == "TYX"
    assert LabelsSource.of(named(stack, "YXZ")).axes == "ZYX"  # no order that we know: planes
    metadata = {METADATA_KEY: {"layout": Layout("TYX", stack.shape, "YX")}}
    found = LabelsSource.of(Labels(stack, metadata=metadata))
    assert (found.axes, found.named, found.frames_axes) == ("TYX", True, "TYX")
    with pytest.raises(ValueError, match="found 5 axes"):
        LabelsSource.of(Labels(np.zeros((1, 1, 1, 4, 4), int)))


@pytest.mark.parametrize("axes", ["CYX", "YXC", "TCYX", "TZCYX"])
def test_layers_over_channels_have_them_once(axes):
    """A result lies in all channels of its image; it is one label image."""
    sizes = dict(zip("TZCYX", (2, 3, 4, 9, 8), strict=True))
    shape = tuple(sizes[a] for a in axes)
    layout = Layout(axes, shape, "YX")
    from napari_pixel_embedding._napari.layers.placement import Alignment

    frames = np.random.default_rng(0).integers(0, 99, layout.frames_shape)
    laid = Alignment(layout, axes).lay(frames)
    layer = Labels(laid, metadata={METADATA_KEY: {"layout": layout}})
    found = LabelsSource.of(layer)
    assert found.axes == axes.replace("C", "")
    assert np.array_equal(found.lifted(), frames)


def test_planes_that_were_run_one_by_one_are_saved_as_planes():
    layout = Layout("ZYX", (3, 9, 8), "YX")
    layer = Labels(
        np.arange(3 * 72).reshape(3, 9, 8),
        scale=(2, 0.5, 0.5),
        units=("um",) * 3,
        metadata={METADATA_KEY: {"layout": layout}},
    )
    found = LabelsSource.of(layer)
    assert (found.axes, found.frames_axes) == ("ZYX", "TYX")
    assert found.pixel_size().scale == (2, 0.5, 0.5)
    assert found.pixel_size(found.frames_axes).scale == (0.5, 0.5)


def test_napari_saves_through_the_writer(viewer, tmp_path):
    labels = hard_labels((20, 21))
    viewer.add_labels(labels)
    path = str(tmp_path / "a.geojson")
    assert viewer.layers.save(path, plugin=PLUGIN) == [path]
    features = json.loads(Path(path).read_text("utf-8"))["features"]
    assert np.array_equal(labels_of_features(features, (1, 1, 20, 21))[0, 0], labels)

"""Label images in OME-Zarr of several versions and writers, read without being loaded."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaozarrs
import yaozarrs.v05
import zarr
from yaozarrs.write.v05 import write_image

from napari_pixel_embedding import export_labels
from napari_pixel_embedding.core.exchange.ome_zarr_reader import (
    StoredArray,
    is_zarr,
    read_ome_zarr_labels,
)
from napari_pixel_embedding.core.label_frames import label_frames
from tests.core.exchange.readers import STACKS, hard_labels

IMAGE_LABEL = {"image-label": {"version": "0.4"}}


def stored(folder, array, axes, scale, attributes=IMAGE_LABEL, key="multiscales"):
    """A label image as another program could write it, version 0.4."""
    group = zarr.create_group(folder, zarr_format=2)
    group.create_array("s0", data=array, chunks=tuple(min(n, 8) for n in array.shape))
    levels = [{"path": "s0"}]
    if scale is not None:
        levels[0]["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
    pyramid = {"version": "0.4", "datasets": levels, **({"axes": axes} if axes else {})}
    group.attrs.update({key: [pyramid], **attributes})
    return folder


def space(names, unit="micrometer"):
    kinds = {"t": "time", "c": "channel"}
    units = {"type": "space", "unit": unit}
    return [{"name": n, **({"type": kinds[n]} if n in kinds else units)} for n in names]


@pytest.mark.parametrize("format", ["ome-zarr", "ome-zarr-0.4"])
@pytest.mark.parametrize(("size", "axes", "_whole"), STACKS)
def test_what_was_exported_is_read_again(tmp_path, size, axes, _whole, format):
    labels, count = hard_labels(size), len(axes.replace("T", ""))
    scale = (2.0, 0.5, 0.25)[-count:]
    path = export_labels(tmp_path / "a.zarr", labels, format, axes=axes, spacing=scale, units="µm")
    found = read_ome_zarr_labels(path)
    assert found.axes == axes
    assert (found.size.scale, found.size.units) == (scale, "µm")
    assert np.array_equal(np.asarray(found.labels), labels)
    assert not isinstance(found.labels, np.ndarray)


def test_labels_beside_their_image_are_found(tmp_path):
    labels = hard_labels((30, 20))
    export_labels(tmp_path / "a.zarr", labels, image=np.zeros((30, 20), np.uint8))
    assert np.array_equal(np.asarray(read_ome_zarr_labels(tmp_path / "a.zarr").labels), labels)
    inner = tmp_path / "a.zarr" / "labels"
    assert np.array_equal(np.asarray(read_ome_zarr_labels(inner).labels), labels)
    assert np.array_equal(np.asarray(read_ome_zarr_labels(inner / "objects").labels), labels)


def test_of_several_one_must_be_named(tmp_path):
    image, labels = np.zeros((16, 16), np.uint16), np.ones((16, 16), np.uint16)
    model = yaozarrs.v05.Image(
        multiscales=[
            yaozarrs.v05.Multiscale.from_dims(
                [yaozarrs.DimSpec(name=n, size=16, scale=0.5, unit="micrometer") for n in "yx"]
            )
        ]
    )
    label = yaozarrs.v05.LabelImage.model_validate(
        {**model.model_dump(), "image_label": {"colors": [{"label_value": 0, "rgba": [0] * 4}]}}
    )
    write_image(
        tmp_path / "a.zarr",
        model,
        [image],
        labels={"cells": (label, [labels]), "nuclei": (label, [2 * labels])},
    )
    with pytest.raises(ValueError, match=r"found cells, nuclei. Give the path"):
        read_ome_zarr_labels(tmp_path / "a.zarr")
    found = read_ome_zarr_labels(tmp_path / "a.zarr" / "labels" / "nuclei")
    assert (found.axes, found.size.scale, found.size.units) == ("YX", (0.5, 0.5), "µm")
    assert (np.asarray(found.labels) == 2).all()


def test_axes_of_length_one_are_left_out_and_nothing_else_is_read(tmp_path):
    labels = hard_labels((9, 20))
    path = stored(tmp_path / "a.zarr", labels[None, None, None], space("tczyx"), [1, 1, 3, 2, 0.5])
    found = read_ome_zarr_labels(path)
    assert (found.axes, found.size.scale, found.size.units) == ("YX", (2, 0.5), "µm")
    frame = label_frames(found.labels, found.axes)[0]
    box = (slice(2, 5), slice(3, 9))
    assert np.array_equal(frame.read(box), labels[box])
    assert found.labels.chunks == (8, 8)


def test_older_versions_name_no_axes(tmp_path):
    labels = hard_labels((2, 1, 3, 9, 8))
    found = read_ome_zarr_labels(stored(tmp_path / "a.zarr", labels, None, None))
    assert (found.axes, found.size.scale) == ("TZYX", None)
    assert np.array_equal(np.asarray(found.labels), labels[:, 0])
    names = ["z", "y", "x"]
    found = read_ome_zarr_labels(stored(tmp_path / "b.zarr", labels[0, 0], names, [2, 1, 1]))
    assert (found.axes, found.size.scale, found.size.units) == ("ZYX", (2, 1, 1), None)


def test_a_plain_array_has_no_axes(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=np.ones((4, 5), np.uint8))
    found = read_ome_zarr_labels(tmp_path / "a.zarr")
    assert found.axes is None
    assert found.labels.shape == (4, 5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: None, FileNotFoundError, "There is no"),
        (lambda p: p.mkdir(), ValueError, "found none in"),
        (lambda p: stored(p, np.ones((4, 4), int), space("yx"), [1, 1], {}), ValueError, "label"),
        (
            lambda p: stored(p, np.ones((4, 4), int), space("yx"), [1, 1], key="other"),
            ValueError,
            "no multiscales",
        ),
        (
            lambda p: stored(p, np.ones((4, 4)), space("yx"), [1, 1]),
            ValueError,
            "whole numbers, found float64",
        ),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path, make, error, message):
    path = tmp_path / "a.zarr"
    make(path)
    assert is_zarr(path)
    with pytest.raises(error, match=message):
        read_ome_zarr_labels(path)


def test_other_files_are_no_zarr(tmp_path):
    (tmp_path / "a.tif").write_text("")
    assert not is_zarr(tmp_path / "a.tif")
    zarr.create_array(tmp_path / "odd name", data=np.ones((4, 5), np.uint8))
    assert is_zarr(tmp_path / "odd name")
    assert json.loads((tmp_path / "odd name" / "zarr.json").read_text())["node_type"] == "array"


@pytest.mark.parametrize("plain", [True, False])
def test_damaged_pixels_raise_an_error_that_names_the_file(tmp_path, plain):
    path = tmp_path / "cells.zarr"
    labels = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
    if plain:
        zarr.create_array(path, data=labels, chunks=(30, 40))
    else:
        export_labels(path, labels)
    stored = read_ome_zarr_labels(path)
    for chunk in path.rglob("c/0/0"):
        chunk.write_bytes(b"\x28\xb5\x2f\xfd" + chunk.read_bytes()[9:])
    with pytest.raises((ValueError, OSError), match=r"cells\.zarr"):
        np.asarray(stored.labels[:2, :2])


def test_out_of_memory_stays_what_it_is(tmp_path):
    """Whoever asked for the part may ask for a smaller one."""

    class Full:
        dtype, shape, chunks, ndim = np.dtype(np.uint8), (2, 1), (2, 1), 2

        def __getitem__(self, key):
            raise MemoryError

    with pytest.raises(MemoryError):
        StoredArray(Full(), tmp_path)[:2]

"""The label image of a run: whole shards, valid metadata, and only once it is finished."""

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_pixel_embedding.batch.data.labels import LabelStore
from napari_pixel_embedding.batch.stages.relabel import halved
from napari_pixel_embedding.core.exchange.ome_zarr import PyramidWriter
from napari_pixel_embedding.core.exchange.ome_zarr_reader import read_ome_zarr_labels
from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.core.label_frames import Frame

CASES = {
    "plane": (Layout("YX", (300, 700), "YX"), (128, 128)),
    "colours": (Layout("YXC", (300, 200, 3), "YX"), (128, 128)),
    "volume": (Layout("ZYX", (20, 150, 300), "ZYX"), (8, 64, 128)),
    "film of volumes": (Layout("TZYX", (2, 9, 70, 300), "ZYX"), (8, 64, 64)),
    "planes one by one": (Layout("TZYX", (2, 3, 70, 300), "YX"), (64, 64)),
    "planes before time": (Layout("ZTYX", (3, 2, 70, 300), "YX"), (64, 64)),
    "small": (Layout("YX", (20, 30), "YX"), (128, 128)),
}


@pytest.fixture(params=["0.5", "0.4"])
def version(request):
    return request.param


@pytest.fixture(params=CASES)
def store(request, tmp_path, version):
    layout, side = CASES[request.param]
    scale = (2.0, 0.5, 0.5)[-len(layout.spatial_shape) :]
    scale = (2.0, 0.5, 0.5) if "Z" in layout.axes else scale
    return LabelStore(tmp_path / "l.ome.zarr", layout, side, version, scale, "µm")


def frames_of(layout):
    rng = np.random.default_rng(0)
    shape = (layout.frame_count, *layout.spatial_shape)
    return rng.integers(0, 1000, shape).astype(np.uint32)


def fill(store, frames):
    store.create(np.uint32)
    for key in range(store.block_count(0)):
        block = store.block_at(key, 0)
        store.write(block.frame, block.core, frames[block.frame][block.core])
    for level in range(1, store.levels):
        for key in range(store.block_count(level)):
            block = store.block_at(key, level)
            finer = store.read(block.frame, store.finer(block.core, level), level - 1)
            store.write(block.frame, block.core, halved(finer), level)


def test_all_levels_hold_what_was_written(store):
    frames = frames_of(store.layout)
    fill(store, frames)
    for level in range(store.levels):
        step = 2**level
        for frame, pixels in enumerate(frames):
            whole = tuple(slice(0, n) for n in pixels[..., ::step, ::step].shape)
            assert (store.read(frame, whole, level) == pixels[..., ::step, ::step]).all()


def test_metadata_come_last_and_are_valid(store):
    fill(store, frames_of(store.layout))
    with pytest.raises((ValueError, FileNotFoundError)):
        read_ome_zarr_labels(store.folder)
    image = [[Frame(np.zeros((4, 4)), "YX", labels=False)]]
    writer = PyramidWriter.of(store.version, None, None)
    writer.write_image(store.folder.parent / "image.zarr", image)
    store.finish("../image.zarr")
    yaozarrs.validate_zarr_store(store.folder)
    found = read_ome_zarr_labels(store.folder)
    assert found.size.scale == store.scale and found.size.units == "µm"
    attributes = dict(zarr.open_group(store.folder, mode="r").attrs)
    label = attributes.get("ome", attributes)["image-label"]
    assert label["source"] == {"image": "../image.zarr"}


def test_axes_are_in_the_order_of_ome_zarr(store):
    assert store.axes == "".join(a for a in "tzyx" if a.upper() in store.layout.axes)
    laid = store.layout.lay(frames_of(store.layout)) if store.layout.frame_axes else None
    if laid is not None:
        order = [store.layout.label_axes.index(a.upper()) for a in store.axes]
        assert store.shape == laid.transpose(order).shape


def test_what_an_earlier_attempt_has_written_stays(store):
    frames = frames_of(store.layout)
    fill(store, frames)
    store.create(np.uint32)
    block = store.block_at(0, 0)
    assert (store.read(block.frame, block.core) == frames[block.frame][block.core]).all()


def test_two_tasks_never_write_to_one_file(store):
    store.create(np.uint32)
    files = lambda: {path for path in store.folder.rglob("*") if path.is_file()}  # noqa: E731
    before = files()
    ones = np.ones((store.layout.frame_count, *store.layout.spatial_shape), np.uint32)
    for key in range(store.block_count(0)):
        times = {path: path.stat().st_mtime_ns for path in files() - before}
        block = store.block_at(key, 0)
        store.write(block.frame, block.core, ones[block.frame][block.core])
        assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_an_embedding_has_its_components_as_channels(tmp_path, version):
    layout, side = CASES["plane"]
    store = LabelStore(tmp_path / "e.ome.zarr", layout, side, version, channels=3)
    store.create(np.float16)
    block = store.block_at(1, 0)
    values = np.random.default_rng(0).normal(size=(3, 128, 128)).astype(np.float16)
    store.write(block.frame, block.core, values)
    assert (store.read(block.frame, block.core) == values).all()
    store.finish()
    yaozarrs.validate_zarr_store(store.folder)
    assert (store.axes, store.levels) == ("cyx", 1)

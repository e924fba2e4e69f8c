"""Images of any size: parts are read, whatever holds them."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_pixel_embedding.batch.data.images import open_image
from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.label_frames import Frame, label_frames

PIXELS = np.random.default_rng(0).integers(0, 60000, (300, 200)).astype(np.uint16)
WAYS = {
    "one piece": {},
    "big-endian": {"byteorder": ">"},
    "tiles": {"tile": (64, 64), "compression": "zlib"},
    "strips": {"rowsperstrip": 7, "compression": "zlib"},
    "BigTIFF": {"bigtiff": True, "tile": (128, 128)},
}


@pytest.fixture
def opened():
    """Open images that are closed when the test ends."""
    images = []

    def open_one(*args):
        images.append(open_image(*args))
        return images[-1]

    yield open_one
    for image in images:
        image.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_part_of_a_tiff_file(tmp_path, opened, way):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, metadata=None, **WAYS[way])
    image = opened(tmp_path / "a.tif")
    assert (image.data.shape, image.axes, image.name) == ((300, 200), "YX", "a")
    assert (image.data[20:40, 7:9] == PIXELS[20:40, 7:9]).all()


def test_axes_and_pixel_size_of_an_ome_tiff(tmp_path, opened):
    stack = np.stack([PIXELS, PIXELS[::-1]] * 3).reshape(3, 2, 300, 200)
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, stack, metadata=metadata, tile=(64, 64), compression="zlib")
    image = opened(path)
    assert (image.axes, image.data.shape) == ("ZCYX", (3, 2, 300, 200))
    assert image.size[:2] == ((2.0, 0.5, 0.5), "µm")
    assert (image.data[1, 0, 5:9, 5:9] == stack[1, 0, 5:9, 5:9]).all()


def test_axes_of_length_one_are_left_out(tmp_path, opened):
    path = tmp_path / "one.ome.tif"
    tifffile.imwrite(path, PIXELS[None, None], metadata={"axes": "TCYX"})
    image = opened(path)
    assert (image.axes, image.data.shape) == ("YX", (300, 200))
    assert (image.data[5:7, 5:7] == PIXELS[5:7, 5:7]).all()


def test_colours_of_a_slide_with_a_pyramid(tmp_path, opened):
    colors = np.stack([PIXELS // 256] * 3, -1).astype(np.uint8)
    path = tmp_path / "slide.svs"
    with tifffile.TiffWriter(path) as file:
        options = {"tile": (64, 64), "photometric": "rgb", "compression": "zlib"}
        file.write(colors, subifds=1, **options)
        file.write(colors[::2, ::2], subfiletype=1, **options)
    assert opened(path).axes == "YXC"
    coarse = opened(path, 1)
    assert coarse.data.shape == (150, 100, 3)
    assert (coarse.data[10:12, 3:5] == colors[::2, ::2][10:12, 3:5]).all()
    with pytest.raises(ValueError, match="level must be from 0 to 1"):
        open_image(path, 2)


def test_inverted_grey_values_are_not_read_part_by_part(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="miniswhite", metadata=None)
    with pytest.raises(ValueError, match="convert it"):
        open_image(tmp_path / "a.tif")


def test_a_file_of_several_positions_is_not_read_part_by_part(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        file.write(PIXELS)
        file.write(PIXELS)
    with pytest.raises(ValueError, match="holds 2 positions"):
        open_image(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_of_ome_zarr(tmp_path, opened, version):
    channels = {"a": [Frame(PIXELS, "YX", labels=False)]}
    path = tmp_path / "b.ome.zarr"
    labels = label_frames(np.zeros(PIXELS.shape, int), "YX")
    write_ome_zarr(path, labels, (0.5, 0.5), "µm", channels=channels, version=version)
    image = opened(path)
    assert (image.axes, image.data.shape, image.name) == ("YX", (300, 200), "b")
    assert image.size[:2] == ((0.5, 0.5), "µm")
    coarse = opened(path, 1)
    assert coarse.data.shape == (150, 100) and coarse.size.scale == (1.0, 1.0)
    assert (coarse.data[3:9, 2:5] == PIXELS[::2, ::2][3:9, 2:5]).all()


def test_arrays_without_names(tmp_path, opened):
    zarr.create_array(tmp_path / "a.zarr", data=PIXELS, chunks=(64, 64))
    np.save(tmp_path / "b.npy", PIXELS)
    for name in ("a.zarr", "b.npy"):
        image = opened(tmp_path / name)
        assert (image.data[4:6, 4:6] == PIXELS[4:6, 4:6]).all()


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.tif", b"II*\0junk"), ("a.npy", b"\x93NUMPYjunk"), ("a.png", b"junk"), ("a.svs", b"")],
)
def test_damaged_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ValueError, OSError), match=name):
        open_image(tmp_path / name)


def test_damaged_zarr_is_named(tmp_path):
    path = tmp_path / "a.zarr"
    path.mkdir()
    (path / "zarr.json").write_text("{")
    with pytest.raises((ValueError, OSError), match=r"a\.zarr"):
        open_image(path)

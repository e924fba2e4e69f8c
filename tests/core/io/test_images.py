"""Files of every kind in and out, with axes and pixel size; damaged ones are refused in words."""

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_pixel_embedding.core.io.files import list_images, passed_over
from napari_pixel_embedding.core.io.images import read_image, read_labels, write_labels

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4)


@given(
    hnp.arrays(np.uint32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 2**20))
)
def test_labels_come_back(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("labels") / "Zellen-µ-細胞.tif"
    write_labels(path, labels, scale=(0.25, 0.5), units="micrometer")
    back = read_labels(path)
    np.testing.assert_array_equal(back.data, labels)
    assert back.data.dtype == (np.uint16 if labels.max() < 2**16 else np.uint32)
    assert (back.axes, back.scale, back.units) == ("YX", (0.25, 0.5), "µm")
    assert back.name == "Zellen-µ-細胞"


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TZYX"])
def test_stacks_keep_their_axes_and_scale(tmp_path, axes):
    labels = np.arange(2 ** len(axes) * 3).reshape(*[2] * (len(axes) - 1), 6)
    scale = (2.0, 0.5, 0.25)[-len(axes.replace("T", "")) :]
    write_labels(tmp_path / "labels.tif", labels, axes=axes, scale=scale)
    back = read_labels(tmp_path / "labels.tif")
    np.testing.assert_array_equal(back.data, labels)
    assert (back.axes, back.scale, back.units) == (axes, scale, None)


def test_three_planes_four_pixels_wide_are_no_colours(tmp_path):
    labels = np.arange(24).reshape(3, 2, 4)
    write_labels(tmp_path / "labels.tif", labels, axes="ZYX")
    assert read_labels(tmp_path / "labels.tif").axes == "ZYX"


def test_the_same_labels_give_the_same_bytes_in_a_compressed_file(tmp_path):
    labels = np.zeros((256, 256), bool)
    for name in ("a", "b"):
        write_labels(tmp_path / f"{name}.tif", labels, scale=(1, 1), units="nm")
    first, second = (tmp_path / f"{n}.tif" for n in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 10_000


def test_a_failed_write_keeps_the_earlier_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    write_labels(path, RAMP)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="compress"):
        monkeypatch.setattr(tifffile, "imwrite", fail_after_some_bytes)
        write_labels(path, RAMP + 1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def fail_after_some_bytes(file, *_, **__):
    file.write(b"II")
    raise ValueError("cannot compress")


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target.tif", tmp_path / "link.tif"
    write_labels(target, RAMP)
    link.symlink_to(target)
    write_labels(link, RAMP + 1)
    assert link.is_symlink()
    np.testing.assert_array_equal(read_labels(target).data, RAMP + 1)


@pytest.mark.parametrize(
    ("name", "labels", "kwargs", "message"),
    [
        ("a.png", RAMP, {}, "End it in .tif"),
        ("a.tif", RAMP[None], {}, "ZYX, TYX .* found None"),
        ("a.tif", RAMP, {"axes": "ZYX"}, "found 'ZYX'"),
        (
            "a.tif",
            RAMP,
            {"scale": (1.0,)},
            r"positive size for each of the axes YX, found \(1.0,\)",
        ),
        ("a.tif", RAMP, {"scale": (1.0, np.nan)}, "positive size"),
        ("a.tif", RAMP, {"scale": (1.0, 1.0), "units": "parsec"}, "found 'parsec'"),
        ("a.tif", RAMP.astype(np.int64) << 32, {}, "Renumber"),
        ("a.tif", RAMP - 0.5, {}, "whole numbers"),
    ],
)
def test_labels_that_cannot_be_written_are_refused_in_words(
    tmp_path, name, labels, kwargs, message
):
    with pytest.raises(ValueError, match=message):
        write_labels(tmp_path / name, labels, **kwargs)
    assert not list(tmp_path.iterdir())


def test_ome_sizes_in_other_units_are_brought_to_one(tmp_path):
    metadata = {"axes": "CZYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    metadata |= {"PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}
    metadata |= {"PhysicalSizeZ": 0.002, "PhysicalSizeZUnit": "mm"}
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.zeros((2, 3, 4, 5), np.uint16),
        photometric="minisblack",
        metadata=metadata,
    )
    image = read_image(tmp_path / "a.ome.tif")
    assert (image.axes, image.units, image.name) == ("CZYX", "µm", "a")
    np.testing.assert_allclose(image.scale, (2.0, 0.5, 0.5))


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_imagej_stacks_tell_axes_and_scale(tmp_path, unit):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((5, 4, 3), np.float32),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 3.0, "unit": unit},
    )
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.scale, image.units) == ("ZYX", (3.0, 0.5, 0.25), "µm")


def test_imagej_colours_over_time(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((2, 4, 5, 3), np.uint8), imagej=True, metadata={"axes": "TYXS"}
    )
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.scale) == ("TYXC", None)


def test_a_plain_tiff_stack_does_not_pretend_to_know_its_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 4, 5), ">u2"), resolution=(72, 72))
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.scale, image.units) == (None, None, None)
    assert image.data.dtype == np.dtype("uint16")
    assert image.data.dtype.isnative


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "npy", "PNG"])
def test_grey_pictures(tmp_path, ending):
    path = tmp_path / f"bild-ü.{ending}"
    np.save(path, RAMP) if ending == "npy" else iio.imwrite(path, RAMP)
    image = read_image(path)
    np.testing.assert_array_equal(image.data, RAMP)
    assert (image.axes, image.name) == ("YX", "bild-ü")
    np.testing.assert_array_equal(read_labels(path).data, RAMP)


def test_16_bit_png(tmp_path):
    iio.imwrite(tmp_path / "a.png", RAMP.astype(np.uint16) * 5000)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").data, RAMP.astype(int) * 5000)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4), ("CMYK", 3), ("P", 3)])
def test_colour_pictures_have_their_channels_last(tmp_path, mode, channels):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (4, 3), (10, 200, 30)).convert(mode).save(path)
    image = read_image(path)
    assert image.axes == "YXC"
    assert image.data.shape == (3, 4, channels)


def test_grey_with_alpha_is_grey(tmp_path):
    Image.new("LA", (4, 3), (9, 255)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").data.tolist() == [[9] * 4] * 3


def test_an_indexed_png_gives_its_ids(tmp_path):
    indexed = Image.new("P", (4, 3))
    indexed.putdata(RAMP.tobytes())
    indexed.putpalette([(37 * i) % 256 for i in range(768)])
    indexed.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").data, RAMP)


def test_ids_stored_as_grey_colours_are_read_and_coloured_ones_refused(tmp_path):
    iio.imwrite(tmp_path / "grey.png", np.repeat(RAMP[..., None], 3, axis=2))
    labels = read_labels(tmp_path / "grey.png")
    np.testing.assert_array_equal(labels.data, RAMP)
    assert labels.axes == "YX"
    iio.imwrite(tmp_path / "colours.png", np.stack([RAMP, RAMP, RAMP + 1], axis=2))
    with pytest.raises(ValueError, match="one id for each pixel"):
        read_labels(tmp_path / "colours.png")


def test_jpeg_labels_are_refused(tmp_path):
    with pytest.raises(ValueError, match="exact values"):
        read_labels(tmp_path / "a.jpg")


@pytest.mark.parametrize("ending", ["tif", "png", "jpg", "bmp", "npy"])
@pytest.mark.parametrize(
    "content", [b"", b"this is no image", b"II*\0\xff\xff\xff\xff", b"\x89PNG\r\n"]
)
def test_damaged_files_are_refused_in_words(tmp_path, ending, content):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"a.{ending} could not be read as {ending.upper()}"):
        read_image(path)


@pytest.mark.parametrize("ending", ["tif", "png", "npy"])
def test_half_a_file_is_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    np.save(path, pixels) if ending == "npy" else iio.imwrite(path, pixels)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ValueError, match="damaged"):
        read_image(path)


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_image(tmp_path / "a.npy")


def test_missing_and_unknown_files_are_refused_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_image(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="found the folder"):
        read_image(tmp_path)
    (tmp_path / "a.pth").touch()
    with pytest.raises(ValueError, match=r"found 'a\.pth'"):
        read_image(tmp_path / "a.pth")


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_images_of_folders_and_files_are_listed(tmp_path):
    make(tmp_path, "b.tif", "a.PNG", "c.txt", "sub/d.tif")
    assert [p.name for p in list_images(tmp_path)] == ["a.PNG", "b.tif"]
    several = list_images([tmp_path / "sub", str(tmp_path / "b.tif")])
    assert [p.name for p in several] == ["d.tif", "b.tif"]
    with pytest.raises(ValueError, match="at least one"):
        list_images([])
    with pytest.raises(FileNotFoundError, match="no file"):
        list_images(tmp_path / "nowhere")


def test_what_a_folder_holds_besides_images_is_said(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.czi", "b.nd2", "c.tif", ".hidden.czi"):
        (tmp_path / name).touch()
    one, two = passed_over(tmp_path)
    assert "subfolders deep (--recursive)" in one
    assert ".hidden.czi" not in one + two
    assert "a.czi, b.nd2" in two and "export them as OME-TIFF" in two
    assert passed_over(tmp_path / "c.tif") == []
    assert not any("subfolders" in note for note in passed_over(tmp_path, recursive=True))

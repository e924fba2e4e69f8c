"""TIFF files of every compression and dialect: right numbers, axes and size, or one sentence."""

import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pixel_embedding.core.io.images import read_image, read_images, read_labels
from tests.core.io.tiff_files import (
    DEEP,
    GREY,
    ome_xml,
    set_tag,
    write,
    write_described,
    write_ome,
    write_pages,
)


@pytest.mark.parametrize(
    "codec", ["lzw", "zstd", "lzma", "packbits", "zlib", "png", "jpeg2000", "jpegxl"]
)
def test_compressions_without_loss(tmp_path, codec):
    path = write(tmp_path / "a.tif", GREY, compression=codec)
    np.testing.assert_array_equal(read_image(path).data, GREY)
    np.testing.assert_array_equal(read_labels(path).data, GREY)


def test_jpeg_is_close(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8)
    data = read_image(write(tmp_path / "a.tif", smooth, compression="jpeg")).data
    np.testing.assert_allclose(data.astype(int), smooth, atol=3)


def test_lzw_with_a_predictor_in_big_endian(tmp_path):
    path = write(tmp_path / "a.tif", DEEP, compression="lzw", predictor=True, byteorder=">")
    np.testing.assert_array_equal(read_image(path).data, DEEP)


@pytest.mark.parametrize("codec", ["group3", "group4", "tiff_lzw", "packbits"])
def test_bits_of_another_writer(tmp_path, codec):
    Image.fromarray(GREY > 100).save(tmp_path / "a.tif", compression=codec)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, GREY > 100)


def test_a_missing_codec_is_told_from_damage(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", GREY, compression="lzw")
    monkeypatch.setattr(tifffile.TIFF.DECOMPRESSORS, "_codecs", {})
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    fallback = __import__("tifffile._imagecodecs", fromlist=["_"])
    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", fallback)
    with pytest.raises(ValueError, match=r"a\.tif is compressed with LZW, .* not damaged"):
        read_image(path)


@pytest.mark.parametrize("number", [65_001, 65_002, 60_000])
def test_an_unknown_compression_is_no_damage(tmp_path, number):
    path = set_tag(write(tmp_path / "a.tif", GREY, compression="zlib"), 259, number)
    with pytest.raises(ValueError, match=r"a\.tif is compressed with \w+, .* not damaged"):
        read_image(path)


def test_strips_of_any_height(tmp_path):
    path = set_tag(write(tmp_path / "a.tif", GREY, rowsperstrip=20), 278, 2**32 - 1)
    np.testing.assert_array_equal(read_image(path).data, GREY)
    path = write(tmp_path / "b.tif", GREY, tile=(128, 128), compression="lzw")
    np.testing.assert_array_equal(read_image(path).data, GREY)


def without_closing_tag(xml):
    return xml.replace("<Pixels ", "<Pixels< ", 1)


def test_malformed_ome_xml_costs_no_pixels(tmp_path):
    image = read_image(write_ome(tmp_path / "a.ome.tif", without_closing_tag))
    np.testing.assert_array_equal(image.data, [DEEP, DEEP + 1, DEEP + 2])
    assert (image.axes, image.scale) == (None, None)
    assert "OME-XML cannot be used" in image.notes[0]
    assert len(image.notes) == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda xml: xml.replace('SizeZ="3"', 'SizeZ="x"'),
        lambda xml: xml.replace('SizeZ="3"', 'SizeZ="99999999999"'),
        lambda xml: xml.replace('SizeZ="3"', 'SizeZ="0"'),
        lambda xml: xml.replace('SizeZ="3"', ""),
        lambda xml: xml.replace("SamplesPerPixel", "Other").replace(
            "</Pixels>", '<Channel SamplesPerPixel="3"/></Pixels>'
        ),
        lambda xml: (
            '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaa">'
            + "".join(f'<!ENTITY {b} "{f"&{a};" * 30}">' for a, b in ("ab", "bc", "cd", "de", "ef"))
            + "]><OME>&f;</OME>"
        ),
    ],
)
def test_ome_xml_that_makes_no_sense_costs_no_pixels(tmp_path, edit):
    image = read_image(write_ome(tmp_path / "a.ome.tif", edit))
    np.testing.assert_array_equal(image.data, [DEEP, DEEP + 1, DEEP + 2])
    assert "cannot be used" in image.notes[0]


def test_more_planes_than_a_file_can_hold_are_not_believed(tmp_path):
    def edit(xml):
        return xml.replace('SizeZ="3"', 'SizeZ="3000000"')

    image = read_image(write_ome(tmp_path / "a.ome.tif", edit))
    assert image.data.shape == (3, *DEEP.shape)
    assert "it claims 1 × 1 × 3000000 planes" in image.notes[0]


def test_bad_metadata_of_tifffile_costs_no_pixels(tmp_path):
    stack = np.stack([GREY, GREY + 1])
    path = write(tmp_path / "a.tif", stack, metadata={"axes": "ZYX"}, compression="zlib")
    path.write_bytes(path.read_bytes().replace(b'"ZYX"', b"17   "))
    image = read_image(path)
    np.testing.assert_array_equal(image.data, stack)
    assert len(image.notes) == 1


def test_metadata_in_a_companion_file_is_said_to_be_missing(tmp_path):
    xml = '<OME xmlns="x"><BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:1"/></OME>'
    image = read_image(write_described(tmp_path / "a.ome.tif", DEEP, xml))
    np.testing.assert_array_equal(image.data, DEEP)
    assert "in another file" in image.notes[0]


@pytest.mark.parametrize("axes", ["ZTCYX", "CTZYX", "TZCYX", "ztcyx"])
def test_axes_in_any_order_and_case(tmp_path, axes):
    data = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)
    image = read_image(write(tmp_path / "a.tif", data, metadata={"axes": axes}))
    assert (image.axes, image.notes) == (axes.upper(), ())
    np.testing.assert_array_equal(image.data, data)


def test_a_size_follows_its_axis_when_axes_are_brought_into_order(tmp_path):
    xml = ome_xml('<TiffData IFD="0" PlaneCount="1"/>', 1).replace('SizeX="0.5"', 'SizeX="0.25"')
    image = read_image(write_described(tmp_path / "a.ome.tif", DEEP, xml))
    assert (image.axes, image.scale) == ("YX", (0.5, 0.25))


def test_a_single_plane_loses_its_axis_of_length_one(tmp_path):
    np.save(tmp_path / "a.npy", GREY[None])
    for path in (tmp_path / "a.npy", write(tmp_path / "a.tif", GREY[None])):
        image = read_image(path)
        assert (image.axes, image.data.shape) == ("YX", GREY.shape)
        assert read_labels(path).data.shape == GREY.shape


def test_equal_images_are_positions(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as file:
        for i in range(3):
            file.write(DEEP + i, photometric="minisblack", metadata={"axes": "YX"})
    images = read_images(path)
    assert [image.name for image in images] == [f"a position {i}" for i in (1, 2, 3)]
    for i, image in enumerate(images):
        np.testing.assert_array_equal(image.data, DEEP + i)
        np.testing.assert_array_equal(read_image(path, i).data, DEEP + i)
        assert image.notes == ()
    first = read_image(path)
    np.testing.assert_array_equal(first.data, DEEP)
    assert first.name == "a"
    assert first.notes == ("The file holds 3 positions: position 1 was read, the others were not.",)
    with pytest.raises(ValueError, match=r"from 0 to 2 .*a\.ome\.tif, found 3"):
        read_image(path, 3)


@pytest.mark.parametrize("letter", "RPM")
def test_places_along_an_axis_are_positions(tmp_path, letter):
    data = np.arange(2 * 3 * 5 * 6, dtype=np.uint16).reshape(3, 2, 5, 6)
    path = write(tmp_path / "a.tif", data, metadata={"axes": f"T{letter}YX"})
    images = read_images(path)
    assert [image.axes for image in images] == ["TYX", "TYX"]
    np.testing.assert_array_equal(images[1].data, data[:, 1])
    assert "2 positions" in read_image(path).notes[0]


def test_a_single_image_has_the_plain_name(tmp_path):
    assert [image.name for image in read_images(write(tmp_path / "a.tif", GREY))] == ["a"]


def test_wrong_remarks_of_the_reader_are_kept_back(tmp_path, caplog):
    read_image(write_pages(tmp_path / "b.tif", GREY))
    path = write_described(
        tmp_path / "a.ome.tif", DEEP, ome_xml('<TiffData IFD="0" PlaneCount="2"/>', 2)
    )
    read_image(path)
    assert not caplog.records


def test_imagej_positions_and_labels_share_the_rules(tmp_path):
    labels = np.stack([GREY, GREY]).astype(np.uint16)
    path = write(tmp_path / "a.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    assert read_labels(path).axes == "ZYX"


def test_planar_colours_are_no_labels_but_stacks_of_tifffile_are(tmp_path):
    planes = np.stack([GREY, GREY // 2, GREY // 3])
    colours = {"photometric": "rgb", "planarconfig": "separate"}
    stack = write(tmp_path / "stack.tif", planes, **colours)
    np.testing.assert_array_equal(read_labels(stack).data, planes)
    with pytest.raises(ValueError, match=r"colours .*picture\.tif"):
        read_labels(write(tmp_path / "picture.tif", planes, metadata=None, **colours))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0, 2**32 - 1]], np.uint32), r"a\.tif must have ids up to .* 4294967295"),
        (np.array([[0, 0.5]], np.float32), r"a\.tif must .* whole numbers, found 0\.5"),
        (np.array([[0, np.nan]], np.float32), r"a\.tif must .* whole numbers, found nan"),
        (np.array([[0, -1]], np.int16), r"a\.tif must .* found the id -1"),
    ],
)
def test_numbers_that_are_no_ids_are_refused_with_the_files_name(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        read_labels(write(tmp_path / "a.tif", values))


def test_labels_keep_the_remarks(tmp_path):
    path = write_pages(tmp_path / "a.tif", GREY[::2, ::2].copy(), GREY)
    assert "passed over: 10 × 15" in read_labels(path).notes[0]


def test_planes_that_the_file_cannot_hold_are_refused(tmp_path):
    stack = np.zeros((3, 20, 30), np.uint8)
    path = write(tmp_path / "a.tif", stack, metadata={"pad": "x" * 8})
    content = path.read_bytes()
    longer = content.replace(b"[3, 20, 30]", b"[300000000, 20, 30]").replace(b"x" * 8, b"")
    assert len(longer) == len(content)
    path.write_bytes(longer)
    with pytest.raises(ValueError, match=r"a\.tif claims an image of 300000000 × 20 × 30"):
        read_image(path)

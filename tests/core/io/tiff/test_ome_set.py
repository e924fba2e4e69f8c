"""OME sets of several files: read once, from their own folder only, what is missing is named."""

import numpy as np
import pytest

from napari_pixel_embedding.core.io.images import read_image, read_images
from napari_pixel_embedding.core.io.tiff.ome_set import one_per_set, set_members
from tests.core.io.tiff_files import (
    DEEP,
    GREY,
    make_pipe,
    ome_xml,
    plane,
    write,
    write_described,
    write_set,
)

NAMES = ["a.ome.tif", "b.ome.tif", "c.ome.tif"]


def test_a_set_is_read_whole_from_any_of_its_files(tmp_path):
    write_set(tmp_path, NAMES)
    for name in NAMES:
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.data, [DEEP, DEEP + 1, DEEP + 2])
        assert (image.axes, image.scale, image.notes) == ("TYX", (0.5, 0.5), ())


def test_a_set_is_done_once(tmp_path):
    write_set(tmp_path, NAMES)
    other = write(tmp_path / "d.tif", GREY)
    assert set_members(tmp_path / "a.ome.tif") == (tmp_path / "b.ome.tif", tmp_path / "c.ome.tif")
    assert set_members(other) == ()
    first, *others = (tmp_path / name for name in NAMES)
    assert one_per_set([first, *others, other]) == {first: tuple(others), other: ()}
    assert one_per_set([others[1], first]) == {others[1]: (first,)}


def test_a_copy_that_keeps_the_names_of_a_set_is_no_part_of_it(tmp_path):
    write_set(tmp_path, NAMES)
    copy = tmp_path / "copy.ome.tif"
    copy.write_bytes((tmp_path / "b.ome.tif").read_bytes())
    stranger = write(tmp_path / "c.ome.tif", GREY)  # took the place of a member
    paths = [tmp_path / "a.ome.tif", tmp_path / "b.ome.tif", stranger, copy]
    assert list(one_per_set(paths)) == [tmp_path / "a.ome.tif", stranger, copy]


def test_files_whose_metadata_is_in_another_of_the_set_are_done_with_it(tmp_path):
    first = write_set(tmp_path, NAMES[:2], NAMES[:1])
    xml = f'<OME xmlns="x"><BinaryOnly MetadataFile="{first.name}" UUID="urn:uuid:0"/></OME>'
    other = write_described(tmp_path / "b.ome.tif", DEEP + 1, xml)
    assert one_per_set([first, other]) == {first: (other,)}
    np.testing.assert_array_equal(read_image(first).data, [DEEP, DEEP + 1])


def test_the_same_file_under_two_names_is_done_twice(tmp_path):
    path = write_set(tmp_path, NAMES)
    (tmp_path / "link.tif").symlink_to(path)
    assert len(one_per_set([path, tmp_path / "link.tif"])) == 2


def test_files_that_cannot_be_read_are_in_no_set(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no image")
    make_pipe(tmp_path / "b.tif")
    paths = [tmp_path / name for name in ("a.tif", "b.tif", "c.tif", "d.png")]
    assert list(one_per_set(paths)) == paths


def test_missing_members_are_named_and_give_no_empty_frames(tmp_path):
    image = read_image(write_set(tmp_path, NAMES, ["a.ome.tif", "c.ome.tif"]))
    np.testing.assert_array_equal(image.data, [DEEP, DEEP + 2])
    assert "missing: b.ome.tif." in image.notes[0]
    assert "only the 2 of 3 along T" in image.notes[1]


def test_no_complete_frame_is_an_error_that_names_the_missing(tmp_path):
    planes = plane(0, "a.ome.tif", "0") + plane(1, "b.ome.tif", "1").replace("FirstT", "FirstC")
    planes += plane(1, "c.ome.tif", "2").replace('FirstT="1"', 'FirstT="1" FirstC="0"')
    xml = ome_xml("<Channel/><Channel/>" + planes, 2).replace('SizeC="1"', 'SizeC="2"')
    path = write_described(tmp_path / "a.ome.tif", DEEP, xml)
    with pytest.raises(ValueError, match=r"lacks 3 of 4 planes.* b\.ome\.tif, c\.ome\.tif"):
        read_image(path)


@pytest.mark.parametrize(
    "secret", ["../secret.tif", "sub/../../secret.tif", "/etc/passwd", "..\\s"]
)
def test_nothing_outside_the_folder_is_opened(tmp_path, monkeypatch, secret):
    folder = tmp_path / "data"
    folder.mkdir()
    write(tmp_path / "secret.tif", DEEP + 1)
    xml = ome_xml(plane(0, "a.ome.tif", "0") + plane(1, secret, "1"), 2)
    path = write_described(folder / "a.ome.tif", DEEP, xml)
    opened = watch_opened_files(monkeypatch)
    image = read_image(path)
    assert opened - {"/proc/meminfo"} == {str(path)}
    np.testing.assert_array_equal(image.data, DEEP)
    assert f"not opened: {secret}." in image.notes[0]


def watch_opened_files(monkeypatch):
    import builtins

    opened = set()
    real = builtins.open

    def watched(file, *args, **kwargs):
        opened.add(str(file))
        return real(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", watched)
    return opened


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_member_that_is_no_regular_file_of_the_folder_is_not_opened(tmp_path, kind):
    folder = tmp_path / "data"
    folder.mkdir()
    path = write_set(folder, NAMES[:2])
    member = folder / "b.ome.tif"
    member.rename(tmp_path / "outside.tif")
    if kind == "link":
        member.symlink_to(tmp_path / "outside.tif")
    elif kind == "pipe":
        make_pipe(member)
    else:
        member.mkdir()
    image = read_image(path)
    np.testing.assert_array_equal(image.data, DEEP)
    assert "not opened: b.ome.tif." in image.notes[0]
    assert set_members(path) == ()


def test_a_renamed_file_is_read(tmp_path):
    xml = ome_xml(plane(0, "old.ome.tif", "0"), 1).replace(' UUID="urn:uuid:0"', "")
    image = read_image(write_described(tmp_path / "new.ome.tif", DEEP, xml))
    np.testing.assert_array_equal(image.data, DEEP)
    assert (image.scale, image.notes) == ((0.5, 0.5), ())


def test_positions_in_several_files(tmp_path):
    xml = ome_xml(plane(0, "a.ome.tif", "0"), 1)
    start, end = xml.index("<Image"), xml.index("</OME>")
    second = xml[start:end].replace("Image:0", "Image:1").replace("a.ome.tif", "b.ome.tif")
    xml = xml[:end] + second.replace("urn:uuid:0", "urn:uuid:1") + xml[end:]
    write_described(tmp_path / "a.ome.tif", DEEP, xml)
    own = xml.replace('UUID="urn:uuid:0"', 'UUID="urn:uuid:1"')
    path = write_described(tmp_path / "b.ome.tif", DEEP + 1, own)
    both = read_images(path)
    assert [image.name for image in both] == ["b position 1", "b position 2"]
    np.testing.assert_array_equal([image.data for image in both], [DEEP, DEEP + 1])
    image = read_image(path)
    np.testing.assert_array_equal(image.data, DEEP + 1)
    assert "position 2 was read" in image.notes[0]

"""Files whose list of pages has no end are refused; no others are."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding import read_image
from napari_pixel_embedding.core.io.failures import UnreadableFileError
from napari_pixel_embedding.core.io.tiff.ome_set import set_members
from napari_pixel_embedding.core.io.tiff.page_list import check_page_list
from napari_pixel_embedding.core.recipe.recipe_file import load_segmentation_recipe
from tests.core.io.tiff_files import GREY, write_set

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def _stack(path: Path, pages: int, **options: object) -> Path:
    with tifffile.TiffWriter(path, **options) as file:
        for number in range(pages):
            file.write(PIXELS + number % 200, contiguous=False, metadata=None)
    return path


def _let_the_last_name(path: Path, which: int) -> None:
    """Overwrite the end of the list with the place of a page."""
    with tifffile.TiffFile(path) as file:
        pages = [(page.offset, len(page.tags)) for page in file.pages]
        tiff = file.tiff
    (last, tags), target = pages[-1], pages[which][0]
    data = bytearray(path.read_bytes())
    at = last + tiff.tagnosize + tags * tiff.tagsize
    data[at : at + tiff.offsetsize] = struct.pack(tiff.offsetformat, target)
    path.write_bytes(data)


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize("pages, which", [(1, 0), (3, 1), (150, 0), (150, 149)])
def test_a_list_that_goes_in_a_circle_is_refused(tmp_path, options, pages, which) -> None:
    path = _stack(tmp_path / "a.tif", pages, **options)
    _let_the_last_name(path, which)
    with pytest.raises(UnreadableFileError, match="no end"):
        read_image(path)


def test_overlapping_directories_are_refused(tmp_path: Path) -> None:
    """A directory begins every six bytes, and each is 1,206 bytes long."""
    tags, pages = 100, 2000
    places = [0] * (2 * tags) + [8 + 6 * (number + 1) for number in range(pages)]
    records = b"".join(struct.pack("<HI", tags, place) for place in places)
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + records)
    with pytest.raises(UnreadableFileError, match="no end"):
        check_page_list(path)


def test_a_member_of_a_set_may_not_go_in_a_circle(tmp_path: Path) -> None:
    first = write_set(tmp_path, ["a.ome.tif", "b.ome.tif"])
    _let_the_last_name(tmp_path / "b.ome.tif", 0)
    with pytest.raises(UnreadableFileError, match="no end"):
        read_image(first)


def test_what_only_looks_at_the_first_page_does_not_follow_the_list(tmp_path: Path) -> None:
    path = _stack(tmp_path / "a.tif", 150)
    _let_the_last_name(path, 149)
    assert set_members(path) == ()
    with pytest.raises(ValueError):
        load_segmentation_recipe(path)


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize("pages", [1, 2, 300])
def test_whole_files_pass(tmp_path: Path, options: dict, pages: int) -> None:
    path = _stack(tmp_path / "a.tif", pages, **options)
    check_page_list(path)
    assert read_image(path).data.shape == ((pages, 3, 4) if pages > 1 else (3, 4))


@pytest.mark.parametrize("end", [3, 7, 9, 40])
def test_other_damage_is_left_to_the_reader(tmp_path: Path, end: int) -> None:
    path = _stack(tmp_path / "a.tif", 2)
    path.write_bytes(path.read_bytes()[:end])
    check_page_list(path)


def test_other_files_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(GREY.tobytes())
    check_page_list(path)

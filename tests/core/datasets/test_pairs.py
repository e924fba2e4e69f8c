"""Image files are paired with their masks by name."""

import unicodedata

import pytest

from napari_pixel_embedding.core.datasets.pairs import Pair, find_pairs


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_pairs_are_found_by_name(tmp_path):
    make(tmp_path, "images/b.png", "images/a.ome.tif", "masks/a.tif", "masks/b.npy")
    make(tmp_path, "images/.hidden.tif", "images/notes.txt", "masks/.DS_Store")
    images, masks = tmp_path / "images", tmp_path / "masks"
    assert find_pairs(tmp_path) == [
        Pair(images / "a.ome.tif", masks / "a.tif"),
        Pair(images / "b.png", masks / "b.npy"),
    ]


def test_accents_match_however_the_system_spells_them(tmp_path):
    make(tmp_path, f"images/{unicodedata.normalize('NFD', 'é')}.tif", "masks/é.tif")
    assert len(find_pairs(str(tmp_path))) == 1


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["a/images/x.tif"], FileNotFoundError, "Choose one of its folders that have both: a"),
        (["images/x.tif"], FileNotFoundError, "found no 'masks'. Put the images"),
        (["images/x.tif", "masks/x.txt"], ValueError, "found none ending in"),
        (["images/x.tif", "images/y.tif", "masks/x.tif"], ValueError, "a mask in .* y.tif"),
        (["images/x.tif", "masks/x.tif", "masks/y.tif"], ValueError, "an image in .* y.tif"),
        (["images/x.tif", "images/x.png", "masks/x.tif"], ValueError, "several named x"),
    ],
)
def test_incomplete_folders_are_refused_in_words(tmp_path, names, error, message):
    make(tmp_path, *names)
    with pytest.raises(error, match=message):
        find_pairs(tmp_path)


def test_many_missing_masks_are_summed_up(tmp_path):
    make(tmp_path, "masks/z.tif", *[f"images/{i}.tif" for i in range(9)])
    with pytest.raises(ValueError, match=r"0.tif, 1.tif, 2.tif, 3.tif, 4.tif and 4 more"):
        find_pairs(tmp_path)

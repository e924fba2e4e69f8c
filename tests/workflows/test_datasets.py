"""Folders that are drawn or imported are what training and scoring take."""

from __future__ import annotations

import csv

import imageio.v3 as iio
import numpy as np
import pytest

from napari_pixel_embedding.core.datasets.pairs import find_pairs, names_where
from napari_pixel_embedding.core.datasets.synthetic import KINDS, SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.workflows.datasets import count_splits, import_cvppp, synthesise_folder
from napari_pixel_embedding.workflows.evaluate import evaluate_folder


@pytest.mark.parametrize(
    ("shape", "color", "axes"),
    [((40, 50), False, "YX"), ((40, 50), True, "YXC"), ((12, 40, 50), False, "ZYX")],
)
def test_drawn_folder_holds_what_was_drawn(tmp_path, shape, color, axes):
    config = SyntheticConfig(diameter=12, color=color)
    written = list(synthesise_folder(tmp_path, "bacteria", 2, shape, seed=3, config=config))
    assert written == find_pairs(tmp_path)
    for seed, pair in enumerate(written, start=3):
        drawn = synthetic_image("bacteria", shape, seed=seed, config=config)
        image, labels = read_image(pair.image), read_labels(pair.mask)
        assert (image.axes, labels.axes) == (axes, axes.removesuffix("C"))
        np.testing.assert_array_equal(image.data, drawn.image)
        np.testing.assert_array_equal(labels.data, drawn.labels)


def test_kinds_can_be_mixed_but_nothing_is_overwritten(tmp_path):
    for kind in KINDS:
        list(synthesise_folder(tmp_path, kind, 1, (32, 32)))
    assert len(find_pairs(tmp_path)) == len(KINDS)
    before = find_pairs(tmp_path)[0].image.read_bytes()
    with pytest.raises(ValueError, match=r"no bacteria-24px-0000\.tif in .*images"):
        list(synthesise_folder(tmp_path, "bacteria", 1, (64, 64)))
    assert find_pairs(tmp_path)[0].image.read_bytes() == before


def test_a_count_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="count must be 1 or more, found 0"):
        list(synthesise_folder(tmp_path, "bacteria", 0))


@pytest.fixture
def challenge(tmp_path):
    """A folder as the challenge's download is after unpacking: two subsets, ten plants each."""
    root = tmp_path / "CVPPP2017_LSC_training" / "training"
    for subset, size in (("A1", 48), ("A3", 64)):
        (root / subset).mkdir(parents=True)
        for number in range(10):
            config = SyntheticConfig(diameter=14, color=True)
            image, labels = synthetic_image("rosette", (size, size), seed=number, config=config)
            stem = root / subset / f"plant{number // 2:03}_day{number % 2}"
            iio.imwrite(f"{stem}_rgb.png", image)
            iio.imwrite(f"{stem}_label.png", labels.astype(np.uint8))
            iio.imwrite(f"{stem}_fg.png", (labels > 0).astype(np.uint8) * 255)
            iio.imwrite(f"{stem}_centers.png", np.zeros(labels.shape, np.uint8))
    return root.parent


def read_table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_challenge_is_imported_whole_and_plants_stay_on_one_side(challenge, tmp_path):
    output = tmp_path / "leaves"
    imported = list(import_cvppp(challenge, output, group=r"(.+)_day", seed=2))
    rows = read_table(output / "index.csv")
    assert len(rows) == 20
    assert list(rows[0]) == ["name", "type", "group", "split"]
    assert len({(row["group"], row["split"]) for row in rows}) == 10
    for split, count in (("train", 16), ("dev", 4)):
        pairs = find_pairs(output / split)
        assert {pair.image.stem for pair in pairs} == {
            row["name"] for row in rows if row["split"] == split
        }
        assert len(pairs) == count
    assert count_splits(imported) == {
        ("A1", "dev"): 2,
        ("A1", "train"): 8,
        ("A3", "dev"): 2,
        ("A3", "train"): 8,
    }


def test_imported_pixels_are_those_of_the_files(challenge, tmp_path):
    for done in import_cvppp(challenge / "training" / "A1", tmp_path / "out"):
        stem = challenge / "training" / "A1" / done.name.removeprefix("A1-")
        image, labels = read_image(done.files.image), read_labels(done.files.mask)
        assert (image.axes, labels.axes) == ("YXC", "YX")
        np.testing.assert_array_equal(image.data, iio.imread(f"{stem}_rgb.png"))
        np.testing.assert_array_equal(labels.data, iio.imread(f"{stem}_label.png"))


def test_imported_leaves_are_scored_as_in_the_challenge(challenge, tmp_path):
    output = tmp_path / "leaves"
    list(import_cvppp(challenge, output))
    names = names_where(output / "index.csv", {"type": "A3", "split": "dev"})
    scores = evaluate_folder(output / "dev", names=names, device="cpu")
    assert scores.images == len(names) == 2
    assert 0 <= scores.sbd <= 1
    assert scores.dic >= 0


def test_second_import_into_a_folder_is_refused(challenge, tmp_path):
    list(import_cvppp(challenge, tmp_path / "out"))
    with pytest.raises(ValueError, match="Choose another folder"):
        list(import_cvppp(challenge, tmp_path / "out"))

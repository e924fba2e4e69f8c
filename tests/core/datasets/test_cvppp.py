"""Leaf images of the challenge: found, read whatever the file stores, and split by group."""

from __future__ import annotations

from collections import Counter

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_pixel_embedding.core.datasets.cvppp import (
    LeafImage,
    find_leaf_images,
    group_names,
    read_leaf_image,
    split_groups,
)
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image


@pytest.fixture
def plant(tmp_path):
    """Write one drawn plant; say how its files are coded."""
    config = SyntheticConfig(diameter=20, color=True)
    image, labels = synthetic_image("rosette", (64, 72), seed=0, config=config)

    def make(coding="indexed", alpha=True, name="plant001"):
        opaque = np.full((*labels.shape, 1), 255, np.uint8)
        iio.imwrite(tmp_path / f"{name}_rgb.png", np.dstack([image, opaque]) if alpha else image)
        target = tmp_path / f"{name}_label.png"
        colors = np.random.default_rng(1).permutation(np.arange(1, 256 * 3)).astype(np.uint8)
        palette = np.concatenate([[0, 0, 0], colors[: 255 * 3]]).astype(np.uint8)
        if coding == "indexed":
            picture = Image.fromarray(labels.astype(np.uint8), "L")
            picture.putpalette(palette.tolist())
            picture.save(target)
        else:
            table = palette.reshape(-1, 3)
            table[:, 1] = np.arange(256)  # no two colours alike
            iio.imwrite(target, table[labels] if coding == "colours" else labels.astype(coding))
        return LeafImage(tmp_path / f"{name}_rgb.png", target, name, "")

    return make, image, labels


@pytest.mark.parametrize("coding", ["indexed", "colours", "uint8", "uint16"])
@pytest.mark.parametrize("alpha", [True, False])
def test_every_coding_of_labels_gives_the_same_leaves(plant, coding, alpha):
    make, image, labels = plant
    read, found = read_leaf_image(make(coding, alpha))
    np.testing.assert_array_equal(read, image)
    pairs = set(zip(labels.ravel().tolist(), found.ravel().tolist(), strict=True))
    assert len(pairs) == labels.max() + 1  # one id for each leaf, whatever its number
    assert (0, 0) in pairs
    if coding != "colours":
        np.testing.assert_array_equal(found, labels)


def test_files_of_different_sizes_are_refused(plant, tmp_path):
    make, image, _ = plant
    written = make()
    iio.imwrite(written.image, image[:-1])
    with pytest.raises(ValueError, match=r"plant001_rgb.png and plant001_label.png .*\(63, 72\)"):
        read_leaf_image(written)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_plants_are_found_in_subsets_and_named_after_them(tmp_path):
    training = tmp_path / "CVPPP2017_LSC_training" / "training"
    for subset in ("A1", "A4"):
        for part in ("rgb", "label", "fg", "centers"):
            touch(training / subset, f"plant001_{part}.png", f"plant002_{part}.png")
    touch(tmp_path / "CVPPP2017_testing" / "testing" / "A1", "plant003_rgb.png", "plant003_fg.png")
    found = find_leaf_images(tmp_path)
    names = [plant.name for plant in found]
    assert names == ["A1-plant001", "A1-plant002", "A4-plant001", "A4-plant002"]
    assert {plant.subset for plant in found} == {"A1", "A4"}
    assert [p.name for p in find_leaf_images(training / "A4")] == names[2:]


def test_plants_outside_of_subsets_keep_their_names(tmp_path):
    touch(tmp_path / "Ara2012", "ara2012_plant001_rgb.png", "ara2012_plant001_label.png")
    (plant,) = find_leaf_images(tmp_path)
    assert (plant.name, plant.subset) == ("ara2012_plant001", "")


def test_what_is_no_training_set_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        find_leaf_images(tmp_path / "missing")
    touch(tmp_path, "training.zip", "plant001_rgb.png")
    with pytest.raises(FileNotFoundError, match="unpack the download first"):
        find_leaf_images(tmp_path / "training.zip")
    with pytest.raises(ValueError, match=r"found 1 NAME_rgb\.png and no such label"):
        find_leaf_images(tmp_path)


def test_two_plants_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        touch(tmp_path / folder, "plant001_rgb.png", "plant001_label.png")
    with pytest.raises(ValueError, match="one plant of each name"):
        find_leaf_images(tmp_path)


def test_groups_are_what_the_bracket_matches():
    names = ["A1-p01_d1", "A1-p01_d2", "A1-p02_d1", "odd"]
    assert group_names(names, None) == names
    assert group_names(names, r"(.+)_d\d") == ["A1-p01", "A1-p01", "A1-p02", "odd"]
    assert group_names(names, r"A1-p\d+") == ["A1-p01", "A1-p01", "A1-p02", "odd"]


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "a regular expression"), ("day", "to match names such as 'p1'")]
)
def test_patterns_that_do_not_work_are_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        group_names(["p1", "p2"], pattern)


@given(
    groups=st.lists(st.integers(0, 12), min_size=2, max_size=60),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_groups_stay_together_and_the_share_is_kept(groups, share, seed):
    names = [f"g{number}" for number in groups]
    strata = [f"A{number % 3}" for number in groups]
    splits = split_groups(names, strata, share, seed)
    assert splits == split_groups(names, strata, share, seed)
    assert len(set(zip(names, splits, strict=True))) == len(set(names))
    for stratum in set(strata):
        of_stratum = [(n, s) for n, s, t in zip(names, splits, strata, strict=True) if t == stratum]
        sizes = Counter(name for name, _ in of_stratum)
        parts = {split for _, split in of_stratum}
        assert parts == ({"train", "dev"} if len(sizes) > 1 else {"train"})
        dev = sum(split == "dev" for _, split in of_stratum)
        wanted = share * len(of_stratum)
        assert abs(dev - wanted) <= max(wanted, max(sizes.values()), len(of_stratum) - wanted)


def test_images_by_themselves_are_split_at_the_share():
    names = [f"p{n}" for n in range(50)]
    splits = split_groups(names, ["A1"] * 40 + ["A2"] * 10, 0.2)
    assert (splits[:40].count("dev"), splits[40:].count("dev")) == (8, 2)
    assert splits != split_groups(names, ["A1"] * 40 + ["A2"] * 10, 0.2, seed=1)


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(ValueError, match="dev_share must be more than 0"):
        split_groups(["a", "b"], ["", ""], share)

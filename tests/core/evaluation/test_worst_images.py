"""The worst images of a set, with what a model makes of them."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.evaluation.worst_images import worst_images
from napari_pixel_embedding.core.segmentation.segment import segment


@pytest.fixture
def pairs(tmp_path):
    """Four images with one object each, in the last one coloured."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for n in range(4):
        mask = np.zeros((20, 20), np.uint8)
        mask[2:12, 2:12] = 1
        image = mask * 100 if n < 3 else np.stack([mask * 100] * 3, axis=-1)
        tifffile.imwrite(tmp_path / "images" / f"n{n}.tif", image)
        tifffile.imwrite(tmp_path / "masks" / f"n{n}.tif", mask)
    return find_pairs(tmp_path)


def test_the_worst_come_first(pairs, tiny_model, monkeypatch):
    found = []
    for rows in (10, 6, 9, 0):  # IoU 1, 0.6, 0.9, 0
        cut = np.zeros((20, 20), np.uint16)
        cut[2 : 2 + rows, 2:12] = 7
        found.append(cut)
    answers = iter(found)
    monkeypatch.setattr(
        "napari_pixel_embedding.core.evaluation.worst_images.segment_and_tell",
        lambda *_, **__: (next(answers), ()),
    )
    seen = []
    worst = worst_images(tiny_model(), pairs, 3, progress=seen.append)
    assert [example.name for example in worst] == ["n3.tif", "n1.tif", "n2.tif"]
    assert [example.ap for example in worst] == pytest.approx([0.0, 0.3, 0.9])
    assert [example.rgb for example in worst] == [True, False, False]
    assert worst[1].prediction is found[1]
    assert worst[1].truth.sum() == 100
    assert worst[0].image.shape == (20, 20, 3)
    assert seen == [0.25, 0.5, 0.75, 1.0]


def test_the_prediction_is_the_model_s(pairs, tiny_model):
    (example,) = worst_images(tiny_model(), pairs[:1], device="cpu")
    expected = segment(example.image, tiny_model(), device="cpu")
    np.testing.assert_array_equal(example.prediction, expected)


def test_an_image_in_which_nothing_is_and_nothing_was_found_has_no_score_and_comes_last(
    pairs, tiny_model, monkeypatch
):
    nothing = np.zeros((20, 20), np.uint16)
    tifffile.imwrite(pairs[0].mask, nothing)
    monkeypatch.setattr(
        "napari_pixel_embedding.core.evaluation.worst_images.segment_and_tell",
        lambda *_, **__: (nothing, ()),
    )
    worst = worst_images(tiny_model(), pairs)
    assert [example.name for example in worst] == ["n1.tif", "n2.tif", "n3.tif", "n0.tif"]
    assert np.isnan(worst[-1].ap)


def test_masks_are_split_as_in_the_training(pairs, tiny_model):
    mask = np.zeros((20, 20), np.uint8)
    mask[2:9, 2:9] = mask[11:18, 11:18] = 255
    tifffile.imwrite(pairs[0].mask, mask)
    for how, ids in ((True, [0, 1, 2]), (False, [0, 255])):
        (example,) = worst_images(tiny_model(), pairs[:1], split_masks=how)
        assert np.unique(example.truth).tolist() == ids

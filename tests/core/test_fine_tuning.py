"""Tuning on a few corrected pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_pixel_embedding.core.configs import FineTuneConfig, TrainConfig
from napari_pixel_embedding.core.fine_tuning import fine_tune
from napari_pixel_embedding.core.inference import predict_embedding
from napari_pixel_embedding.core.training import prepare_samples, train

QUICK = FineTuneConfig(steps=2, batch_size=1, crop=32)


def corrected(labels, count=2):
    """Corrections of the first objects, with the background around them."""
    corrections = np.full(labels.shape, -1, np.int32)
    for label in np.unique(labels[labels > 0])[:count]:
        rows, columns = np.nonzero(labels == label)
        box = slice(rows.min() - 2, rows.max() + 3), slice(columns.min() - 2, columns.max() + 3)
        corrections[box] = np.where(labels[box] == label, label, 0)
    return corrections


def result(*arguments, **options):
    return list(fine_tune(*arguments, device="cpu", **options))[-1].model


def test_the_model_gets_better_on_the_corrected_pixels(discs, tiny_model):
    image, labels = discs()
    start = tiny_model()
    known_before = np.where(labels % 2 == 1, labels, 0)  # taught that half the discs are none
    samples = prepare_samples([image], [known_before], start.config)
    training = TrainConfig(steps=60, batch_size=2, crop=32, learning_rate=0.03)
    model = list(train(start, samples, training, device="cpu"))[-1].model
    corrections = corrected(labels, 3)
    config = FineTuneConfig(steps=60, batch_size=2, crop=32, learning_rate=0.01)
    tuned = result(model, image, corrections, config)

    def error(candidate):
        foreground = predict_embedding(candidate, image, device="cpu").foreground
        return np.abs(foreground - (corrections > 0))[corrections != -1].mean()

    assert error(tuned) < 0.6 * error(model)


def test_the_parent_and_its_statistics_stay(discs, tiny_model):
    image, labels = discs()
    model = tiny_model()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    tuned = result(model, image, corrected(labels), QUICK).network.state_dict()
    assert all(torch.equal(model.network.state_dict()[name], before[name]) for name in before)
    for name, value in before.items():
        if "running" in name or "num_batches" in name:
            assert torch.equal(tuned[name], value)
    assert not torch.equal(tuned["embedding.3.weight"], before["embedding.3.weight"])


def test_the_child_tells_where_it_comes_from(discs, tiny_model):
    image, labels = discs()
    model = tiny_model(provenance={"data": "discs"})
    tuned = result(model, image, corrected(labels), QUICK)
    assert tuned.name == "tiny-tuned"
    provenance = tuned.config.provenance
    assert provenance["parent"] == "tiny"
    assert provenance["parent_provenance"] == {"data": "discs"}
    assert provenance["corrected_objects"] == 2
    assert provenance["images"] == 1
    assert provenance["steps"] == 2
    same = replace(tuned.config, name=model.name, provenance=model.config.provenance)
    assert same == model.config
    again = result(tuned, image, corrected(labels), QUICK)
    assert again.name == "tiny-tuned"
    assert again.config.provenance["parent_provenance"]["parent"] == "tiny"


@pytest.mark.parametrize("value", [-1, 0])
def test_corrections_without_an_object_are_refused(discs, tiny_model, value):
    image, labels = discs()
    with pytest.raises(ValueError, match="at least one corrected object to learn from, found none"):
        next(fine_tune(tiny_model(), image, np.full(labels.shape, value), QUICK, device="cpu"))


def test_frames_without_a_correction_are_left_out(discs, tiny_model):
    image, labels = discs()
    nothing = np.full_like(labels, -1)
    tuned = result(
        tiny_model(),
        np.stack([image] * 3),
        np.stack([nothing, corrected(labels, 1), nothing]),
        QUICK,
        axes="TYX",
    )
    assert tuned.config.provenance["images"] == 1
    assert tuned.config.provenance["corrected_objects"] == 1


def test_several_images_are_learnt_from(discs, tiny_model):
    image, labels = discs()
    tuned = result(tiny_model(), [image, image], [corrected(labels)] * 2, QUICK)
    assert tuned.config.provenance["images"] == 2


def test_corrections_must_fit_their_images(discs, tiny_model):
    image, labels = discs()
    with pytest.raises(ValueError, match="found 2 images and 1 correction images"):
        next(fine_tune(tiny_model(), [image, image], [labels], QUICK, device="cpu"))
    with pytest.raises(ValueError, match=r"shape \(64, 64\), found \(32, 64\)"):
        next(fine_tune(tiny_model(), image, labels[:32], QUICK, device="cpu"))


def test_sure_background_is_learnt_as_background_and_the_rest_stays_unknown(
    discs, tiny_model, monkeypatch
):
    image, labels = discs((32, 32))
    corrections = corrected(labels, 1)
    sure = np.zeros(labels.shape, bool)
    sure[:, 20:] = True
    monkeypatch.setattr(
        "napari_pixel_embedding.core.fine_tuning.predict_foreground",
        lambda model, image, device: np.where(sure, 0.05, 0.5).astype(np.float32),
    )
    seen = []
    monkeypatch.setattr(
        "napari_pixel_embedding.core.fine_tuning.train",
        lambda start, samples, config, device: iter(seen.append(samples[0].labels) or ()),
    )
    for trust in (0.1, 0.0):
        list(fine_tune(tiny_model(), image, corrections, replace(QUICK, trust_background=trust)))
    trusting, doubting = seen
    np.testing.assert_array_equal(trusting, np.where((corrections == -1) & sure, 0, corrections))
    np.testing.assert_array_equal(doubting, corrections)

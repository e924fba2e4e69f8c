"""Tuning on a few corrected pixels."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from napari_pixel_embedding.core.evaluation.comparison import TuningReport
from napari_pixel_embedding.core.fine_tuning import fine_tune as fine_tune_module
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.fine_tuning.fine_tune import fine_tune
from napari_pixel_embedding.core.fine_tuning.replay import bundled_replay, origin
from napari_pixel_embedding.core.inference.object_scale import usual_params
from napari_pixel_embedding.core.inference.predict import predict_embedding
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.training import checkpoint
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.targets import prepare_samples
from napari_pixel_embedding.core.training.train import train

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


@pytest.mark.parametrize("spacing", [(2.0, 1.0, 1.0), [(2.0, 1.0, 1.0), None]])
def test_planes_that_lie_apart_are_learnt_from_as_a_run_sees_them(discs, tiny_model, spacing):
    config = tiny_model(axes="ZYX", pixel_size=(1.0, 1.0, 1.0)).config
    image, labels = discs((6, 32, 32))
    frames = fine_tune_module._corrected_frames(
        config, [image, image], [labels, labels], None, None, spacing, None
    )
    planes = [frame[0].shape[1] for frame in frames]
    assert planes == ([12, 12] if isinstance(spacing, tuple) else [12, 6])
    assert all(frame.shape[1:] == target.shape for frame, target in frames)


def test_what_judges_a_child_does_not_choose_its_parameters(discs, tiny_model, monkeypatch):
    image, labels = discs()
    other = np.where(labels > 0, labels + 100, 0)
    seen = []

    def remember(model, frames, replayed, device):
        seen.append((frames, replayed))
        return model.config.cluster

    monkeypatch.setattr(fine_tune_module, "tune_cluster_params", remember)
    config = replace(QUICK, held_back=0.5)
    replay = [(image, np.where(other > 0, other + n, 0)) for n in range(4)]
    tuned = result(tiny_model(), image, labels, config, replay=replay)
    (((_, known),), replayed), *_ = seen
    assert tuned.config.provenance["held_back_objects"] == 8
    assert len(np.unique(known[known > 0])) == 8
    assert [int(truth.max()) for _, truth in replayed] == [int(other.max()) + 3]


@pytest.mark.parametrize(("share", "passes"), [(0.2, 1), (0.5, 1), (1.0, 0)])
def test_a_child_trains_itself_once(discs, tiny_model, monkeypatch, share, passes):
    image, labels = discs()
    complete, seen = fine_tune_module.samples_with_pseudo_labels, []

    def remember(corrected, model, device):
        seen.append(complete(corrected, model, device))
        return seen[-1]

    monkeypatch.setattr(fine_tune_module, "samples_with_pseudo_labels", remember)
    config = replace(QUICK, steps=100, self_training=share)  # validated at 50 and 100
    result(tiny_model(), image, corrected(labels, 6), config)
    assert len(seen) == passes
    for (sample,) in seen:
        assert not (sample.labels == -1).any(), "all is either known or left out"


@pytest.mark.parametrize(("share", "margin"), [(0.25, 0.25), (1 / 16, 0.5), (0.0, 0.0)])
def test_an_earlier_model_must_be_better_by_a_standard_error(
    discs, tiny_model, monkeypatch, share, margin
):
    image, labels = discs()  # 16 objects: 4, 1 or none are held back
    learn, margins = fine_tune_module.train, []

    def remember(model, samples, config, **options):
        margins.append(config.margin)
        return learn(model, samples, config, **options)

    monkeypatch.setattr(fine_tune_module, "train", remember)
    tuned = result(tiny_model(), image, labels, replace(QUICK, held_back=share))
    assert tuned.config.provenance["held_back_objects"] == 16 * share
    assert margins == [pytest.approx(margin)]


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


def test_the_parents_score_comes_first_and_reports_with_every_model(discs, tiny_model):
    image, labels = discs()
    config = replace(QUICK, steps=3, held_back=0.25)
    states = list(
        fine_tune(tiny_model(), image, labels, config, replay=[(image, labels)] * 3, device="cpu")
    )
    assert [state.step for state in states] == [0, 1, 2, 3]
    assert states[0].validation_ap is not None and states[0].model is None
    assert [state.report is not None for state in states] == [True, False, False, True]
    report = states[-1].report
    assert report.held_back.before == states[0].report.held_back.after
    assert report.held_back.after.objects == 4  # of 16
    assert report.replay.before.objects == 16
    provenance = states[-1].model.config.provenance
    assert (provenance["corrected_objects"], provenance["held_back_objects"]) == (12, 4)
    assert provenance["replayed_images"] == 2
    assert TuningReport.from_dict(provenance["report"]) == report


def test_names_and_parameters_are_remembered(discs, tiny_model):
    image, labels = discs()
    tuned = result(tiny_model(), image, corrected(labels), QUICK, names=["field 3"])
    provenance = tuned.config.provenance
    assert provenance["image_names"] == ["field 3"]
    assert FineTuneConfig(**{f.name: provenance[f.name] for f in fields(FineTuneConfig)}) == QUICK


def test_the_tuned_model_knows_the_diameter_it_was_tuned_with(discs, tiny_model):
    image, labels = discs((128, 128), step=32, radius=10)
    model = tiny_model(object_diameter=10.0)
    tuned = result(model, image, corrected(labels), QUICK, diameter=20.0)
    assert tuned.config.image_diameter == 20.0
    assert tuned.config.object_diameter == 10.0
    assert result(model, image, corrected(labels), QUICK).config.image_diameter is None
    any_size = tiny_model(object_diameter=10.0, measures_diameter=True)
    for named in (None, 20.0):
        child = result(any_size, image, corrected(labels), QUICK, diameter=named)
        assert not child.config.measures_diameter  # others must be seen at the scale it learnt at
    both = result(model, [image] * 2, [corrected(labels)] * 2, QUICK, diameter=[10.0, 20.0])
    assert both.config.image_diameter == 15.0


def test_an_interrupted_tuning_goes_on_from_its_checkpoint(
    discs, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoint, "MOST_LOST_S", 1e9)  # by validation alone
    image, labels = discs()
    config = replace(QUICK, steps=55)
    arguments = (tiny_model(), image, labels, config)
    whole = list(fine_tune(*arguments, device="cpu"))
    run = fine_tune(*arguments, device="cpu", checkpoint=tmp_path / "run.training")
    for state in run:
        if state.step == 52:
            break
    run.close()
    rest = list(fine_tune(*arguments, device="cpu", checkpoint=tmp_path / "run.training"))
    assert [state.step for state in rest] == [0, *range(51, 56)]
    assert rest[-1].report == whole[-1].report
    for name, value in whole[-1].model.network.state_dict().items():
        assert torch.equal(value, rest[-1].model.network.state_dict()[name])


@pytest.mark.parametrize(
    ("frozen", "learning"),
    [("encoder", {"up", "decoder"}), ("backbone", set())],
)
def test_frozen_stages_keep_their_weights(discs, tiny_model, frozen, learning):
    image, labels = discs()
    model = tiny_model()
    tuned = result(model, image, corrected(labels), replace(QUICK, frozen=frozen))
    before, after = model.network.state_dict(), tuned.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    stages = {name.split(".")[1] for name in changed if name.startswith("backbone.")}
    assert stages == learning
    assert any(name.startswith("embedding.") for name in changed)


def test_bundled_models_replay_their_own_kind_and_their_children_too(tiny_model):
    parent = ModelConfig(name="nuclei-fluo")
    child = ModelConfig(
        name="mine",
        provenance={
            "parent": "nuclei-fluo-tuned",
            "parent_provenance": {"parent": "nuclei-fluo", "parent_provenance": {}},
        },
    )
    assert origin(child) == origin(parent) == "nuclei-fluo"
    samples = bundled_replay(child)
    assert len(samples) == len(bundled_replay(parent)) == 12
    assert all(sample.image.shape == sample.labels.shape for sample in samples)
    assert bundled_replay(ModelConfig(name="of a user")) == []
    generic = ModelConfig(name="generic", provenance={"parent": "nuclei-fluo"})
    assert origin(generic) == "generic", "it knows more than its parent"
    replayed = [annotation.image for annotation in bundled_replay(generic)]
    assert len(replayed) == 25 + 4 + 2, "photographs, drawn bacteria and drawn plants"
    assert [image.ndim for image in replayed[-6:]] == [2] * 4 + [3] * 2
    assert (
        len(bundled_replay(ModelConfig(name="cells-phase", provenance={"parent": "generic"}))) == 4
    )
    volumes = bundled_replay(ModelConfig(name="volume", axes="ZYX", provenance={}))
    assert {(v.image.ndim, v.image.shape == v.labels.shape) for v in volumes} == {(3, True)}


def test_the_least_size_follows_the_diameter_of_the_images(discs, tiny_model):
    image, labels = discs()
    model = tiny_model(object_diameter=20.0)
    usual = model.config.cluster_params().min_size
    tuned = result(model, image, corrected(labels), QUICK, diameter=40.0)
    assert tuned.config.cluster_params().min_size == 4 * usual
    assert usual_params(tuned.config, 20.0).min_size == usual, "for images like the parent's"
    assert usual_params(tuned.config).min_size == usual_params(model.config, 40.0).min_size
    again = result(tuned, image, corrected(labels), QUICK, diameter=40.0)
    assert again.config.cluster == tuned.config.cluster
    same = result(model, image, corrected(labels), QUICK)
    assert same.config.cluster == model.config.cluster


@pytest.mark.parametrize("share", [0.0, 0.25, 0.9])
def test_a_share_of_the_parents_weights_stays_in_every_model(discs, tiny_model, share):
    image, labels = discs()
    parent = tiny_model()
    old = {k: v.clone() for k, v in parent.network.state_dict().items()}
    learnt = [name for name, value in old.items() if value.is_floating_point()]
    arguments = (parent, image, corrected(labels))

    def models(share):
        config = replace(QUICK, learning_rate=1e-2, parent_share=share)
        states = fine_tune(*arguments, config, device="cpu")
        return [state.model.network.state_dict() for state in states if state.model is not None]

    alone, mixed = models(0.0), models(share)
    assert len(alone) == len(mixed) == 2
    for own, both in zip(alone, mixed, strict=True):
        for name in learnt:
            expected = own[name] + share * (old[name] - own[name])
            torch.testing.assert_close(both[name], expected)
    assert any((alone[-1][name] - old[name]).abs().max() > 1e-4 for name in learnt)
    for name, weights in parent.network.state_dict().items():
        assert torch.equal(weights, old[name])

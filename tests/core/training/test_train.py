"""The training loop on images so small that a step takes milliseconds."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from napari_pixel_embedding.core.model.model_file import load_model, save_model
from napari_pixel_embedding.core.training import checkpoint as checkpoint_module
from napari_pixel_embedding.core.training import trainer as trainer_module
from napari_pixel_embedding.core.training.config import LossConfig, TrainConfig
from napari_pixel_embedding.core.training.targets import prepare_samples
from napari_pixel_embedding.core.training.train import train
from napari_pixel_embedding.core.training.trainer import Trainer

QUICK = TrainConfig(steps=6, batch_size=1, crop=32, warmup=0.4, validate_every=2, seed=3)
TERMS = ["total", "foreground", "distance", "intra", "inter", "reg"]


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch):
    """Nothing is due by time after the first step, however slow the machine is."""
    monkeypatch.setattr(checkpoint_module, "MOST_LOST_S", 1e9)


@pytest.fixture
def samples(discs, tiny_model):
    image, labels = discs()
    return prepare_samples([image], [labels], tiny_model().config)


def weights_of(model):
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def different(one, other):
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


@pytest.mark.parametrize(
    "changes",
    [
        {"coordinate_scale": 4.0},
        {"architecture": "wnet", "space": "cosine"},
        {"axes": "ZYX", "in_channels": 2, "base_width": 2},
    ],
    ids=["euclidean", "wnet", "3-D"],
)
def test_losses_fall_on_a_toy_image(discs, tiny_model, changes):
    model = tiny_model(**changes)
    if model.config.axes == "YX":
        image, labels = discs()
    else:
        image, labels = discs((16, 32, 32))
        image = np.stack([image, image])
    axes = "YX" if model.config.axes == "YX" else "CZYX"
    toy = prepare_samples([image], [labels], model.config, axes)
    config = TrainConfig(steps=30, batch_size=2, crop=32, learning_rate=0.03, warmup=0.0)
    states = list(train(model, toy, config, device="cpu"))
    assert states[-1].losses["total"] < 0.95 * states[0].losses["total"]
    for name in ("foreground", "distance", "intra"):
        assert states[-1].losses[name] < states[0].losses[name]


def test_progress_tells_every_step(samples, tiny_model):
    states = list(train(tiny_model(), samples, QUICK, device="cpu"))
    assert [state.step for state in states] == [1, 2, 3, 4, 5, 6]
    assert {state.steps for state in states} == {6}
    assert [state.model is not None for state in states] == [False, True] * 3
    assert {state.validation_ap for state in states} == {None}
    for state in states:
        assert sorted(state.losses) == sorted(TERMS)
        assert all(math.isfinite(value) for value in state.losses.values())
        assert state.seconds_left >= 0
    assert states[-1].seconds_left == 0


def test_the_last_step_gives_a_model_whenever_it_comes(samples, tiny_model):
    config = replace(QUICK, steps=3, validate_every=1000)
    states = list(train(tiny_model(), samples, config, device="cpu"))
    assert [state.model is not None for state in states] == [False, False, True]


def test_the_start_model_is_not_changed(samples, tiny_model):
    model = tiny_model()
    before = weights_of(model)
    trained = list(train(model, samples, QUICK, device="cpu"))[-1].model
    assert different(before, weights_of(model)) == []
    assert not model.network.training and not trained.network.training
    assert len(different(before, weights_of(trained))) > 10


def test_only_foreground_and_distance_are_learnt_during_the_warm_up(samples, tiny_model):
    model = tiny_model()
    config = replace(QUICK, warmup=0.8, validate_every=1)
    models = [state.model for state in train(model, samples, config, device="cpu")]
    head = [name for name, _ in model.network.named_parameters() if name.startswith("embedding")]
    changed = [different(weights_of(model), weights_of(m)) for m in models]
    assert not set(head) & set(changed[4]) and "foreground.0.weight" in changed[4]
    assert set(head) <= set(changed[5])


def test_the_same_seed_gives_the_same_weights(samples, tiny_model):
    def result(seed):
        config = replace(QUICK, steps=2, seed=seed)
        return weights_of(list(train(tiny_model(), samples, config, device="cpu"))[-1].model)

    assert different(result(1), result(1)) == []
    assert different(result(1), result(2)) != []


@pytest.mark.parametrize("stop", [2, 4], ids=["in the warm-up", "after it"])
@pytest.mark.parametrize("axes", ["YX", "ZYX"])
def test_resuming_gives_the_weights_that_going_on_would_have_given(
    tmp_path, discs, tiny_model, axes, stop
):
    model = tiny_model(axes=axes, base_width=2)
    toy = prepare_samples(*([array] for array in discs((16, 32, 32)[-len(axes) :])), model.config)
    whole = list(train(model, toy, QUICK, device="cpu"))
    file = tmp_path / "run.training"
    run = train(model, toy, QUICK, device="cpu", checkpoint=file)
    for _ in range(stop + 1):
        next(run)
    run.close()  # one step after the checkpoint was written
    rest = list(train(model, toy, QUICK, device="cpu", checkpoint=file))
    assert [state.step for state in rest] == list(range(stop + 1, 7))
    assert different(weights_of(rest[-1].model), weights_of(whole[-1].model)) == []
    assert rest[-1].losses == whole[-1].losses


def test_the_optimiser_goes_on_with_moments_laid_out_as_the_weights(tmp_path, samples, tiny_model):
    # Fused steps on a GPU refuse any other layout, and convolutions have their channels last.
    file = tmp_path / "run.training"
    next(train(tiny_model(), samples, QUICK, device="cpu", checkpoint=file))
    resumed = Trainer(tiny_model(), QUICK, torch.device("cpu"))
    resumed.resume(file)
    moments = list(resumed.optimiser.state.items())
    assert any(not weight.is_contiguous() for weight, _ in moments)
    for weight, state in moments:
        assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == weight.stride()


def test_a_training_that_had_finished_gives_its_model_again(tmp_path, samples, tiny_model):
    file = tmp_path / "run.training"
    whole = list(train(tiny_model(), samples, QUICK, device="cpu", checkpoint=file))
    (again,) = train(tiny_model(), samples, QUICK, device="cpu", checkpoint=file)
    assert (again.step, again.losses) == (6, whole[-1].losses)
    assert different(weights_of(again.model), weights_of(whole[-1].model)) == []


def test_a_checkpoint_of_another_model_is_refused(tmp_path, samples, tiny_model):
    file = tmp_path / "run.training"
    list(train(tiny_model(), samples, replace(QUICK, steps=1), device="cpu", checkpoint=file))
    with pytest.raises(ValueError, match=r"run.training belongs to a training with another model"):
        next(train(tiny_model(depth=1), samples, QUICK, device="cpu", checkpoint=file))


def test_files_that_are_no_checkpoints_are_refused(tmp_path, samples, tiny_model):
    file = tmp_path / "run.training"
    for content, found in (
        (b"", "run.training is damaged"),
        (b"\x10" * 99, "run.training is damaged"),
        (save_model(tiny_model(), tmp_path / "m").read_bytes(), "is no checkpoint of a training"),
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=found):
            next(train(tiny_model(), samples, QUICK, device="cpu", checkpoint=file))
        assert file.read_bytes() == content


def test_closing_stops_at_once(samples, tiny_model, monkeypatch):
    drawn = []

    def counting(*arguments):
        drawn.append(arguments)
        return original(*arguments)

    original = trainer_module.draw_batch
    monkeypatch.setattr(trainer_module, "draw_batch", counting)
    run = train(tiny_model(), samples, QUICK, device="cpu")
    next(run)
    next(run)
    run.close()
    assert len(drawn) == 2
    assert list(run) == []


def scripted(scores):
    """A validation that gives these scores and remembers the weights it was shown."""
    shown = []

    def validate(model):
        shown.append(weights_of(model))
        return scores[len(shown) - 1]

    return validate, shown


def test_the_best_by_validation_is_kept(samples, tiny_model):
    validate, shown = scripted([0.2, 0.7, 0.4])
    states = list(train(tiny_model(), samples, QUICK, validation=validate, device="cpu"))
    assert [state.validation_ap for state in states] == [None, 0.2, None, 0.7, None, 0.4]
    models = [state.model for state in states[1::2]]
    assert [different(weights_of(m), shown[i]) for m, i in zip(models, [0, 1, 1], strict=True)] == [
        []
    ] * 3
    assert different(shown[1], shown[2]) != []


def test_the_best_is_still_known_after_resuming(tmp_path, samples, tiny_model):
    file = tmp_path / "run.training"
    first, shown = scripted([0.9])
    run = train(tiny_model(), samples, QUICK, validation=first, device="cpu", checkpoint=file)
    next(run), next(run)
    run.close()
    later, _ = scripted([0.1, 0.2])
    rest = train(tiny_model(), samples, QUICK, validation=later, device="cpu", checkpoint=file)
    assert different(weights_of(list(rest)[-1].model), shown[0]) == []


@pytest.mark.parametrize("spoil", ["loss", "gradient"])
def test_a_loss_that_is_no_number_ends_training_and_the_last_model_is_sound(
    samples, tiny_model, monkeypatch, spoil
):
    real = trainer_module.weighted_sum

    def spoilt(terms, *arguments, **options):
        total = real(terms, *arguments, **options)
        calls.append(total)
        if len(calls) < 3:
            return total
        if spoil == "loss":
            return total * float("nan")
        return total + (total - total.detach()).sqrt()  # 0, with an infinite slope

    calls = []
    monkeypatch.setattr(trainer_module, "weighted_sum", spoilt)
    states = []
    with pytest.raises(FloatingPointError, match="after 2 steps: lower the learning rate"):
        states.extend(collected(train(tiny_model(), samples, QUICK, device="cpu"), states))
    weights = weights_of(states[-1].model)
    assert [state.step for state in states] == [1, 2]
    assert all(torch.isfinite(value).all() for value in weights.values())


def collected(run, states):
    for state in run:
        states.append(state)
    return []


def test_fixed_statistics_stay(samples, tiny_model):
    model = tiny_model()
    for fixed in (True, False):
        config = replace(QUICK, steps=2, fixed_statistics=fixed)
        trained = list(train(model, samples, config, device="cpu"))[-1].model
        changed = different(weights_of(model), weights_of(trained))
        assert any("running" in name for name in changed) is not fixed
        assert any(name.endswith("weight") for name in changed)


def test_samples_are_revised_after_every_validation(tmp_path, samples, tiny_model):
    config, asked = replace(QUICK, steps=6, validate_every=2), []

    def revise(model, done):
        asked.append(done)
        return [samples[0]._replace(image=-samples[0].image)] if done >= 0.5 else None

    path, options = tmp_path / "c", {"device": "cpu", "revise": revise}
    states = list(train(tiny_model(), samples, config, **options))
    assert asked == pytest.approx([1 / 3, 2 / 3])
    plain = list(train(tiny_model(), samples, config, device="cpu"))
    assert different(weights_of(states[3].model), weights_of(plain[3].model)) == []
    assert different(weights_of(states[5].model), weights_of(plain[5].model))

    run = train(tiny_model(), samples, config, checkpoint=path, **options)
    for _ in range(4):
        next(run)
    run.close()
    asked.clear()
    again = list(train(tiny_model(), samples, config, checkpoint=path, **options))
    assert asked[0] == pytest.approx(2 / 3), "what was revised is revised anew"
    assert different(weights_of(states[-1].model), weights_of(again[-1].model)) == []


def test_instance_dice_sets_in_when_it_is_due(samples, tiny_model):
    late = replace(QUICK, warmup=0.0, loss=LossConfig(instance_dice=1.0, instance_dice_from=0.5))
    states = list(train(tiny_model(), samples, late, device="cpu"))
    assert ["instance_dice" in state.losses for state in states] == [False] * 3 + [True] * 3
    plain = list(train(tiny_model(), samples, replace(QUICK, warmup=0.0), device="cpu"))
    assert different(weights_of(states[1].model), weights_of(plain[1].model)) == []
    assert different(weights_of(states[-1].model), weights_of(plain[-1].model))


def test_a_checkpoint_of_an_earlier_version_is_gone_on_with(tmp_path, samples, tiny_model):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "c"
    run = train(tiny_model(), samples, QUICK, device="cpu", checkpoint=path)
    next(run), next(run)
    run.close()
    with safe_open(path, "pt") as file:
        state = file.metadata()
    old = json.loads(state["config"])
    del old["stem_stride"]
    old["object_diameter"] = 3.0
    save_file(load_file(path), path, {**state, "config": json.dumps(old)})
    states = list(train(tiny_model(), samples, QUICK, device="cpu", checkpoint=path))
    assert [state.step for state in states] == [3, 4, 5, 6]


def test_a_crop_that_does_not_fit_the_network_is_rounded_up(samples, tiny_model):
    config = replace(QUICK, steps=1, crop=33)
    assert list(train(tiny_model(depth=3), samples, config, device="cpu"))[-1].step == 1


def test_learning_rate_rises_and_falls():
    config = TrainConfig(steps=1000, learning_rate=0.1)
    rates = [trainer_module._cosine_rate(config, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1 / 50)
    assert 0.098 < max(rates) <= 0.1
    assert rates[-1] == pytest.approx(0.001, rel=0.01)
    assert sorted(rates[60:], reverse=True) == rates[60:]


def test_after_a_revision_the_best_is_looked_for_anew(samples, tiny_model):
    validate, shown = scripted([0.9, 0.1, 0.05])

    def revise(model, done):
        return samples if done < 0.5 else None  # after the first validation alone

    states = list(
        train(tiny_model(), samples, QUICK, validation=validate, device="cpu", revise=revise)
    )
    assert [state.best_step for state in states[1::2]] == [2, 4, 4]
    assert different(weights_of(states[-1].model), shown[1]) == []


@pytest.mark.parametrize(("scale", "norm"), [(1e6, 5.0), (1e-6, None)])
def test_large_gradients_are_clipped_and_small_ones_are_not(
    samples, tiny_model, monkeypatch, scale, norm
):
    real, norms = trainer_module.weighted_sum, []
    monkeypatch.setattr(trainer_module, "weighted_sum", lambda *a, **k: scale * real(*a, **k))

    def measure(optimiser, arguments, options):
        learning = [p for group in optimiser.param_groups for p in group["params"]]
        squares = [float(p.grad.square().sum()) for p in learning if p.grad is not None]
        norms.append(math.sqrt(sum(squares)))

    hook = register_optimizer_step_pre_hook(measure)
    try:
        list(train(tiny_model(), samples, QUICK, device="cpu"))
    finally:
        hook.remove()
    assert len(norms) == QUICK.steps
    assert norms == pytest.approx([norm] * QUICK.steps, rel=1e-3) if norm else max(norms) < 0.01


@pytest.mark.parametrize(("margin", "best"), [(0.0, [2, 4, 4]), (0.35, [2, 4, 6])])
def test_the_latest_model_is_kept_unless_an_earlier_one_is_better_by_a_margin(
    samples, tiny_model, margin, best
):
    scores, config = iter([0.5, 0.9, 0.6]), replace(QUICK, margin=margin)
    run = train(tiny_model(), samples, config, validation=lambda _: next(scores), device="cpu")
    assert [state.best_step for state in run if state.model is not None] == best


def test_a_trained_model_can_be_saved_and_loaded(tmp_path, samples, tiny_model):
    state = list(train(tiny_model(), samples, replace(QUICK, steps=1), device="cpu"))[-1]
    loaded = load_model(save_model(state.model, tmp_path / "m"))
    assert different(weights_of(loaded), weights_of(state.model)) == []


def test_without_a_score_the_last_model_is_kept(samples, tiny_model):
    shown = []
    states = list(
        train(
            tiny_model(),
            samples,
            QUICK,
            validation=lambda model: shown.append(weights_of(model)),
            device="cpu",
        )
    )
    assert [state.validation_ap for state in states] == [None] * 6
    assert states[-1].best_step == 6
    assert different(weights_of(states[-1].model), shown[-1]) == []


def test_a_checkpoint_is_written_with_the_first_step_and_by_time(
    tmp_path, samples, tiny_model, monkeypatch
):
    config, file = replace(QUICK, steps=9, validate_every=9), tmp_path / "run.training"
    kept = []
    for most in (checkpoint_module.MOST_LOST_S, 0.0):
        monkeypatch.setattr(checkpoint_module, "MOST_LOST_S", most)
        file.unlink(missing_ok=True)
        run = train(tiny_model(), samples, config, device="cpu", checkpoint=file)
        next(run)
        kept.append(checkpoint_module.interrupted_at(file))
        next(run)
        run.close()
    assert kept == [1, 1]
    assert checkpoint_module.interrupted_at(file) == 2


def test_resuming_between_validations_has_the_samples_of_the_last_one(
    tmp_path, samples, tiny_model, monkeypatch
):
    monkeypatch.setattr(checkpoint_module, "MOST_LOST_S", 0.0)
    config, asked = replace(QUICK, steps=8, validate_every=4), []
    options = {"device": "cpu", "revise": lambda model, done: asked.append(done)}
    for steps in (3, 7):
        run = train(tiny_model(), samples, config, checkpoint=tmp_path / f"{steps}", **options)
        for _ in range(steps):
            next(run)
        run.close()
        asked.clear()
        next(train(tiny_model(), samples, config, checkpoint=tmp_path / f"{steps}", **options))
        assert asked == [0.5]


def test_whoever_stops_early_has_a_model(tmp_path, samples, tiny_model, monkeypatch):
    config, file = replace(QUICK, steps=9, validate_every=4), tmp_path / "run.training"
    options = {"device": "cpu", "early_models": True}
    states = list(train(tiny_model(), samples, config, **options))
    assert [s.step for s in states if s.model is not None] == [1, 4, 8, 9]
    assert [s.step for s in states if s.early] == [1]
    monkeypatch.setattr(checkpoint_module, "MOST_LOST_S", 0.0)
    often = list(train(tiny_model(), samples, config, checkpoint=file, **options))
    assert [s.step for s in often if s.early] == [1, 2, 3]
    assert different(weights_of(often[1].model), weights_of(tiny_model()))
    assert different(weights_of(often[-1].model), weights_of(states[-1].model)) == []


def test_after_resuming_the_best_of_before_comes_at_once(
    tmp_path, samples, tiny_model, monkeypatch
):
    monkeypatch.setattr(checkpoint_module, "MOST_LOST_S", 0.0)
    config, file = replace(QUICK, steps=9, validate_every=4), tmp_path / "run.training"
    run = train(tiny_model(), samples, config, device="cpu", checkpoint=file)
    states = [next(run) for _ in range(5)]
    run.close()
    again = next(
        train(tiny_model(), samples, config, device="cpu", checkpoint=file, early_models=True)
    )
    assert (again.step, again.best_step, again.early) == (6, 4, True)
    assert different(weights_of(again.model), weights_of(states[3].model)) == []


def test_a_small_network_comes_closer_to_its_teacher(samples, tiny_model):
    teacher = tiny_model(coordinate_scale=4.0)
    *_, last = train(teacher, samples, replace(QUICK, steps=40), device="cpu")
    learner = tiny_model(coordinate_scale=4.0, base_width=2)
    config = replace(QUICK, steps=40, learning_rate=0.02)
    states = list(train(learner, samples, config, device="cpu", teacher=last.model))
    assert states[-1].losses["teacher"] < 0.8 * states[0].losses["teacher"]
    assert "teacher" not in next(train(learner, samples, config, device="cpu")).losses
    with pytest.raises(ValueError, match=r"the teacher .* must have the embedding_dim"):
        next(train(tiny_model(embedding_dim=3), samples, config, teacher=last.model))

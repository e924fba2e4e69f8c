"""What is learnt from sparse corrections, and what is kept to judge by."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.fine_tuning import targets as targets_module
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.fine_tuning.held_out import HeldOutSet, crop_of_all, crops_around
from napari_pixel_embedding.core.fine_tuning.targets import (
    CorrectedFrame,
    build_fine_tuning_set,
    learning_target,
    replay_set,
    samples_with_pseudo_labels,
    sampling_weights,
)
from napari_pixel_embedding.core.model.model_file import load_model
from napari_pixel_embedding.core.training.targets import prepare_sample

CONFIG = FineTuneConfig(border=0, trust_background=0)


def target(corrections, foreground=None, held_back=(), **changes):
    config = replace(CONFIG, **changes)
    if foreground is not None:
        foreground = np.array([foreground], np.float32)
    return learning_target(
        np.array([corrections], np.int32), foreground, held_back, config
    ).tolist()[0]


def test_nothing_is_known_beyond_the_corrections_unless_it_is_trusted():
    assert target([3, 0, -1, -1]) == [3, 0, -1, -1]


def test_what_the_parent_surely_takes_for_background_is_background():
    assert target([3, -1, -1, 0], [0.8, 0.05, 0.2, 0.9], trust_background=0.1) == [3, 0, -1, 0]


def test_a_parent_that_does_not_see_the_objects_is_not_believed():
    corrections, foreground = [3, 3, -1, -1], [0.05, 0.04, 0.03, 0.06]
    assert target(corrections, foreground, trust_background=0.1) == [3, 3, 0, -1]


def test_the_border_of_an_object_is_background_unless_the_parent_is_sure_of_another():
    corrections, foreground = [-1, -1, -1, 3, 3, -1, -1, -1], [0.3] * 5 + [0.3, 0.8, 0.3]
    assert target(corrections, foreground, border=2.0) == [-1, 0, 0, 3, 3, 0, -1, -1]
    assert target([3, -1, 4], [0.0, 0.3, 0.0], border=1.0) == [3, 0, 4]
    assert target([3, 4, 4], [0.0, 0.0, 0.0], border=1.0) == [3, 4, 4]  # known neighbours


def test_nothing_is_learnt_of_objects_that_are_held_back():
    assert target([3, 4, -1], [0.9, 0.9, 0], [4], border=1.0, trust_background=0.1) == [3, -2, 0]


@pytest.mark.parametrize(
    ("objects", "share", "expected"), [(4, 0.5, 0), (5, 0.01, 1), (10, 0.2, 2), (10, 0.0, 0)]
)
def test_a_share_of_the_objects_is_held_back(tiny_model, objects, share, expected):
    corrections = np.full((16, 16 * objects), -1, np.int32)
    for k in range(objects):
        corrections[4:12, 16 * k + 4 : 16 * k + 12] = k + 1
    frame = np.zeros((1, *corrections.shape), np.float32)
    config = replace(CONFIG, held_back=share)
    fine_tuning_set = build_fine_tuning_set(tiny_model(), [(frame, corrections)], config, "cpu")
    assert (fine_tuning_set.objects, fine_tuning_set.held_back) == (objects - expected, expected)
    assert (fine_tuning_set.held_out is None) == (expected == 0)
    learnt = {int(k) for k in np.unique(fine_tuning_set.samples[0].labels) if k > 0}
    asked = {q.counted[0] for q in fine_tuning_set.held_out.crops} if expected else set()
    assert len(asked) == expected and not learnt & asked
    assert learnt | asked == set(range(1, objects + 1))
    other = build_fine_tuning_set(
        tiny_model(), [(frame, corrections)], replace(config, seed=0), "cpu"
    )
    assert other.held_back == fine_tuning_set.held_back


def test_a_frame_whose_objects_are_all_held_back_is_not_learnt_from(tiny_model):
    one, many = np.zeros((32, 32), np.int32), np.zeros((32, 96), np.int32)
    one[4:12, 4:12] = 1
    for k in range(6):
        many[4:12, 16 * k + 2 : 16 * k + 10] = k + 1
    frames = [(np.zeros((1, *c.shape), np.float32), c) for c in (one, many)]
    for seed in range(20):
        config = replace(CONFIG, held_back=0.15, seed=seed)
        fine_tuning_set = build_fine_tuning_set(tiny_model(), frames, config, "cpu")
        assert all((sample.labels > 0).any() for sample in fine_tuning_set.samples)


def test_every_third_image_of_the_past_judges_and_every_sixth_chooses(tiny_model, discs):
    image, labels = discs()
    replay = [(image, np.where(labels > 0, labels + 100 * n, 0)) for n in range(12)]
    replayed = replay_set(tiny_model(), replay, "cpu")

    def numbers(label_images):
        return [int(truth.max() - labels.max()) // 100 for truth in label_images]

    assert numbers(crop.truth for crop in replayed.held_out.crops) == [2, 5, 8, 11]
    assert numbers(truth for _, truth in replayed.chosen_by) == [3, 9]
    assert numbers(sample.labels for sample in replayed.samples) == [0, 1, 4, 6, 7, 10]
    assert replay_set(tiny_model(), [], "cpu") == ([], None, [])


def test_the_planes_of_what_is_replayed_lie_as_far_apart_as_a_run_sees_them(tiny_model, discs):
    image, labels = discs((6, 32, 32))
    model = tiny_model(axes="ZYX", pixel_size=(1.0, 1.0, 1.0))
    replayed = replay_set(model, [(image, labels)] * 2, "cpu", [(2.0, 1.0, 1.0), None])
    assert [sample.labels.shape for sample in replayed.samples] == [(12, 32, 32), (6, 32, 32)]


def test_replayed_images_get_their_share(tiny_model, discs):
    image, labels = discs()
    model = tiny_model()
    replayed = replay_set(model, [(image, labels)] * 3, "cpu")
    half = np.where(labels <= 8, labels, -1)
    frames = [(image[None], labels), (image[None], half)]
    fine_tuning_set = build_fine_tuning_set(model, frames, replace(CONFIG, held_back=0.0), "cpu")
    assert sampling_weights(fine_tuning_set, replayed, 0.4) == pytest.approx([0.4, 0.2, 0.2, 0.2])
    assert sampling_weights(fine_tuning_set, replay_set(model, [], "cpu"), 0.4) == pytest.approx(
        [2 / 3, 1 / 3]
    )


def test_a_second_look_keeps_the_corrections_and_leaves_out_what_is_held_back(discs):
    image, labels = discs((96, 96), step=24, radius=10)
    model = load_model("nuclei-fluo")
    corrections = np.where(labels % 2, labels, -1)
    fine_tuning_set = build_fine_tuning_set(
        model, [(image[None] / 200, corrections)], replace(CONFIG, held_back=0.25), "cpu"
    )
    (source,), (sample,) = fine_tuning_set.corrected, fine_tuning_set.samples
    assert len(source.held_back) == fine_tuning_set.held_back == 2
    (again,) = samples_with_pseudo_labels(fine_tuning_set.corrected, model, "cpu")
    learnt = (corrections > 0) & ~np.isin(corrections, source.held_back)
    for one in (sample, again):
        assert_array_equal(one.labels[learnt], corrections[learnt])
        assert (one.labels[np.isin(corrections, source.held_back)] == -2).all()
    others = labels[(again.labels > 0) & (corrections < 0)]
    assert len(np.unique(others[others > 0])) == 8, "all that were not corrected are found"
    assert (sample.labels[labels % 2 == 0] == -1).all()


def test_questions_show_an_object_with_what_is_around_it():
    truth = np.full((300, 300), -1, np.int32)
    truth[100:110, 0:20], truth[200:210, 200:210] = 1, 2
    frame = np.arange(300 * 300, dtype=np.float32).reshape(1, 300, 300)
    first, second = crops_around(frame, truth, [1, 2])
    assert first.truth.shape == (106, 68) and second.truth.shape == (106, 106)
    assert first.frame[0, 0, 0] == frame[0, 52, 0]
    assert (first.counted, second.counted) == ((1,), (2,))
    assert crop_of_all(frame, truth).counted == (1, 2)


def test_marks_are_those_of_the_answers(monkeypatch, tiny_model):
    truth = np.zeros((1, 12), np.int32)
    truth[0, :4], truth[0, 6:10] = 1, 2
    answer = np.where(truth == 1, 5, 0)
    monkeypatch.setattr(
        "napari_pixel_embedding.core.fine_tuning.held_out._segmented",
        lambda model, frame, device: answer,
    )
    frame = np.zeros((1, 1, 12), np.float32)
    scores = HeldOutSet((crop_of_all(frame, truth), crop_of_all(frame, truth))).score(tiny_model())
    assert scores.ap == pytest.approx(0.5)
    assert (scores.errors.objects, scores.errors.matched, scores.errors.missed) == (4, 2, 2)


@settings(max_examples=25)
@given(st.integers(0, 2**31 - 1))
def test_far_from_corrections_only_what_the_parent_takes_for_background_is(seed):
    rng = np.random.default_rng(seed)
    corrections = np.full((24, 24), -1, np.int32)
    corrections[tuple(rng.integers(2, 22, 2))] = 1
    foreground = rng.random(corrections.shape).astype(np.float32)
    config = FineTuneConfig(border=3.0, trust_background=0.1)
    found = learning_target(corrections, foreground, [], config)
    far = ndimage.distance_transform_edt(corrections != 1) > 3.0
    assert not (found == 0)[far & (foreground >= 0.1)].any()
    assert ((found == -1) | (found == 0))[corrections == -1].all()
    assert_array_equal(found == 1, corrections == 1)


def test_scattered_objects_get_neighbours_when_the_model_is_sure_of_those_between(monkeypatch):
    labels = np.zeros((24, 40), np.int32)
    for k in range(4):
        labels[8:16, 10 * k + 1 : 10 * k + 9] = k + 1  # 2 px apart
    corrections = np.where(labels % 2, labels, -1)
    frame = np.zeros((1, *labels.shape), np.float32)
    assert len(prepare_sample(frame, corrections).neighbours) == 0
    emap = EmbeddingMap(
        5 * np.stack([labels, labels]).astype(np.float32),
        np.where(labels, 0.9, 0.05).astype(np.float32),
        None,
        "euclidean",
        0.5,
        1.5,
    )
    views = iter([emap, _mirrored(emap)])
    monkeypatch.setattr(targets_module, "predict_at_own_scale", lambda *_: next(views))
    source = CorrectedFrame(frame, corrections, [])
    (sample,) = samples_with_pseudo_labels([source], load_model("nuclei-fluo"), "cpu")
    assert len(sample.neighbours) == 3
    assert (sample.labels[corrections > 0] == corrections[corrections > 0]).all()


def _mirrored(emap):
    turned = np.ascontiguousarray(emap.embedding[:, ::-1]), emap.foreground[::-1].copy()
    return replace(emap, embedding=turned[0], foreground=turned[1])


def test_held_out_objects_do_not_choose_cluster_parameters(tiny_model):
    corrections = np.full((16, 160), -1, np.int32)
    for k in range(10):
        corrections[4:12, 16 * k + 4 : 16 * k + 12] = k + 1
    frame = np.zeros((1, *corrections.shape), np.float32)
    config = replace(CONFIG, held_back=0.2, border=2.0)
    found = build_fine_tuning_set(tiny_model(), [(frame, corrections)], config, "cpu")
    ((_, labels),) = found.labelled_frames
    held_back = np.isin(corrections, found.corrected[0].held_back)
    assert held_back.sum() == 2 * 64 and (labels[held_back] < 0).all()
    assert_array_equal(
        labels[~held_back & (corrections > 0)], corrections[~held_back & (corrections > 0)]
    )

"""Scores of a model on annotated images."""

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.evaluation import evaluate as evaluate_module
from napari_pixel_embedding.core.evaluation.evaluate import IOU_THRESHOLDS, evaluate, score
from napari_pixel_embedding.core.inference.predict import predict_frames

PERFECT = {"ap50": 1, "ap75": 1, "ap": 1, "sbd": 1, "dic": 0, "pq": 1}


@pytest.fixture
def segmented(monkeypatch):
    """Replace the segmentation by given label images; remember what it was asked."""

    def make(labels):
        answers, asked = iter(labels), []

        def fake(model, stack, *how):
            asked.append(stack)
            return next(answers)

        monkeypatch.setattr(evaluate_module, "_segmented", fake)
        return asked

    return make


def values(scores):
    return {name: getattr(scores, name) for name in PERFECT}


def test_thresholds_go_from_a_half_to_95_percent():
    assert IOU_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def test_a_perfect_segmentation_scores_1(discs, segmented, tiny_model):
    image, labels = discs()
    asked = segmented([labels, labels.T])
    told = []
    scores = evaluate(
        tiny_model(), [image, image.T], [labels, labels.T], axes="YX", progress=told.append
    )
    assert values(scores) == PERFECT
    assert scores.images == 2
    assert scores.seconds > 0
    assert told == [0.5, 1]
    assert [stack.axes for stack in asked] == ["YX", "YX"]


def test_scores_by_hand(discs):
    # 16 discs in truth; 12 are found exactly, 4 are missed, and there is a large wrong object.
    _, labels = discs()
    ids = np.unique(labels[labels > 0])
    found = np.where(np.isin(labels, ids[:12]), labels, 0)
    found[12:16, :] = np.where(labels[12:16] == 0, 999, found[12:16])
    scores = score([labels], [found])
    assert scores.ap50 == scores.ap75 == scores.ap == pytest.approx(12 / (12 + 1 + 4))
    assert scores.dic == 3
    assert scores.pq == pytest.approx(12 / (12 + 0.5 + 2))
    assert scores.sbd == pytest.approx(12 / 16)


def test_an_untrained_model_scores_little(discs, tiny_model):
    image, labels = discs()
    scores = evaluate(tiny_model(), [image], [labels], device="cpu")
    assert 0 <= scores.ap <= scores.ap50 < 0.5


def test_images_and_labels_must_pair_up(tiny_model):
    with pytest.raises(ValueError, match="found 1 images and 0 label images"):
        evaluate(tiny_model(), [np.zeros((4, 4))], [])
    with pytest.raises(ValueError, match="found 0 images and 0 label images"):
        evaluate(tiny_model(), [], [])


def test_every_image_has_its_spacing(discs, segmented, tiny_model):
    image, labels = discs()
    asked = segmented([labels, labels])
    evaluate(tiny_model(), [image] * 2, [labels] * 2, spacing=[None, (2.0, 1.0)])
    assert [stack.spacing for stack in asked] == [None, (2.0, 1.0)]


@pytest.mark.parametrize("axes", ["YX", "TYX"])
def test_distance_seeds_can_be_left_out(discs, tiny_model, monkeypatch, axes):
    image, labels = discs()
    if axes == "TYX":
        image, labels = np.stack([image, image.T]), np.stack([labels, labels.T])
    seen = []
    cluster = evaluate_module.cluster

    def watch(emap, *how):
        seen.append(emap.distance)
        return cluster(emap, *how)

    monkeypatch.setattr(evaluate_module, "cluster", watch)
    model, params = tiny_model(), ClusterParams(foreground_threshold=0.2, min_size=0)
    frames = predict_frames(model, image, axes=axes, device="cpu")
    expected = [build_cluster_index(replace(emap, distance=None)).cut(params) for emap in frames]
    found = evaluate(
        model, [image], [labels], params=params, axes=axes, device="cpu", distance_seeds=False
    )
    assert seen == [None] * len(expected)
    cut = expected[0] if axes == "YX" else np.stack(expected)
    assert values(found) == values(score([labels], [cut]))


def test_a_set_without_objects_has_no_precision():
    nothing, false = np.zeros((8, 8), int), np.kron([[1, 0], [0, 2]], np.ones((4, 4), int))
    for found, count in (([nothing] * 2, 0), ([nothing, false], 1)):
        scores = score([nothing] * 2, found)
        assert np.isnan([scores.ap50, scores.ap75, scores.ap, scores.sbd, scores.pq]).all()
        assert (scores.dic, scores.images) == (count, 2)


def test_an_image_without_objects_counts_among_others():
    nothing, cells = np.zeros((8, 8), int), np.kron([[1, 0], [0, 2]], np.ones((4, 4), int))
    assert values(score([nothing, cells], [nothing, cells])) == PERFECT
    assert score([nothing, cells], [cells, cells]).ap50 == 0.5  # two found too many

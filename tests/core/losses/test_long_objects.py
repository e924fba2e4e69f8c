"""Objects longer than the network sees: pulled together window by window."""

import numpy as np
import pytest
import torch

from napari_pixel_embedding import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.losses.long_objects import cut_at_windows
from napari_pixel_embedding.core.losses.terms import Objects
from napari_pixel_embedding.core.model.config import ModelConfig
from tests.core.training.test_objective import EVERY, batch_of, loss_terms, output_of

LENGTH = 64
DRIFT = 0.1
"""Change of the first component from a pixel to the next."""


def filaments(between=3.0):
    """Two filaments side by side, whose vectors drift along them, ``between`` apart."""
    labels = np.zeros((7, LENGTH), np.int64)
    labels[1:3], labels[3:5] = 1, 2
    embedding = np.zeros((2, 7, LENGTH), np.float32)
    embedding[0] = DRIFT * np.arange(LENGTH)
    embedding[1, 3:5] = between
    return embedding, labels


def terms_of(window, between=3.0):
    embedding, labels = filaments(between)
    config = ModelConfig(embedding_dim=2, pull_window=window)
    return loss_terms(output_of(embedding), batch_of(labels, [(1, 2)]), config, EVERY)


def test_within_a_window_drift_costs_nothing_over_the_whole_object_it_does():
    assert terms_of(None)["intra"] > 1
    assert terms_of(8.0)["intra"] == 0  # 0.4 from the mean at most, less than the margin
    assert terms_of(24.0)["intra"] > 0


@pytest.mark.parametrize("window", [None, 8.0])
def test_neighbours_are_pushed_apart_all_the_same(window):
    assert terms_of(window)["inter"] == pytest.approx(0, abs=1e-6)
    assert terms_of(window, between=0.5)["inter"] > 1


def parts(window, labels=None):
    labels = torch.as_tensor(filaments()[1] if labels is None else labels)[None]
    objects = Objects.from_labels(labels)
    pairs = objects.neighbour_pairs([torch.tensor([[1, 2]])])
    return objects, *cut_at_windows(objects, pairs, labels.shape[1:], window)


def test_parts_hold_every_pixel_once_and_know_their_object():
    objects, cut, _ = parts(16.0)
    assert torch.equal(cut.pixels, objects.pixels) and int(cut.size.sum()) == len(cut.pixels)
    assert torch.equal(cut.label[cut.owner], objects.label[objects.owner])
    assert 4 <= len(cut) // 2 <= 10  # 64 pixels at 16 each, perhaps cut across as well
    columns = cut.pixels % LENGTH
    for part in range(len(cut)):
        assert np.ptp(columns[cut.owner == part].numpy()) < 16


def test_only_parts_of_different_objects_in_windows_that_touch_are_paired():
    _, cut, pairs = parts(8.0)
    columns = torch.tensor(
        [float((cut.pixels % LENGTH)[cut.owner == k].float().mean()) for k in range(len(cut))]
    )
    assert len(pairs)
    assert (cut.label[pairs[:, 0]] != cut.label[pairs[:, 1]]).all()
    assert (columns[pairs[:, 0]] - columns[pairs[:, 1]]).abs().max() < 16
    assert {tuple(p) for p in pairs.tolist()} == {(b, a) for a, b in pairs.tolist()}


def test_a_window_larger_than_the_image_cuts_at_most_once_along_each_axis():
    objects, cut, _ = parts(1000.0)
    assert len(objects) == 2 and len(cut) <= 8


def test_without_objects_there_are_no_parts():
    _, cut, pairs = parts(8.0, np.zeros((4, 5), np.int64))
    assert len(cut) == 0 and len(pairs) == 0


def test_the_index_keeps_a_drifting_object_whole():
    embedding, labels = filaments()
    wide = np.repeat(np.repeat(embedding, 4, 1), 4, 2)
    shown = np.repeat(np.repeat(labels > 0, 4, 0), 4, 1).astype(np.float32)
    params = ClusterParams(bandwidth=1.5, min_size=0)
    counts = [
        build_cluster_index(EmbeddingMap(wide, shown, drifts=drifts)).count(params)
        for drifts in (False, True)
    ]
    assert counts[0] > 4 and counts[1] == 2

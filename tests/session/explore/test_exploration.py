"""Looking into an embedding: the newest wish counts, and nothing outlives what it belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.embedding.colors import fit_color_basis
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.similarity import similarity_to_pixel
from napari_pixel_embedding.session import ImmediateExecutor, Session
from napari_pixel_embedding.session.explore.exploration import Exploration


def two_objects(seed=0, **kwargs):
    """Columns 1–3 lie around (0, 0), columns 5–7 around (9, 0); the rest is background."""
    rng = np.random.default_rng(seed)
    embedding = rng.normal(scale=0.1, size=(2, 6, 9)).astype(np.float32)
    embedding[0, :, 5:] += 9
    foreground = np.zeros((6, 9), np.float32)
    foreground[:, 1:4] = foreground[:, 5:8] = 1
    return EmbeddingMap(embedding, foreground, **kwargs)


LABELS = np.zeros((6, 9), np.uint16)
LABELS[:, 1:4], LABELS[:, 5:8] = 3, 8


def explored(executor, *maps, labels=LABELS):
    session = Session(embedding_maps=maps or (two_objects(),), labels=labels)
    return Exploration(session, executor), session


@pytest.fixture
def now():
    """An exploration whose work is done before its methods return, and its session."""
    return explored(ImmediateExecutor())


def around(exploration, ids):
    """Draw a lasso around the points of some objects."""
    cloud = exploration.state.scatter.cloud
    chosen = np.isin(LABELS.ravel()[cloud.pixels], ids)
    low, high = (f(cloud.points[:, chosen], axis=1) for f in (np.min, np.max))
    (x0, y0), (x1, y1) = low - 0.1, high + 0.1
    exploration.lasso([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def test_similarity_follows_the_cursor_until_it_is_held(now):
    exploration, session = now
    state = exploration.state
    exploration.hover(0, (2, 2))
    assert state.similarity is None
    exploration.show_similarity(True)
    expected = similarity_to_pixel(session.embedding_maps[0], (2, 2))
    np.testing.assert_allclose(state.similarity.distance, expected, atol=1e-6)
    exploration.hover(0, (2, 6))
    assert state.pick.index == (2, 6)
    assert state.cursor_distance == 0
    exploration.hold(True)
    exploration.hover(0, (2, 2))
    assert state.pick.index == (2, 6)
    assert state.cursor_distance == pytest.approx(9, abs=0.5)
    assert state.similarity.distance[2, 6] == 0
    exploration.pin(0, (3, 3))
    assert state.held
    assert state.similarity.distance[3, 3] == 0
    exploration.show_similarity(False)
    assert state.similarity is None


def test_cosine_distance_under_the_cursor():
    vectors = np.array([[[2.0, 0.0, 1.0]], [[0.0, 3.0, 1.0]]], np.float32)
    emap = EmbeddingMap(vectors, np.ones((1, 3), np.float32), space="cosine")
    exploration, _ = explored(ImmediateExecutor(), emap, labels=None)
    exploration.pin(0, (0, 0))
    for column, expected in ((1, 1.0), (2, 1 - np.sqrt(0.5))):
        exploration.hover(0, (0, column))
        assert exploration.state.cursor_distance == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("frame", "index"), [(0, (-1, 2)), (0, (2, 9)), (0, (2,)), (1, (2, 2)), (-1, (2, 2))]
)
def test_beside_the_image_the_last_pick_stays(now, frame, index):
    exploration, session = now
    exploration.hover(0, (2, 2))
    exploration.hover(frame, index)
    assert exploration.state.pick.index == (2, 2)
    assert exploration.state.cursor_distance is None
    assert session.error is None


def test_a_pixel_without_a_vector_is_not_picked():
    emap = two_objects()
    emap.embedding[0, 1, 1] = np.nan
    exploration, _ = explored(ImmediateExecutor(), emap)
    exploration.pin(0, (1, 1))
    assert exploration.state.pick is None
    assert not exploration.state.held


def test_a_region_and_another_frame_are_compared_with_the_same_vector():
    exploration, session = explored(ImmediateExecutor(), two_objects(0), two_objects(1))
    exploration.show_similarity(True)
    exploration.pin(0, (2, 2))
    region = (slice(1, 2), slice(None))
    exploration.look_at(1, region)
    similarity = exploration.state.similarity
    assert (similarity.frame, similarity.region) == (1, region)
    vector = session.embedding_maps[0].embedding[:, 2, 2]
    expected = np.linalg.norm(session.embedding_maps[1].embedding[:, 1] - vector[:, None], axis=0)
    np.testing.assert_allclose(similarity.distance[0], expected, rtol=1e-5)


def test_a_plot_shares_the_colours_basis_and_follows_it(now):
    exploration, session = now
    exploration.show_scatter(True)
    scatter = exploration.state.scatter
    assert scatter.cloud.count == 36
    assert session.color_basis is scatter.basis
    other = fit_color_basis(two_objects(5))
    session.color_basis = other
    assert exploration.state.scatter.basis is other
    exploration.show_scatter(False)
    assert exploration.state.scatter is None


def test_a_basis_that_does_not_fit_the_new_embedding_is_fitted_anew(now):
    exploration, session = now
    exploration.show_scatter(True)
    first = session.color_basis
    session.embedding_maps = (two_objects(1),)
    assert session.color_basis is first
    rng = np.random.default_rng(0)
    wider = EmbeddingMap(rng.normal(size=(5, 6, 9)).astype(np.float32), np.ones((6, 9)))
    session.embedding_maps = (wider,)
    assert len(session.color_basis.mean) == 5
    assert exploration.state.scatter.basis is session.color_basis
    assert session.error is None


def test_a_lasso_selects_pixels_and_objects(now):
    exploration, _ = now
    exploration.show_scatter(True)
    around(exploration, [8])
    selection = exploration.state.selection
    np.testing.assert_array_equal(selection.ids, [8])
    assert selection.pixel_count == 18
    np.testing.assert_array_equal(selection.mask, 2 * (LABELS == 8))
    assert 0 < np.count_nonzero(selection.marks) <= 18 * 4
    assert not (selection.marks > exploration.state.scatter.density).any()
    exploration.lasso([])
    assert exploration.state.selection is None


def test_pixels_in_a_lasso_without_their_object():
    labels = np.where(LABELS == 8, LABELS, 0)
    labels[0, :8] = 8  # the object reaches into the other one, with a few pixels
    exploration, _ = explored(ImmediateExecutor(), labels=labels)
    exploration.show_scatter(True)
    around(exploration, [3])
    selection = exploration.state.selection
    assert selection.ids.size == 0
    np.testing.assert_array_equal(selection.mask, LABELS == 3)


def test_a_lasso_follows_the_labels(now):
    exploration, session = now
    exploration.show_scatter(True)
    around(exploration, [3, 8])
    np.testing.assert_array_equal(exploration.state.selection.ids, [3, 8])
    session.labels = np.minimum(LABELS, 1)
    np.testing.assert_array_equal(exploration.state.selection.ids, [1])
    session.labels = None
    assert exploration.state.selection.ids.size == 0
    assert exploration.state.selection.pixel_count == 36


def test_choosing_an_object_marks_its_points(now):
    exploration, session = now
    exploration.choose_objects([3])
    assert exploration.state.selection is None
    exploration.show_scatter(True)
    selection = exploration.state.selection
    assert selection.pixel_count == 18
    np.testing.assert_array_equal(selection.mask == 2, LABELS == 3)
    exploration.choose_objects([77])
    assert exploration.state.selection.pixel_count == 0
    assert not exploration.state.selection.marks.any()
    exploration.choose_objects([0])
    assert exploration.state.selection is None
    assert session.error is None


def test_labels_of_the_frame_that_is_looked_at():
    frames = np.stack([LABELS, LABELS[:, ::-1]])
    exploration, _ = explored(ImmediateExecutor(), two_objects(0), two_objects(1), labels=frames)
    exploration.show_scatter(True)
    exploration.choose_objects([3])
    exploration.look_at(1)
    assert exploration.state.scatter.frame == exploration.state.selection.frame == 1
    np.testing.assert_array_equal(exploration.state.selection.mask == 2, frames[1] == 3)


def test_another_plane_drops_the_lasso_and_keeps_chosen_objects():
    exploration, _ = explored(ImmediateExecutor(), two_objects(position_channels=2))
    exploration.show_scatter(True)
    around(exploration, [3])
    exploration.set_components(None)
    assert exploration.state.choice is None
    assert exploration.state.scatter.components is None
    exploration.choose_objects([3])
    exploration.set_components((0, 2))
    assert exploration.state.selection.pixel_count == 18


def test_results_go_with_the_image_and_intentions_that_still_mean_something_stay(now):
    exploration, session = now
    state = exploration.state
    exploration.show_scatter(True)
    exploration.show_similarity(True)
    exploration.pin(0, (2, 2))
    exploration.choose_objects([3])
    session.embedding_maps = (two_objects(4),)
    expected = similarity_to_pixel(session.embedding_maps[0], (2, 2))
    np.testing.assert_allclose(state.similarity.distance, expected, atol=1e-6)
    assert state.held
    assert state.selection.pixel_count == 18
    assert state.scatter.emap is session.embedding_maps[0]
    session.embedding_maps = ()
    assert state.pick is state.similarity is state.scatter is state.selection is state.choice
    assert state.pick is None
    assert not state.held
    assert (state.similarity_wanted, state.scatter_wanted) == (True, True)


def test_a_fast_cursor_starves_nothing_and_the_last_pixel_wins(queue):
    exploration, _ = explored(queue)
    exploration.show_similarity(True)
    for column in range(9):
        exploration.hover(0, (2, column))
    assert len(queue.jobs) == 1
    queue.work()
    queue.deliver()
    assert exploration.state.similarity.distance[2, 0] == 0  # the first is shown
    assert len(queue.jobs) == 1  # and of all others only the last was waiting
    queue.settle()
    assert exploration.state.similarity.distance[2, 8] == 0


def test_answers_about_a_former_embedding_are_dropped(queue):
    exploration, session = explored(queue)
    exploration.show_scatter(True)
    exploration.show_similarity(True)
    exploration.hover(0, (2, 2))
    while queue.jobs:
        queue.work()
    session.embedding_maps = ()
    queue.settle()
    assert exploration.state.scatter is exploration.state.similarity is None
    assert session.color_basis is None


def test_after_closing_nothing_is_done(queue):
    exploration, session = explored(queue)
    exploration.show_scatter(True)
    exploration.close()
    queue.settle()
    session.embedding_maps = (two_objects(2),)
    assert not queue.jobs
    assert exploration.state.scatter is None

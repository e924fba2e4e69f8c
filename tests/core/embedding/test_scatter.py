"""Points on a plane: where they lie, how dense they are, and which of them a lasso holds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pixel_embedding.core.embedding.colors import fit_color_basis
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.scatter import (
    POSITION,
    PointCloud,
    density_image,
    disc_radius,
    objects_inside,
    place_on_plane,
    points_in_lasso,
    project_to_plane,
    raster,
)
from napari_pixel_embedding.core.embedding.similarity import similarity_to_pixel, vector_at


def random_map(shape=(5, 12, 14), seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    foreground = rng.uniform(size=shape[1:]).astype(np.float32)
    return EmbeddingMap(rng.normal(size=shape).astype(np.float32), foreground, **kwargs)


def cloud_of(points, shape=None):
    points = np.asarray(points, np.float32)
    low, side = points.min(axis=1), max(float(np.ptp(points, axis=1).max()), 1e-6)
    pixels = np.arange(points.shape[1])
    return PointCloud(points, pixels, shape or (len(pixels),), (low[0], low[1]), side)


def even_odd(points, corners):
    """An independent look: one point at a time, one side at a time."""
    inside = []
    for x, y in points.T.astype(float):
        odd = False
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if (y0 <= y) != (y1 <= y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                odd = not odd
        inside.append(odd)
    return np.array(inside)


@pytest.mark.parametrize("shape", [(5, 12, 14), (3, 4, 5, 6), (2, 9, 1), (1, 1, 7)])
@pytest.mark.parametrize("space", ["euclidean", "cosine"])
def test_points_are_the_foreground_in_colour_coordinates(shape, space):
    emap = random_map(shape, space=space)
    basis = fit_color_basis(emap)
    cloud = project_to_plane(emap, basis, foreground_threshold=0.3)
    np.testing.assert_array_equal(cloud.pixels, np.flatnonzero(emap.foreground.ravel() > 0.3))
    vectors = emap.embedding.reshape(shape[0], -1)[:, cloud.pixels]
    if space == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=0)
    expected = basis.components[:2] @ (vectors - basis.mean[:, None])
    np.testing.assert_allclose(cloud.points, expected, atol=1e-5)
    assert cloud.shape == shape[1:]
    for axis, start in zip(cloud.points, cloud.origin, strict=True):
        assert start < axis.min()
        assert axis.max() < start + cloud.side


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("components", [(0, 1), (2, 0), POSITION])
def test_a_vector_is_placed_where_its_pixel_is(space, components):
    emap = random_map((4, 3, 5, 6), space=space, position_channels=2)
    basis = fit_color_basis(emap)
    cloud = project_to_plane(emap, basis, components)
    index = np.unravel_index(cloud.pixels[7], emap.shape)
    placed = place_on_plane(vector_at(emap, index), emap, basis, components)
    np.testing.assert_allclose(placed, cloud.points[:, 7], atol=1e-5)


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("positions", [0, 2])
def test_the_disc_holds_every_pixel_within_the_bandwidth(space, positions):
    emap = random_map((4, 20, 20), space=space, position_channels=positions)
    cloud = project_to_plane(emap, fit_color_basis(emap))
    distance = similarity_to_pixel(emap, np.unravel_index(cloud.pixels[0], emap.shape))
    away = np.hypot(*(cloud.points - cloud.points[:, :1]))
    within = distance.ravel()[cloud.pixels] <= 0.4
    assert 0 < within.sum() < cloud.count
    assert away[within].max() <= disc_radius(space, 0.4) + 1e-5


def test_chord_of_a_cosine_bandwidth():
    assert disc_radius("cosine", 2.0) == 2.0  # opposite unit vectors
    assert disc_radius("cosine", 1.0) == pytest.approx(math.sqrt(2))


def test_the_plane_of_positions_looks_like_the_image():
    rows, columns = np.mgrid[:4, :6].astype(np.float32)
    embedding = np.stack([rows, columns, 9 * np.ones_like(rows)])
    emap = EmbeddingMap(embedding, np.ones((4, 6), np.float32), position_channels=2)
    cloud = project_to_plane(emap, fit_color_basis(emap), POSITION)
    np.testing.assert_array_equal(cloud.points, [columns.ravel(), -rows.ravel()])
    with pytest.raises(ValueError, match="at least 2 position channels, found 0"):
        project_to_plane(random_map(), fit_color_basis(random_map()), POSITION)


def test_bad_planes_are_refused_in_words():
    emap = random_map()
    with pytest.raises(ValueError, match="two of 0, 1 and 2"):
        project_to_plane(emap, fit_color_basis(emap), (0, 3))
    with pytest.raises(ValueError, match="5 components, found an embedding of 4"):
        project_to_plane(random_map((4, 3, 3)), fit_color_basis(emap))


def test_no_foreground_and_no_finite_vector_give_no_points():
    emap = random_map()
    nothing = EmbeddingMap(emap.embedding, np.zeros(emap.shape, np.float32))
    cloud = project_to_plane(nothing, fit_color_basis(nothing))
    assert cloud.count == 0
    assert not density_image(raster(cloud, 8)).any()
    assert points_in_lasso(cloud, [(-9, -9), (9, -9), (0, 9)]).shape == (0,)
    broken = emap.embedding.copy()
    broken[1, 3] = np.nan
    pixels = project_to_plane(
        EmbeddingMap(broken, np.ones(emap.shape, np.float32)), fit_color_basis(emap)
    ).pixels
    np.testing.assert_array_equal(np.setdiff1d(np.arange(12 * 14), pixels) // 14, [3] * 14)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_one_component_is_a_line_and_a_constant_is_a_point(scale):
    line = EmbeddingMap(
        np.linspace(0, scale, 50, dtype=np.float32)[None, None], np.ones((1, 50), np.float32)
    )
    cloud = project_to_plane(line, fit_color_basis(line))
    assert (cloud.points[1] == 0).all()
    assert np.ptp(cloud.points[0]) == pytest.approx(scale, rel=1e-4)
    point = EmbeddingMap(np.full((3, 2, 2), scale, np.float32), np.ones((2, 2), np.float32))
    counts = raster(project_to_plane(point, fit_color_basis(point)), 9)
    assert counts.max() == counts.sum() == 4


@given(hnp.arrays(np.float32, (2, 40), elements=st.floats(-1e3, 1e3, width=32)), st.integers(1, 40))
def test_every_point_is_counted_once(points, bins):
    cloud = cloud_of(points)
    chosen = points[0] > 0
    counts = raster(cloud, bins)
    assert counts.shape == (bins, bins)
    assert counts.sum() == 40
    some = raster(cloud, bins, chosen)
    assert some.sum() == chosen.sum()
    assert (some <= counts).all()


def test_rows_of_the_raster_count_upwards():
    cloud = cloud_of([[0, 1, 1, 1], [0, 0, 1, 1]])
    np.testing.assert_array_equal(raster(cloud, 2), [[1, 1], [0, 2]])
    with pytest.raises(ValueError, match="at least 1 cell"):
        raster(cloud, 0)


def test_density_is_logarithmic_and_shows_single_points():
    image = density_image(np.array([[0, 1, 10, 1000]]))
    assert image.dtype == np.uint8
    assert image[0, 0] == 0
    assert image[0, -1] == 255
    assert 40 < image[0, 1] < image[0, 2] < 255
    assert image[0, 2] == pytest.approx(96 + 159 * math.log(11) / math.log(1001), abs=1)


corner = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@given(st.lists(corner, min_size=3, max_size=12), st.integers(0, 99))
def test_lasso_agrees_with_looking_at_every_side(corners, seed):
    points = np.random.default_rng(seed).normal(size=(2, 300)).astype(np.float32)
    corners = np.array(corners)
    inside = points_in_lasso(cloud_of(points), corners)
    np.testing.assert_array_equal(inside, even_odd(points, corners))


@given(st.lists(st.tuples(st.integers(-2, 9), st.integers(-2, 9)), min_size=3, max_size=8))
def test_lasso_through_points_and_along_cells(corners):
    points = np.mgrid[:8, :8].reshape(2, -1).astype(np.float32)
    inside = points_in_lasso(cloud_of(points), corners)
    np.testing.assert_array_equal(inside, even_odd(points, np.array(corners, float)))


def test_a_huge_lasso_holds_all_and_costs_no_memory():
    cloud = cloud_of(np.random.default_rng(0).normal(size=(2, 500)))
    assert points_in_lasso(cloud, [(-1e12, -1e12), (1e12, -1e12), (0, 1e12)]).all()


@pytest.mark.parametrize("lasso", [[], [(0, 0)], [(0, 0), (1, 1)]])
def test_less_than_a_triangle_holds_nothing(lasso):
    assert not points_in_lasso(cloud_of([[0, 1], [0, 1]]), lasso).any()


def test_a_lasso_without_numbers_is_refused():
    with pytest.raises(ValueError, match="finite"):
        points_in_lasso(cloud_of([[0, 1], [0, 1]]), [(0, 0), (1, np.nan), (2, 2)])


def test_objects_are_inside_with_more_than_half_of_their_points():
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 7, 7])
    inside = np.array([1, 1, 1, 0, 1, 1, 0, 1, 1], bool)
    np.testing.assert_array_equal(objects_inside(labels, inside), [2, 7])
    np.testing.assert_array_equal(objects_inside(labels, inside, 0.4), [1, 2, 7])
    assert objects_inside(labels, np.zeros(9, bool)).size == 0
    assert objects_inside(np.zeros(0, int), np.zeros(0, bool)).size == 0
    with pytest.raises(ValueError, match="one shape"):
        objects_inside(labels, inside[:3])

"""Colours that mean the same on every frame, and distances to a picked pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding.core.embedding.colors import (
    ColorBasis,
    basis_fits,
    embedding_to_rgb,
    fit_color_basis,
)
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.similarity import (
    similarity_to_pixel,
)


def random_map(shape=(5, 12, 14), seed=0, dtype=np.float32, **kwargs):
    rng = np.random.default_rng(seed)
    stretch = np.arange(shape[0], 0, -1).reshape(-1, *[1] * (len(shape) - 1))
    embedding = (rng.normal(size=shape) * stretch).astype(dtype)
    foreground = np.ones(shape[1:], np.float32)
    return EmbeddingMap(embedding, foreground, **kwargs)


def test_components_are_orthonormal_directions_of_falling_variance():
    emap = random_map((5, 40, 50))
    basis = fit_color_basis(emap)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(3), atol=1e-5)
    vectors = emap.embedding.reshape(5, -1)
    spread = np.var(basis.components @ vectors, axis=1)
    eigenvalues = np.linalg.eigvalsh(np.cov(vectors, bias=True))[::-1]
    np.testing.assert_allclose(spread, eigenvalues[:3], rtol=1e-3)


def test_the_largest_entry_of_a_component_is_positive():
    for seed in range(5):
        for component in fit_color_basis(random_map(seed=seed)).components:
            assert component[np.abs(component).argmax()] > 0


def test_range_is_the_1st_to_99th_percentile():
    emap = random_map((1, 1, 1001))
    basis = fit_color_basis(emap)
    low, high = np.percentile(emap.embedding, (1, 99)) - emap.embedding.mean()
    np.testing.assert_allclose((basis.low[0], basis.high[0]), (low, high), rtol=1e-5)


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("shape", [(16, 9, 7), (3, 4, 5, 6), (2, 1, 9), (1, 1, 1)])
def test_colours_have_the_pixels_of_the_map(space, dtype, shape):
    rgb = embedding_to_rgb(random_map(shape, dtype=dtype, space=space))
    assert rgb.shape == (*shape[1:], 3)
    assert rgb.dtype == np.uint8


def test_the_same_vector_has_the_same_colour_on_another_frame():
    first, second = random_map(seed=1), random_map(seed=2)
    basis = fit_color_basis(first)
    mixed = second.embedding.copy()
    mixed[:, 3:5] = first.embedding[:, 7:9]
    rgb = embedding_to_rgb(EmbeddingMap(mixed, second.foreground), basis)
    np.testing.assert_array_equal(rgb[3:5], embedding_to_rgb(first, basis)[7:9])


def test_colours_repeat_and_do_not_depend_on_how_pixels_are_worked_on_in_parts():
    emap = random_map((4, 300, 300))
    basis = fit_color_basis(emap)
    rgb = embedding_to_rgb(emap, basis)
    np.testing.assert_array_equal(rgb, embedding_to_rgb(emap))
    row = EmbeddingMap(emap.embedding[:, 250:251], emap.foreground[250:251])
    np.testing.assert_array_equal(rgb[250:251], embedding_to_rgb(row, basis))


def test_foreground_scales_colours_down_to_black():
    embedding = np.array([[[0.0, 1.0, 1.0, 1.0]]], np.float32)
    foreground = np.array([[1.0, 1.0, 0.5, 0.0]], np.float32)
    basis = ColorBasis(
        *(np.array(a, np.float32) for a in ([0.0], [[1], [0], [0]], [0, -1, -1], [1] * 3))
    )
    rgb = embedding_to_rgb(EmbeddingMap(embedding, foreground), basis)
    expected = [[0, 128, 128], [255, 128, 128], [128, 64, 64], [0, 0, 0]]
    np.testing.assert_allclose(rgb[0].astype(int), expected, atol=1)


@pytest.mark.parametrize("dim", [1, 2])
def test_missing_components_are_half(dim):
    rgb = embedding_to_rgb(random_map((dim, 20, 20)))
    assert (rgb[..., dim:] == 128).all()
    assert np.ptp(rgb[..., 0]) == 255


def test_a_constant_embedding_is_grey():
    emap = EmbeddingMap(np.full((4, 3, 3), 7.0, np.float32), np.ones((3, 3), np.float32))
    assert (embedding_to_rgb(emap) == 128).all()


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_without_finite_vectors_are_black_and_change_no_other(space, bad):
    emap = random_map(space=space)
    basis = fit_color_basis(emap)
    broken = emap.embedding.copy()
    broken[2, 4, 4] = bad
    rgb = embedding_to_rgb(EmbeddingMap(broken, emap.foreground, space=space), basis)
    expected = embedding_to_rgb(emap, basis)
    expected[4, 4] = 0
    np.testing.assert_array_equal(rgb, expected)
    fitted = fit_color_basis(EmbeddingMap(broken, emap.foreground, space=space))
    assert np.isfinite(fitted.components).all()


def test_nothing_finite_and_no_foreground_still_give_an_image():
    nothing = EmbeddingMap(np.full((4, 2, 3), np.nan, np.float32), np.zeros((2, 3), np.float32))
    assert not embedding_to_rgb(nothing).any()
    foreground = np.full((12, 14), np.nan, np.float32)
    assert not embedding_to_rgb(EmbeddingMap(random_map().embedding, foreground)).any()


@given(st.floats(1e-4, 1e4))
def test_colours_do_not_depend_on_the_scale_of_the_embedding(scale):
    emap = random_map()
    scaled = EmbeddingMap((emap.embedding * scale).astype(np.float32), emap.foreground)
    difference = embedding_to_rgb(scaled).astype(int) - embedding_to_rgb(emap)
    assert np.abs(difference).max() <= 1


def test_the_fit_looks_at_the_foreground_only():
    emap = random_map()
    foreground = emap.foreground.copy()
    foreground[:4] = 0.0
    inside = EmbeddingMap(emap.embedding[:, 4:], foreground[4:])
    whole = fit_color_basis(EmbeddingMap(emap.embedding, foreground))
    np.testing.assert_allclose(whole.components, fit_color_basis(inside).components, atol=1e-6)


def test_bad_input_is_refused_in_words():
    emap = random_map()
    broken = emap.embedding.copy()
    broken[0, 1, 1] = np.nan
    with pytest.raises(ValueError, match="no finite vector"):
        similarity_to_pixel(EmbeddingMap(broken, emap.foreground), (1, 1))
    with pytest.raises(ValueError, match="5 components, found an embedding of 4"):
        embedding_to_rgb(random_map((4, 3, 3)), fit_color_basis(emap))
    with pytest.raises(ValueError, match="at least 2"):
        fit_color_basis(emap, sample=1)
    with pytest.raises(ValueError, match="found the shapes"):
        ColorBasis(np.zeros(3), np.zeros((2, 3)), np.zeros(3), np.ones(3))


def test_positions_among_the_components_wrap_so_that_neighbours_keep_differing() -> None:
    position = np.repeat(np.arange(0.0, 600.0, 3.0), 4)[None, None]  # objects 3 apart, far across
    embedding = np.concatenate([position, np.zeros_like(position)]).astype(np.float32)
    emap = EmbeddingMap(embedding, np.ones(position.shape[1:], np.float32), position_channels=1)
    rgb = embedding_to_rgb(emap)[0].astype(int)
    step = np.abs(np.diff(rgb[::4], axis=0)).sum(axis=1)
    assert step.min() > 60
    assert (np.ptp(rgb.reshape(-1, 4, 3), axis=1) == 0).all()


def test_a_kept_basis_fits_frames_of_its_model_and_no_other_embedding():
    emap = random_map()
    basis = fit_color_basis(emap)
    assert basis_fits(basis, emap)
    assert basis_fits(basis, random_map(seed=1))
    assert basis_fits(basis, random_map((5, 3, 2), seed=2))
    assert not basis_fits(basis, random_map((4, 12, 14)))
    far = EmbeddingMap(emap.embedding + 50, emap.foreground)
    assert not basis_fits(basis, far)
    assert not basis_fits(basis, EmbeddingMap(30 * emap.embedding, emap.foreground))
    nothing = EmbeddingMap(np.full((5, 2, 2), np.nan, np.float32), np.zeros((2, 2), np.float32))
    assert basis_fits(basis, nothing)

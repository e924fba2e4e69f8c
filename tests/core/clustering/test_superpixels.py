"""Base regions: what is known of each pair that touches."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import correlate

from napari_pixel_embedding.core.clustering.blocks import read_pixels
from napari_pixel_embedding.core.clustering.constants import IndexConstants
from napari_pixel_embedding.core.clustering.kernels.blocks import contacts as block_contacts
from napari_pixel_embedding.core.clustering.kernels.blocks import means_around
from napari_pixel_embedding.core.clustering.superpixels import superpixels
from tests.core.clustering.synthetic import make_scene, stripes

CONSTANTS = IndexConstants()


def regions_of(emap):
    base, regions = superpixels(read_pixels(emap, CONSTANTS), (1, 1, 1), 0.5, CONSTANTS)
    return base[0].astype(int) - 1, regions


def contacts(base):
    """Pairs of touching pixels, also at a corner, that lie in two regions."""
    inside = np.argwhere(base >= 0)
    for y, x in inside:
        for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
            v, u = y + dy, x + dx
            if v < base.shape[0] and 0 <= u < base.shape[1] and base[v, u] not in (-1, base[y, x]):
                yield (y, x), (v, u)


def saddles(base, embedding, means):
    """Find the best contact of each pair; the pixel farther from its region's mean counts."""
    best = {}
    for one, other in contacts(base):
        pair = tuple(sorted((base[one], base[other])))
        away = [np.linalg.norm(embedding[:, *p] - means[base[p]]) for p in (one, other)]
        best[pair] = min(best.get(pair, np.inf), max(away))
    return best


@pytest.mark.parametrize("seed", range(3))
def test_a_saddle_is_the_best_of_all_contacts(seed):
    emap = make_scene(shape=(48, 48), channels=3, noise=0.15, seed=seed, gaps=False).emap
    emap.foreground[...] = 1
    base, regions = regions_of(emap)
    expected = saddles(base, emap.embedding, regions.means)
    found = dict(zip(map(tuple, regions.edges.tolist()), regions.saddle, strict=True))
    assert len(found) > 8
    assert found.keys() == expected.keys()
    assert_allclose([found[pair] for pair in expected], list(expected.values()), rtol=1e-3)


def test_one_clean_contact_is_enough():
    emap = stripes(3.0)
    emap.embedding[0, :, 7] = 0.6  # the border of the first stripe leans to the second one
    emap.embedding[0, 5:7, 7] = 0.0
    _, regions = regions_of(emap)
    assert regions.edges.tolist() == [[0, 1]]
    first = emap.embedding[0, :, :8].mean()
    assert_allclose(regions.saddle, [first], rtol=1e-4)


def test_a_valley_is_the_highest_way_across():
    emap = make_scene(shape=(32, 48), diameter=12, distance=True, gaps=False).emap
    emap.foreground[...] = 1
    base, regions = regions_of(emap)
    ones = np.ones((3, 3))
    heights = correlate(emap.distance, ones, mode="constant")  # smoothed, of the image alone
    heights /= correlate(np.ones_like(heights), ones, mode="constant")
    expected = {}
    for one, other in contacts(base):
        pair = tuple(sorted((base[one], base[other])))
        expected[pair] = max(expected.get(pair, 0), min(heights[one], heights[other]))
    assert len(expected) > 4
    found = dict(zip(map(tuple, regions.edges.tolist()), regions.valley, strict=True))
    assert_allclose([found[pair] for pair in expected], list(expected.values()), rtol=1e-4)


@pytest.mark.parametrize("length", [20, 60])
def test_sides_of_a_contact_follow_vectors_that_drift(length):
    """Two superpixels in a row, drifting by 0.1 a pixel: sides four blocks deep are 0.4 apart."""
    vectors = 0.1 * np.arange(length, dtype=np.float32)[:, None]
    grid = np.full((1, 3, length + 2), -1, np.int32)
    grid[0, 1, 1:-1] = np.arange(length)
    position = np.flatnonzero(grid.ravel() >= 0).astype(np.int32)
    labels = (np.arange(length) >= length // 2).astype(np.int32)
    weight, touching = np.ones(length, np.float32), np.array([-1, 1], np.int32)
    window = np.array([0, 3, 3], np.int32)
    sides = block_contacts(labels, position, grid.ravel(), touching)
    assert [blocks.tolist() for blocks in sides] == [[length // 2 - 1], [length // 2]]
    one, other = means_around(
        np.concatenate(sides), labels, position, grid, vectors, weight, window, False
    )
    assert_allclose(other - one, [0.4], rtol=1e-4)


def test_sides_end_where_the_image_ends_and_leave_other_superpixels_out():
    """Columns 0 | 1 1 | 2 of a full image: a side is its own superpixel, however far one looks."""
    columns = np.array([0, 1, 1, 2])
    labels = np.tile(columns, 3).astype(np.int32)
    vectors = np.array([0.0, 1.0, 5.0], np.float32)[labels][:, None]
    grid = np.full((1, 5, 6), -1, np.int32)
    grid[0, 1:-1, 1:-1] = np.arange(12).reshape(3, 4)
    position = np.flatnonzero(grid.ravel() >= 0).astype(np.int32)
    touching, window = np.array([-1, 1, -6, 6], np.int32), np.array([9, 9, 9], np.int32)
    weight = np.ones(12, np.float32)
    one, other = block_contacts(labels, position, grid.ravel(), touching)
    assert sorted(zip(labels[one], labels[other], strict=True)) == [(0, 1)] * 3 + [(1, 2)] * 3
    means = means_around(np.arange(12), labels, position, grid, vectors, weight, window, False)
    assert_allclose(means, vectors)

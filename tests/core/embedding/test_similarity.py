"""How like one pixel's vector the others are."""

import numpy as np
import pytest

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.similarity import (
    similarity_to_pixel,
    similarity_to_vector,
    vector_at,
)


def random_map(shape=(5, 12, 14), seed=0, dtype=np.float32, **kwargs):
    rng = np.random.default_rng(seed)
    stretch = np.arange(shape[0], 0, -1).reshape(-1, *[1] * (len(shape) - 1))
    embedding = (rng.normal(size=shape) * stretch).astype(dtype)
    foreground = np.ones(shape[1:], np.float32)
    return EmbeddingMap(embedding, foreground, **kwargs)


def test_euclidean_similarity_is_a_distance():
    embedding = np.array([[[0.0, 3.0, np.nan]], [[0.0, 4.0, 1.0]]], np.float32)
    emap = EmbeddingMap(embedding, np.ones((1, 3), np.float32))
    np.testing.assert_allclose(similarity_to_pixel(emap, (0, 0)), [[0.0, 5.0, np.inf]])
    assert similarity_to_pixel(emap, (0, 0)).dtype == np.float32


def test_cosine_similarity_is_one_minus_cos():
    embedding = np.array([[[2.0, 0.0, -3.0, 1.0]], [[0.0, 5.0, 0.0, 1.0]]], np.float32)
    emap = EmbeddingMap(embedding, np.ones((1, 4), np.float32), space="cosine")
    np.testing.assert_allclose(
        similarity_to_pixel(emap, (0, 0)), [[0, 1, 2, 1 - np.sqrt(0.5)]], atol=1e-6
    )


def test_similarity_of_a_volume_is_zero_at_the_pixel():
    emap = random_map((3, 4, 5, 6), dtype=np.float16)
    distance = similarity_to_pixel(emap, np.array([1, 2, 3]))
    assert distance.shape == (4, 5, 6)
    assert distance[1, 2, 3] == 0
    assert (np.delete(distance.ravel(), np.ravel_multi_index((1, 2, 3), (4, 5, 6))) > 0).all()


@pytest.mark.parametrize("index", [(0,), (0, 14), (-1, 0), (0, 0, 0)])
def test_a_pixel_outside_is_refused(index):
    with pytest.raises(ValueError, match=r"within the shape \(12, 14\)"):
        similarity_to_pixel(random_map(), index)


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
def test_similarity_in_a_region_is_a_part_of_the_whole(space):
    emap = random_map((3, 4, 5, 6), space=space)
    vector = vector_at(emap, (1, 2, 3))
    whole = similarity_to_vector(emap, vector)
    for region in ((slice(1, 2), slice(None), slice(None)), (slice(None), slice(4, 5), slice(2))):
        part = similarity_to_vector(emap, vector, region)
        np.testing.assert_allclose(part, whole[region], atol=1e-6)
    np.testing.assert_allclose(whole[1, 2, 3], 0, atol=1e-6)


def test_similarity_to_a_pixel_of_another_frame():
    first, second = random_map(seed=1), random_map(seed=2)
    distance = similarity_to_vector(second, vector_at(first, (3, 4)))
    expected = np.linalg.norm(second.embedding - first.embedding[:, 3:4, 4:5], axis=0)
    np.testing.assert_allclose(distance, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="5 components, found an array of shape"):
        similarity_to_vector(first, np.zeros(4, np.float32))

"""What does not fit into memory is segmented in blocks; what cannot be is said at once."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding import load_model, segment, segment_files
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.metrics import matching
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.segmentation import in_blocks

NUCLEI = np.ascontiguousarray(np.asarray(load_sample("nuclei-field")[0].data))


class Lazy:
    """An array that is read part by part, and remembers the largest part."""

    def __init__(self, array):
        self.array, self.largest = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key):
        part = self.array[key]
        self.largest = max(self.largest, part.size)
        return part

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[(slice(None),) * self.ndim], dtype=dtype)


class Endless:
    """An array of any size, of which nothing may be read."""

    def __init__(self, *shape):
        self.shape, self.ndim, self.dtype = shape, len(shape), np.dtype(np.uint8)

    def __getitem__(self, key):
        raise AssertionError("it was read")

    __array__ = __getitem__


@pytest.fixture
def memory(monkeypatch):
    def set_budget(size):
        monkeypatch.setattr(in_blocks, "memory_budget", lambda: size)

    return set_budget


def agrees(labels, whole):
    score = matching(whole.astype(int), labels.astype(int))
    return score.fp + score.fn <= 0.03 * score.tp


def test_labels_are_those_of_the_whole(memory):
    whole = segment(NUCLEI, "nuclei-fast")
    memory(40 * 2**20)
    lazy = Lazy(NUCLEI)
    with pytest.warns(UserWarning, match=r"segmented in \d+ blocks"):
        labels = segment(lazy, "nuclei-fast")
    assert agrees(labels, whole)
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1))
    assert lazy.largest < NUCLEI.size


def test_films_and_planes(memory):
    film = np.stack([NUCLEI, NUCLEI[::-1]])
    memory(40 * 2**20)
    with pytest.warns(UserWarning, match=r"\d+ blocks"):
        labels = segment(film, "nuclei-fast", axes="TYX")
    assert labels.shape == film.shape
    for frame, found in zip(film, labels, strict=True):
        memory(2**33)
        assert agrees(found, segment(frame, "nuclei-fast"))


def test_files_take_the_same_way(memory, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", NUCLEI)
    memory(40 * 2**20)
    (result,) = segment_files(tmp_path / "a.tif", tmp_path / "out", model="nuclei-fast")
    assert result.error is None and result.objects > 50
    assert any("blocks" in note for note in result.notes)


def test_an_array_whose_labels_do_not_fit_is_refused_before_it_is_read():
    with pytest.raises(ValueError, match="batch run"):
        segment(Endless(4000, 4000, 4000), "volume")
    with pytest.raises(ValueError, match="batch run"):
        segment(Endless(400_000, 400_000), "nuclei-fast")


def test_planes_that_lie_far_apart_count():
    config = ModelConfig(axes="ZYX", object_diameter=10, pixel_size=(1.0, 1.0, 1.0))
    flat, apart = (pixel_bytes(config, None, (step, 1.0, 1.0)) for step in (1.0, 4.0))
    assert apart == pytest.approx(4 * flat, rel=0.01)


def test_small_images_are_not_divided():
    model = load_model("nuclei-fast")
    labels = segment(NUCLEI[:200, :200], model)
    assert labels.dtype == np.uint16

"""Stages of stitching: what a perfect segmentation of each block gives, is the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import relabel_sequential

from napari_pixel_embedding.batch.stages.edges import later_neighbours, link_blocks
from napari_pixel_embedding.batch.stages.in_memory import stitch
from napari_pixel_embedding.batch.stages.segment import renumbered
from napari_pixel_embedding.core.blockwise.block_plan import Layout, block_at, plan_blocks


def discs(shape, seed, radius=6):
    """Touching objects, each of at most 2 × radius + 1 pixels along any axis."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, int)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    for k in range(int(np.prod(shape) / radius ** len(shape))):
        centre = rng.uniform(0, shape)
        labels[((grid - centre) ** 2).sum(-1) <= rng.uniform(2, radius) ** 2] = k + 1
    return label(labels, connectivity=1)


def same_partition(a, b):
    pairs = np.unique(np.stack([a.ravel(), b.ravel().astype(a.dtype)]), axis=1)
    first, second = (np.unique(one).size for one in pairs)
    return pairs.shape[1] == first == second and ((a == 0) == (b == 0)).all()


def pieces_in(truth):
    return lambda block: label(truth[block.window], connectivity=1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(20, 70), st.integers(20, 70)),
    side=st.tuples(st.integers(14, 40), st.integers(14, 40)),
    more=st.integers(0, 12),
)
def test_objects_that_fit_the_halo_come_out_whole(seed, shape, side, more):
    truth = discs(shape, seed)
    found = stitch(pieces_in(truth), shape, Layout(side, 28 + more, 0))
    assert same_partition(truth, found)
    assert found.max() == np.unique(truth[truth > 0]).size, "ids have no gaps"


@pytest.mark.parametrize("seed", range(3))
def test_volumes_come_out_whole(seed):
    truth = discs((20, 40, 36), seed, 4)
    found = stitch(pieces_in(truth), truth.shape, Layout((12, 16, 20), 20, 0))
    assert same_partition(truth, found)


@pytest.mark.parametrize("seed", range(6))
def test_objects_larger_than_blocks_are_joined_piece_by_piece(seed):
    noise = np.random.default_rng(seed).normal(size=(120, 120))
    truth = label(ndimage.gaussian_filter(noise, 5) > 0, connectivity=1)
    found = stitch(pieces_in(truth), truth.shape, Layout((32, 32), 24, 0))
    assert same_partition(truth, found)


def test_touching_objects_at_a_seam_stay_two():
    truth = np.zeros((40, 80), int)
    truth[5:35, 20:40], truth[5:35, 40:60] = 1, 2  # the seam runs along their border

    def segment(block):
        return relabel_sequential(truth[block.window])[0]

    assert same_partition(truth, stitch(segment, truth.shape, Layout((40, 40), 24, 0)))


def test_of_a_block_without_labels_nothing_is_joined():
    truth = np.zeros((20, 60), int)
    truth[5:15, 15:45] = 1

    def lost(block):
        labels = pieces_in(truth)(block)
        return labels * (block.core[1].start != 20)

    found = stitch(lost, truth.shape, Layout((20, 20), 8, 0))
    assert (found[:, 20:40] == 0).all()
    assert found[10, 16] > 0 and found[10, 42] > 0


def test_objects_of_the_core_come_first_and_others_of_the_window_are_dropped():
    window = np.zeros((10, 40), int)
    window[:, :2] = 9  # beyond what is compared
    window[:, 6:8] = 3  # compared, not in the core
    window[:, 12:14] = 7
    blocks = plan_blocks((10, 60), 1, Layout((10, 20), 10, 0))
    block = blocks[1]
    assert (block.core[1], block.window[1], block.trusted[1]) == (
        slice(20, 40), slice(10, 50), slice(15, 45),
    )  # fmt: skip
    found = renumbered(window, block, (10, 60))
    assert (found.own, found.all) == (1, 2)
    assert np.unique(found.labels).tolist() == [0, 1, 2]
    assert found.labels[0, 7] == 1 and found.labels[0, 1] == 2


def test_objects_that_the_window_cuts_off_are_named_but_not_those_at_the_images_border():
    window = np.zeros((10, 30), int)
    window[0, 12:16] = 1  # at the border of the image
    window[4, 5:30] = 2  # at the border of the window
    block = plan_blocks((10, 40), 1, Layout((10, 20), 10, 0))[0]
    found = renumbered(window, block, (10, 40))
    assert found.cut_off.tolist() == [2]


def test_pairs_of_which_one_cannot_tell_are_listed_with_their_place():
    first, second = plan_blocks((20, 40), 1, Layout((20, 20), 8, 0))
    left, right = np.zeros((20, 28), int), np.zeros((20, 28), int)
    left[8:12, 14:26] = 1
    right[8:12, 8:12] = 1  # of the eight compared columns it has four
    links = link_blocks(
        (first, renumbered(left, first, (20, 40))), (second, renumbered(right, second, (20, 40)))
    )
    assert links.uncertain.tolist() == [[1, 1]]
    assert 0.3 <= links.iou[0] < 0.7
    y, x = links.places[0]
    assert 8 <= y <= 12 and 16 <= x <= 24


@pytest.mark.parametrize("counts", [(1, 3, 4), (2, 2, 2), (1, 2, 3, 2), (3, 1, 1)])
def test_every_pair_of_neighbours_is_compared_once(counts):
    shape = tuple(10 * n for n in counts[1:])
    layout = Layout((10,) * len(shape), 4, 0)
    blocks = [block_at(n, shape, counts[0], layout) for n in range(int(np.prod(counts)))]
    pairs = {(a, b) for a in range(len(blocks)) for b in later_neighbours(a, counts)}
    overlap = {
        (a, b)
        for a in range(len(blocks))
        for b in range(a + 1, len(blocks))
        if blocks[a].frame == blocks[b].frame
        and all(
            max(p.start, q.start) < min(p.stop, q.stop)
            for p, q in zip(blocks[a].trusted, blocks[b].trusted, strict=True)
        )
    }
    assert pairs == overlap


def test_blocks_that_are_no_neighbours_are_refused():
    far = plan_blocks((10, 100), 1, Layout((10, 20), 4, 0))
    nothing = renumbered(np.zeros((10, 24), int), far[0], (10, 100))
    with pytest.raises(ValueError, match="overlap"):
        link_blocks((far[0], nothing), (far[4], nothing))

"""Whatever is done to other objects, and whatever the clusters become: a locked object stays."""

from contextlib import suppress

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from napari_pixel_embedding.core.corrections.corrections import (
    apply_corrections,
    locked_ids,
    merge,
    next_free_id,
    no_corrections,
    record_edit,
    unlock,
)
from napari_pixel_embedding.core.corrections.object_edits import delete, fill_holes, lock, smooth

SHAPE = (14, 18)
PIXELS = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
SEEDS = st.integers(0, 10**6)


def clusters(seed):
    """Clusters of a random bandwidth: rectangles of random ids."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.int64)
    for id in range(1, 9):
        y, x = (int(rng.integers(0, n)) for n in SHAPE)
        labels[y : y + int(rng.integers(2, 7)), x : x + int(rng.integers(2, 8))] = id
    return labels


class Locked(RuleBasedStateMachine):
    """Remembers the pixels of what was locked until somebody touches them on purpose."""

    @initialize(seed=SEEDS)
    def begin(self, seed):
        self.clusters = clusters(seed)
        self.corrections = no_corrections(SHAPE)
        self.kept = {}

    @property
    def labels(self):
        return apply_corrections(self.clusters, self.corrections)

    def forget(self, touched):
        """What was changed on purpose is no longer promised."""
        self.kept = {id: where for id, where in self.kept.items() if not (where & touched).any()}

    def at(self, pixel):
        return int(self.labels[pixel])

    @rule(seed=SEEDS)
    def move_the_slider(self, seed):
        self.clusters = clusters(seed)

    @rule(pixel=PIXELS)
    def lock(self, pixel):
        id = self.at(pixel)
        if id:
            self.corrections = lock(self.corrections, self.labels, [id])
            self.kept[id] = self.labels == id

    @rule(pixel=PIXELS)
    def delete(self, pixel):
        id = self.at(pixel)
        if id:
            self.forget(self.labels == id)
            self.corrections = delete(self.corrections, self.labels, [id])

    @rule(a=PIXELS, b=PIXELS)
    def merge(self, a, b):
        ids = {self.at(a), self.at(b)} - {0}
        if len(ids) == 2:
            self.forget(np.isin(self.labels, list(ids)))
            self.corrections = merge(self.corrections, self.labels, ids)

    @rule(pixel=PIXELS)
    def unlock(self, pixel):
        id = self.at(pixel)
        if id in locked_ids(self.corrections):
            self.forget(self.labels == id)
            self.corrections = unlock(self.corrections, [id])

    @rule(pixel=PIXELS, size=st.integers(1, 5), erase=st.booleans())
    def paint(self, pixel, size, erase):
        before, after = self.labels, self.labels.copy()
        y, x = pixel
        id = 0 if erase else next_free_id(before, self.corrections)
        after[y : y + size, x : x + size] = id
        touched = np.isin(before, np.setdiff1d(before[before != after], [0]))
        self.forget(touched | (before != after))
        self.corrections = record_edit(self.corrections, before, after)

    @rule(pixel=PIXELS, how=st.sampled_from([fill_holes, smooth]))
    def reshape(self, pixel, how):
        id = self.at(pixel)
        if id:
            before = self.labels
            with suppress(ValueError):  # without holes, or too thin
                self.corrections = how(self.corrections, before, id)
            self.forget((before == id) | (self.labels != before))

    @invariant()
    def what_is_locked_has_its_pixels_and_its_id(self):
        for id, where in getattr(self, "kept", {}).items():
            assert ((self.labels == id) == where).all(), id


Locked.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLocked = Locked.TestCase

"""Batches drawn ahead are those that would be drawn in turn."""

import threading

import pytest

from napari_pixel_embedding.core.training.drawing_ahead import DrawingAhead


class Notes:
    """Draws nothing, and notes which step of which samples was drawn, and by which thread."""

    def __init__(self):
        self.drawn = []

    def __call__(self, samples, step):
        self.drawn.append((tuple(samples), step, threading.current_thread()))
        return (tuple(samples), step)


def test_batches_come_in_turn_and_later_ones_are_drawn_by_other_threads():
    notes, samples = Notes(), ["a", "b"]
    ahead = DrawingAhead(notes, last=4)
    assert [ahead.take(samples, step) for step in range(4)] == [(("a", "b"), s) for s in range(4)]
    steps, threads = [n[1] for n in notes.drawn], [n[2] for n in notes.drawn]
    assert sorted(steps) == [0, 1, 2, 3]  # each once, none beyond the last
    own = threading.current_thread()
    assert [step for step, thread in zip(steps, threads, strict=True) if thread is own] == [0]


def test_new_samples_and_skipped_steps_are_drawn_anew():
    notes = Notes()
    ahead = DrawingAhead(notes, last=100)
    assert ahead.take(["old"], 0) == (("old",), 0)
    assert ahead.take(["new"], 1) == (("new",), 1)
    assert ahead.take(["new"], 7) == (("new",), 7)


def test_an_error_while_drawing_reaches_the_step_that_needs_the_batch():
    def draw(samples, step):
        if step == 1:
            raise OSError("cannot read step 1")
        return step

    ahead, samples = DrawingAhead(draw, last=3), []
    assert ahead.take(samples, 0) == 0
    with pytest.raises(OSError, match="step 1"):
        ahead.take(samples, 1)

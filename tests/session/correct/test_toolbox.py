"""Clicks with tools become edits; the hint says what to click next."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session import ImmediateExecutor
from napari_pixel_embedding.session.correct.toolbox import Toolbox
from napari_pixel_embedding.session.correct.tools import TOOLS
from tests.session.scenes import SHAPE, middle, start, true_labels


@pytest.fixture
def started():
    return start()


@pytest.fixture
def box(started):
    return Toolbox(started.session, started.edits.start, ImmediateExecutor())


def labels(box):
    return box._session.labels


def line(x, top=-2, bottom=SHAPE[0] + 2):
    return [(y, x) for y in range(top, bottom)]


def test_merge_goes_on_with_the_same_object_until_escape(box):
    box.choose("merge")
    hint = box.state.hint
    box.click(0, middle(1))
    assert box.state.hint != hint
    box.click(0, middle(0))
    box.click(0, middle(2))
    assert len({int(labels(box)[middle(k)]) for k in range(3)}) == 1
    box.leave()
    assert (box.state.hint, box.state.tool.name) == (hint, "merge")
    box.leave()
    assert box.state.tool is None
    box.click(0, middle(3))
    assert len(box._session.history.past) == 2


def test_a_line_merges_all_it_touches(box):
    box.choose("merge")
    box.draw(0, [(middle(0)[0], x) for x in range(middle(0)[1], middle(2)[1])])
    assert len({int(labels(box)[middle(k)]) for k in range(3)}) == 1


def test_two_clicks_split_and_shift_adds_more_seeds(box, started):
    started.clustering.set_params(bandwidth=3.0)
    box.choose("split")
    box.click(0, middle(0), more=True)
    box.click(0, middle(1), more=True)
    assert box._session.history.past == ()
    assert len(box.state.picks.strokes) == 2
    box.click(0, middle(3))
    assert [step.title for step in box._session.history.past] == ["split"]
    assert len({int(labels(box)[middle(k)]) for k in (0, 1, 3)}) == 3
    assert box.state.picks.strokes == ()


def test_a_line_across_cuts_and_a_line_inside_is_a_seed(box, started):
    started.clustering.set_params(bandwidth=3.0)
    box.choose("split")
    box.draw(0, line(middle(0)[1], 4, 9))
    assert len(box.state.picks.strokes) == 1
    box.draw(0, line(middle(2)[1], 4, 9))
    assert labels(box)[middle(0)] != labels(box)[middle(2)]
    box.draw(0, line(middle(3)[1]))
    y, x = middle(3)
    assert labels(box)[y, x - 3] != labels(box)[y, x + 3]
    assert [step.title for step in box._session.history.past] == ["split", "cut"]


def test_the_preview_is_what_a_click_adds_and_the_wheel_changes_it(box, started):
    box.choose("add")
    box.hover(0, middle(4))
    shown = box.state.preview
    assert shown.mask.sum() == 120
    box.hover(0, middle(0))
    assert box.state.preview is None  # there is an object already
    box.hover(0, middle(4))
    low, high = box.similarity_range
    usual = box.state.similarity_threshold
    box.turn(1)
    assert usual < box.state.similarity_threshold <= high
    box.turn(-200)
    assert box.state.similarity_threshold == low
    box.set_similarity_threshold(usual)
    box.click(0, middle(4))
    np.testing.assert_array_equal(box._session.corrections > 0, true_labels() == 5)
    assert box.state.preview is None
    started.corrections.undo()
    assert box.state.preview.mask.sum() == 120
    box.hover(0, None)
    assert box.state.preview is None


@pytest.mark.parametrize("name", ["delete", "smooth", "accept"])
def test_tools_of_one_click(box, name):
    box.choose(name)
    box.click(0, middle(1))
    assert [step.title for step in box._session.history.past] == [name]
    assert "object" in box._session.edit_status
    box.choose("unlock")
    box.click(0, middle(1))
    assert box._session.corrections is None or (box._session.corrections < 1).all()


def test_comparing_says_distance_and_bandwidth(box, started):
    box.choose("compare")
    box.click(0, middle(1))
    assert box.state.comparison is None
    box.click(0, middle(2))
    assert box.state.comparison.distance == pytest.approx(1.4, abs=0.01)
    assert box.state.comparison.bandwidth >= 1.4
    started.run()
    assert box.state.comparison is None


def test_picks_belong_to_a_frame_and_to_a_tool():
    controller = start(frames=2)
    box = Toolbox(controller.session, controller.edits.start, ImmediateExecutor())
    box.choose("merge")
    box.click(0, middle(0))
    box.click(1, middle(1))
    assert box._session.history.past == ()
    box.click(1, middle(0))
    assert len(box._session.history.past) == 1
    box.choose("split")
    assert box.state.picks.strokes == ()


def test_every_tool_says_what_to_click(box):
    for tool in TOOLS:
        box.choose(tool.name)
        assert box.state.hint == tool.hints[0]
    box.close()
    assert (box.state.tool, box.state.hint) == (None, "")


def test_without_a_result_clicks_do_nothing(controller):
    box = Toolbox(controller.session, controller.edits.start, ImmediateExecutor())
    for tool in TOOLS:
        box.choose(tool.name)
        box.click(0, (1, 1))
        box.draw(0, [(1, 1), (1, 2)])
        box.hover(0, (1, 1))
        box.turn(1)
    assert controller.session.history.past == ()
    assert box.similarity_range == (0.0, 0.0)

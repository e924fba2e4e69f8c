"""The footer below every panel: what it says, Cancel, and the link of the next step."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding._napari.train.train_panel import TrainPanel
from napari_pixel_embedding.session.state.next_step import NextStep
from tests._napari.conftest import WAIT


@pytest.fixture
def footer(segment_panel):
    return segment_panel.footer


def test_every_panel_says_the_same(viewer, segment_panel, correct_panel, run, image):
    viewer.add_image(image)
    session = run(segment_panel)
    first, second = segment_panel.footer, correct_panel.footer
    assert first is not second
    assert first.count.text() == second.count.text()
    assert first.count.text().startswith(f"{session.object_count} objects")
    assert first.status.text() == second.status.text() == session.status


def test_progress_is_busy_until_something_is_known(footer):
    session = footer._session
    assert not footer.progress.isVisibleTo(footer)
    session.running, session.status = True, "Loading the model …"
    assert (footer.progress.maximum(), footer.status.text()) == (0, "Loading the model …")
    session.progress, session.status = 0.5, "Running the network …"
    assert footer.progress.value() * 2 == footer.progress.maximum()
    assert footer.status.text() == "Running the network … 50 %"
    session.running, session.status = False, "Done."
    assert not footer.progress.isVisibleTo(footer)
    assert footer.status.text() == "Done."


def test_an_error_is_red_until_something_else_is_started(footer):
    session = footer._session
    session.error = "Expected an image, found none."
    assert footer.status.text() == session.error
    assert "color" in footer.status.styleSheet()
    session.error = None
    assert footer.status.styleSheet() == ""


KINDS = {
    "running": ("controller", "cancel"),
    "filling": ("controller", "cancel"),
    "measuring": ("controller.diameter", "cancel"),
    "tuning": ("controller.fine_tuning", "stop"),
    "tabulating": ("measurement", "cancel"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_cancel_stops_what_is_shown(footer, kind, monkeypatch):
    owner, method = KINDS[kind]
    target = footer._workspace
    for name in owner.split("."):
        target = getattr(target, name)
    stopped = []
    monkeypatch.setattr(target, method, lambda: stopped.append(kind))
    assert not footer.cancel_button.isVisibleTo(footer)
    setattr(footer._session, kind, True)
    footer.cancel_button.click()
    assert stopped == [kind]
    setattr(footer._session, kind, False)
    footer.cancel()
    assert stopped == [kind]


def test_a_training_is_followed_in_panels_that_were_open_before_it(dock, monkeypatch):
    segment, train = dock(SegmentPanel), dock(TrainPanel)
    stopped = []
    monkeypatch.setattr(train.training, "stop", lambda: stopped.append(1))
    train.training.state.running = True
    assert segment.footer.cancel_button.isVisibleTo(segment.footer)
    segment.footer.cancel_button.click()
    assert stopped == [1]
    train.training.state.running = False


def test_a_click_on_the_link_opens_the_tab(shown, qtbot):
    footer = open_tab(shown, "Segment").footer
    footer._session.next_step = NextStep("122 objects.", "Review 14 doubtful ones", "review")
    label = footer.next_step
    assert "Review 14 doubtful ones →" in label.text()
    qtbot.waitUntil(lambda: label.isVisible() and label.height() > 5, timeout=WAIT)
    for x in range(0, label.width(), 4):  # where the link is depends on the font
        QTest.mouseClick(label, Qt.MouseButton.LeftButton, pos=QPoint(x, label.height() // 2))
    assert "Correct (Pixel Embedding)" in shown.window.dock_widgets


def test_a_step_that_runs_again_is_taken_by_the_guide(footer, monkeypatch):
    taken = []
    guide = footer._workspace.controller.guide
    monkeypatch.setattr(guide, "take", taken.append)
    step = NextStep("The cells look fragmented.", "try <generic>", "run", model="generic")
    footer._session.next_step = step
    assert "&lt;generic&gt;" in footer.next_step.text()
    footer.next_step.linkActivated.emit("next")
    assert taken == [step]
    footer._session.next_step = NextStep("Nothing to do.")
    assert "href" not in footer.next_step.text()
    footer.take_step()
    assert taken == [step]
    footer._session.next_step = None
    assert not footer.next_step.isVisibleTo(footer)


def test_a_link_can_be_read_in_both_themes(viewer, footer):
    footer._session.next_step = NextStep("Fine.", "Go on", "correct")
    viewer.theme = "light"
    light = footer.next_step.text()
    viewer.theme = "dark"
    assert footer.next_step.text() != light


def test_a_narrow_count_ends_in_dots_and_its_tooltip_has_all_of_it(
    segment_panel, viewer, run, image, qtbot
):
    viewer.add_image(image)
    session = run(segment_panel)
    segment_panel.workspace.layers.labels_layer.paint((32, 48), 500)
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=WAIT)
    count = segment_panel.footer.count
    assert "1 corrected, median" in count.text() and count.text() in count.toolTip()
    count.resize(100, count.height())
    assert count._elidedText().endswith("…")


def test_the_count_has_one_height(viewer, segment_panel, run, image):
    """New text at each tick would lay out the whole panel again."""
    viewer.add_image(image)
    run(segment_panel)
    count = segment_panel.footer.count
    assert count.minimumHeight() == count.maximumHeight() >= count.fontMetrics().height()


def test_the_number_of_objects_is_said_once(viewer, image, segment_panel, run, qtbot):
    viewer.add_image(image)
    session = run(segment_panel)
    footer = segment_panel.footer
    qtbot.waitUntil(lambda: session.next_step.action != "none", timeout=WAIT)
    count = f"{session.object_count:,} object"
    assert count in footer.count.text()
    assert count not in footer.next_step.text()

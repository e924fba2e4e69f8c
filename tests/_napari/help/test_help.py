"""The guide, the keys, the diagnostics and the names of fields, in every panel."""

from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
from qtpy.QtWidgets import QApplication, QGroupBox, QWidget

import napari_pixel_embedding
from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel
from napari_pixel_embedding._napari.help.guide import guide_text
from napari_pixel_embedding._napari.help.keys import _REVIEW, cheat_sheet
from napari_pixel_embedding._napari.layers.shortcuts import ESCAPE, KEYS, REDO, UNDO, key_text
from napari_pixel_embedding._napari.measure.panel import MeasurePanel
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel
from napari_pixel_embedding._napari.train.train_panel import TrainPanel
from napari_pixel_embedding._napari.widgets.names import fields_in, order_tabs
from napari_pixel_embedding.core.diagnostics import diagnostics
from napari_pixel_embedding.session.correct.tools import BY_NAME

PANELS = [SegmentPanel, EmbeddingPanel, CorrectPanel, FineTunePanel, MeasurePanel, TrainPanel]


def headings():
    lines = guide_text().splitlines()
    return {line.lstrip("#").strip() for line in lines if line.startswith("#")}


@pytest.fixture
def panels(dock):
    return [dock(kind) for kind in PANELS]


def test_every_section_and_panel_has_a_place_in_the_guide(panels):
    known = headings()
    for panel in panels:
        assert panel.GUIDE in known
        for box in panel.findChildren(QGroupBox):
            assert box.help is not None, f"{panel.NAME}: {box.title()} has no question mark"
            assert box.help.heading in known, f"{panel.NAME}: {box.title()}"


def test_the_question_mark_opens_the_guide_at_its_section(segment_panel, correct_panel):
    mark = correct_panel.recovery.help
    mark.click()
    guide = next(w for w in QApplication.topLevelWidgets() if w.windowTitle() == "User guide")
    assert guide.textCursor().block().text() == "Nothing is lost"
    segment_panel.objects.setEnabled(True)
    segment_panel.objects.help.click()
    assert guide.textCursor().block().text() == "Segment"
    assert len([w for w in QApplication.topLevelWidgets() if w.windowTitle() == "User guide"]) == 1
    guide.close()


def test_the_guide_in_the_window_is_the_one_of_the_documents(segment_panel):
    assert "![" not in guide_text()
    assert "the sliders act at once" in guide_text()


def test_the_cheat_sheet_has_every_key_that_is_bound(correct_panel):
    bound = {*correct_panel.tool_layer._actions, UNDO, REDO, ESCAPE}
    assert {key_text(key) for key in bound} <= {key for key, _ in cheat_sheet()}


def test_the_cheat_sheet_says_what_each_key_does():
    assert {*_REVIEW, *BY_NAME} == set(KEYS)


def test_no_key_is_explained_twice_or_not_at_all():
    keys = [key for key, _ in cheat_sheet()]
    assert len(keys) == len(set(keys))
    assert all(len(what) > 12 for _, what in cheat_sheet())


def test_keys_are_shown_in_a_window_beside_the_work(segment_panel):
    segment_panel.footer.help.keys.trigger()
    dialog = next(w for w in QApplication.topLevelWidgets() if w.windowTitle() == "Keys")
    assert not dialog.isModal()
    for key, _ in cheat_sheet():
        assert key in dialog.table.text()
    assert key_text("Control-Z") in dialog.table.text()
    dialog.close()


def lasting(report):
    """Lines that are the same in another thread and a moment later."""
    lines = report.splitlines()
    assert any(line.startswith("Threads") for line in lines)
    return [line for line in lines if not line.startswith(("Memory", "Threads"))]


def test_diagnostics_are_copied_to_the_clipboard(segment_panel, qtbot):
    clipboard = QApplication.clipboard()
    clipboard.setText("before")
    segment_panel.footer.help.copy.trigger()
    assert clipboard.text() == "before"  # collected in a worker
    qtbot.waitUntil(lambda: clipboard.text() != "before", timeout=60_000)
    assert lasting(clipboard.text()) == lasting(diagnostics())


def test_diagnostics_are_a_command_that_needs_no_tab(viewer, qtbot):
    inside = Path(napari_pixel_embedding.__file__).parent / "napari.yaml"
    commands = PluginManifest.from_file(inside).contributions.commands
    name = next(one.python_name for one in commands if one.id.endswith("copy_diagnostics"))
    clipboard = QApplication.clipboard()
    clipboard.setText("before")
    assert import_python_name(name)() is None
    qtbot.waitUntil(lambda: "napari-pixel-embedding" in clipboard.text(), timeout=60_000)


def test_every_field_of_every_panel_has_a_name(panels):
    nameless = [
        f"{panel.NAME}: {type(field).__name__}"
        for panel in panels
        for field in fields_in(panel)
        if not field.accessibleName()
    ]
    assert nameless == []


def test_fields_are_named_after_their_labels(panels):
    segment, correct, train = panels[0], panels[2], panels[-1]
    assert segment.images.layers.accessibleName() == "Image"
    assert segment.diameter.number.accessibleName() == "Diameter"
    assert segment.devices.accessibleName() == "Device"
    assert segment.form.widget("bandwidth").native.accessibleName() == "Bandwidth"
    assert correct.beside.accessibleName() == "Autosave beside the image"
    assert train.data.folder_button.accessibleName()


def test_tab_goes_from_top_to_bottom(segment_panel):
    wanted = [
        segment_panel.images.layers,
        segment_panel.models,
        segment_panel.diameter.number,
        segment_panel.diameter.measure_button,
        segment_panel.run_button,
    ]
    QWidget.setTabOrder(wanted[-1], wanted[0])  # as an order of making could be
    segment_panel.grab()  # lays it out
    order_tabs(segment_panel)
    seen, at = [], wanted[0]
    while len(seen) < len(wanted):
        seen += [at] * (at in wanted)
        at = at.nextInFocusChain()
    assert seen == wanted


def test_tab_goes_through_what_was_unfolded(shown, qtbot):
    panel = SegmentPanel(shown)
    shown.window.add_dock_widget(panel)
    qtbot.waitUntil(panel.isVisible, timeout=20_000)
    folded = [panel.methods, panel.devices, panel.views]
    assert not any(field.isVisible() for field in folded)
    panel.advanced.toggleButton().click()
    qtbot.waitUntil(lambda: all(field.isVisible() for field in folded), timeout=20_000)
    wanted = [panel.run_button, panel.advanced.toggleButton(), *folded]

    def seen():
        found, at = [], wanted[0]
        for _ in range(200):
            found += [at] * (at in wanted and at not in found)
            at = at.nextInFocusChain()
        return found

    qtbot.waitUntil(lambda: seen() == wanted, timeout=20_000)

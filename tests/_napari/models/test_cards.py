"""Models as cards, and the dialogue that manages the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton

from napari_pixel_embedding._napari.models import cards
from napari_pixel_embedding._napari.models.chooser import ModelChooser
from napari_pixel_embedding.core.model.config import list_models
from napari_pixel_embedding.core.model.library import add_user_model, models_folder
from napari_pixel_embedding.core.model.model_file import load_model


@pytest.fixture
def chooser(qtbot):
    made = ModelChooser()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def dialog(chooser):
    chooser.manage()
    return chooser._dialog


def titles(chooser):
    return [title for title, _ in chooser.sources]


def press(frame, name):
    (button,) = (one for one in frame.findChildren(QPushButton) if one.text() == name)
    button.click()


def words(frame):
    return " ".join(label.text() for label in frame.findChildren(QLabel))


def test_every_bundled_model_has_a_card_with_picture_and_scores(dialog):
    assert list(dialog.cards) == list_models()
    for frame in dialog.cards.values():
        assert any(not label.pixmap().isNull() for label in frame.findChildren(QLabel))
    volume = words(dialog.cards["volume"])
    for part in (
        "Nuclei in three-dim",
        "3-D, 1 channel",
        "16 px",
        "BSD-3-Clause",
        "AP@0.5",
        "0.553",
    ):
        assert part in volume


def test_a_card_chooses_its_model(chooser, dialog, qtbot):
    with qtbot.waitSignal(chooser.changed):
        press(dialog.cards["generic"], "Choose")
    assert chooser.source == "generic" == chooser.currentText()
    assert not dialog.isVisible()


def test_the_list_s_entry_opens_the_cards(chooser):
    chooser.activated.emit(chooser.findText("Manage models…"))
    assert chooser._dialog.isVisible()
    assert chooser.currentText() == "nuclei-fluo"


def test_models_of_the_user_s_folder_are_offered(chooser, dialog, tiny_model, monkeypatch):
    monkeypatch.setattr(cards.QFileDialog, "getOpenFileName", lambda *_: (tiny_model, ""))
    dialog.add_button.click()
    copy = models_folder() / "tiny.safetensors"
    assert copy.is_file()
    assert titles(chooser) == [*list_models(), "tiny.safetensors"]
    assert titles(ModelChooser()) == titles(chooser)
    press(dialog.cards["tiny.safetensors"], "Choose")
    assert chooser.source == str(copy)


def test_only_the_user_s_models_are_removed_and_only_on_yes(chooser, tiny_model, monkeypatch):
    copy = add_user_model(tiny_model)
    chooser.reload()
    chooser.choose(str(copy))
    chooser.manage()
    dialog = chooser._dialog
    names = [one.text() for one in dialog.cards["generic"].findChildren(QPushButton)]
    assert names == ["Choose", "Export…"]
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: next(answers))
    press(dialog.cards[copy.name], "Remove")
    assert copy.is_file()
    press(dialog.cards[copy.name], "Remove")
    assert not copy.exists()
    assert Path(tiny_model).is_file()
    assert copy.name not in dialog.cards
    assert chooser.source == "nuclei-fluo" == chooser.currentText()


def test_a_wrong_file_is_not_added_and_one_in_the_folder_says_why(chooser, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"hello")
    monkeypatch.setattr(cards.QFileDialog, "getOpenFileName", lambda *_: (str(wrong), ""))
    chooser.manage()
    dialog = chooser._dialog
    dialog.add_button.click()
    assert "wrong.safetensors is damaged" in dialog.message.text()
    assert not models_folder().exists()
    models_folder().mkdir(parents=True)
    (models_folder() / "bad.safetensors").write_bytes(b"hello")
    chooser.manage()
    assert "bad.safetensors" not in titles(chooser)
    assert "is damaged" in words(dialog.cards["bad.safetensors"])
    buttons = [one.text() for one in dialog.cards["bad.safetensors"].findChildren(QPushButton)]
    assert buttons == ["Remove"]


def test_the_folder_is_made_and_opened(dialog, monkeypatch):
    opened = []
    monkeypatch.setattr(cards.QDesktopServices, "openUrl", opened.append)
    dialog.folder_button.click()
    assert models_folder().is_dir()
    assert Path(opened[0].toLocalFile()) == models_folder()


def test_a_tuned_model_in_use_has_a_card(chooser, tiny_model):
    model = load_model(tiny_model)
    chooser.show_source(model)
    chooser.manage()
    assert "2-D, 1 channel" in words(chooser._dialog.cards["tiny"])
    press(chooser._dialog.cards["generic"], "Choose")
    press(chooser._dialog.cards["tiny"], "Choose")
    assert chooser.source is model


def test_cards_are_the_tooltips_of_the_list(chooser):
    chooser.showPopup()
    role = Qt.ItemDataRole.ToolTipRole
    shown = {chooser.itemText(n): chooser.itemData(n, role) for n in range(len(list_models()))}
    chooser.hidePopup()
    assert "<img" in shown["volume"]
    assert "3-D, 1 channel" in shown["volume"]
    chooser.choose("generic")
    event = QHelpEvent(QEvent.Type.ToolTip, QPoint(2, 2), chooser.mapToGlobal(QPoint(2, 2)))
    QApplication.sendEvent(chooser, event)
    assert "<b>generic</b>" in chooser.toolTip()

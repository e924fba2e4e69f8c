"""Packages and networks of other programs in the window: chosen, declared, run; ours exported."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from qtpy.QtWidgets import QDialogButtonBox, QFileDialog, QInputDialog, QPushButton

from napari_pixel_embedding._napari.models.chooser import ModelChooser
from napari_pixel_embedding._napari.models.declaration_dialog import DeclarationDialog
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel
from napari_pixel_embedding.core.model.library import list_user_models
from tests.core.features.scenes import same_objects

pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from tests.core.model.foreign import declared, drawn_image, network


@pytest.fixture
def chooser(qtbot):
    made = ModelChooser()
    qtbot.addWidget(made)
    return made


def fill(dialog, **values):
    for name, value in values.items():
        widget = dialog.fields[name]
        for method in ("setValue", "setCurrentText", "setText"):
            if hasattr(widget, method):
                getattr(widget, method)(value)
                break


def press_ok(dialog):
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()


RIGHT = {
    "embedding": "0",
    "foreground": 1,
    "foreground_is": "logit",
    "normalisation": "none",
    "size_multiple": 8,
}


def test_a_package_is_copied_and_chosen(chooser, tmp_path, tiny_model):
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as archive:
        archive.write(tiny_model, "model.safetensors")
    chooser.add_file(str(tmp_path / "given.zip"))
    assert chooser.refused is None
    assert Path(chooser.source).name == "given.safetensors"
    assert [path.name for path in list_user_models()] == ["given.safetensors"]


def test_a_package_without_a_model_is_refused(chooser, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("weights.pt", b"x")
    chooser.add_file(str(tmp_path / "other.zip"))
    assert "no model files of this plugin" in chooser.refused


def test_a_declared_network_is_chosen_as_it_is(chooser, tmp_path):
    path = declared(network(tmp_path / "net.onnx"))
    chooser.add_file(str(path))
    assert (chooser.source, chooser.refused) == (str(path), None)


def test_the_form_is_filled_in_from_the_file(qtbot, tmp_path):
    path = network(tmp_path / "net.onnx", shape=("n", 1, "z", "y", "x"))
    dialog = DeclarationDialog(str(path))
    qtbot.addWidget(dialog)
    assert dialog.values()["axes"] == "ZYX"
    assert dialog.values()["in_channels"] == 1


def test_the_form_says_what_is_wrong_and_stays(qtbot, tmp_path):
    dialog = DeclarationDialog(str(network(tmp_path / "net.onnx")))
    qtbot.addWidget(dialog)
    fill(dialog, embedding="0-3", foreground=2)
    press_ok(dialog)
    assert dialog.config is None
    assert "must be different channels" in dialog.message.text()
    fill(dialog, **RIGHT)
    press_ok(dialog)
    assert dialog.config.embedding == (0,)
    assert dialog.config.object_diameter is None


@pytest.fixture
def answered(monkeypatch):
    """Answer the form with these values; None cancels it."""

    def answer(values):
        def run(dialog):
            if values is not None:
                fill(dialog, **values)
                press_ok(dialog)

        monkeypatch.setattr(DeclarationDialog, "exec", run)

    return answer


def test_an_undeclared_network_is_asked_about(chooser, tmp_path, answered):
    path = network(tmp_path / "net.onnx")
    before = chooser.source
    answered(None)
    chooser.add_file(str(path))
    assert (chooser.source, chooser.refused) == (before, None)
    answered(RIGHT)
    chooser.add_file(str(path))
    assert chooser.refused is None
    assert Path(chooser.source) == list_user_models()[0]
    assert not path.with_suffix(".toml").exists()


def test_a_network_of_another_program_is_run_and_not_tuned(
    segment_panel, dock, viewer, run, tmp_path
):
    labels, image = drawn_image()
    viewer.add_image(image, name="drawn")
    session = run(segment_panel, str(declared(network(tmp_path / "net.onnx"))))
    assert not session.error
    assert same_objects(session.labels, labels)
    tuning = dock(FineTunePanel)
    assert "a network of another program" in tuning.start_button.toolTip()
    assert not tuning.save_model_button.isEnabled()


def press(frame, name):
    (button,) = (one for one in frame.findChildren(QPushButton) if one.text() == name)
    assert button.isEnabled(), button.toolTip()
    button.click()


@pytest.fixture
def exported(monkeypatch, tmp_path):
    """The calls of the export, which writes nothing; the file dialogue answers."""
    calls = []

    def export(model, path, licence):
        calls.append((model.config.name, Path(path).name, licence))
        if licence == "MIT":
            raise ValueError("no room on the disk.")
        return path

    where = "napari_pixel_embedding.core.exchange.bioimageio.export_bioimageio"
    monkeypatch.setattr(where, export)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "out.zip"), ""))
    return calls


def test_a_card_exports_its_model(chooser, exported, qtbot):
    chooser.manage()
    dialog = chooser._dialog
    press(dialog.cards["nuclei-fluo"], "Export…")
    qtbot.waitUntil(lambda: "was written" in dialog.message.text(), timeout=20_000)
    assert exported == [("nuclei-fluo", "out.zip", "CC0-1.0")]


def test_a_missing_licence_is_asked_for(chooser, exported, qtbot, tiny_model, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: ("MIT", True))
    chooser.add_file(tiny_model)
    chooser.manage()
    dialog = chooser._dialog
    press(dialog.cards["tiny.safetensors"], "Export…")
    qtbot.waitUntil(lambda: "no room" in dialog.message.text(), timeout=20_000)
    assert exported == [("tiny", "out.zip", "MIT")]


def test_networks_of_other_programs_are_not_exported(chooser, tmp_path):
    chooser.add_file(str(declared(network(tmp_path / "net.onnx"))))
    chooser.manage()
    (button,) = (
        one
        for one in chooser._dialog.cards["net.onnx"].findChildren(QPushButton)
        if one.text() == "Export…"
    )
    assert not button.isEnabled()
    assert "a network of another program" in button.toolTip()

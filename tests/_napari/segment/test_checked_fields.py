"""Fields that turn red or orange when they change, in a real window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_pixel_embedding._napari.widgets.field_marks import theme_colors
from napari_pixel_embedding.core.model.model_file import load_model, save_model


@pytest.fixture
def panel(segment_panel):
    return segment_panel


def choose(chooser, value):
    chooser.setCurrentIndex(chooser.findData(value))


def color(panel, widget):
    """Name of the mark on a widget."""
    sheet = widget.styleSheet()
    colors = theme_colors(panel.workspace.viewer.theme)
    return next((level for level, color in colors.items() if color in sheet), None)


def cells(viewer, *shape, **options):
    return viewer.add_image(np.zeros(shape, np.float32), name="cells", **options)


def test_nothing_is_marked_before_anything_is_chosen(panel):
    assert panel.marks.problems == ()
    assert panel.marks.isHidden()


def test_an_image_that_fits_is_not_marked(viewer, panel):
    cells(viewer, 64, 64)
    assert panel.marks.isHidden()
    assert panel.run_button.isEnabled()


def test_unclear_axes_are_red_and_run_rests(viewer, panel):
    layer = cells(viewer, 3, 4, 5, 32, 32)
    axes = panel.images.axes_choice
    assert color(panel, axes) == "error"
    assert panel.advanced.isExpanded()
    assert "choose the right ones in Axes" in panel.marks.text()
    assert "axes=" not in panel.marks.text()
    assert axes.accessibleDescription() in panel.run_button.toolTip()
    assert not panel.run_button.isEnabled()
    assert not panel.diameter.measure_button.isEnabled()
    choose(axes, "TCZYX")
    assert color(panel, axes) is None
    assert color(panel, panel.channels) == "error"  # four channels for a model of one
    choose(panel.channels, 1)
    assert color(panel, panel.channels) is None
    assert panel.run_button.isEnabled()
    assert "axes" not in panel.run_button.toolTip()
    viewer.layers.remove(layer)
    assert panel.marks.isHidden()


def test_axis_labels_and_data_of_the_layer_are_followed(viewer, panel):
    layer = cells(viewer, 3, 4, 5, 32, 32)
    assert not panel.run_button.isEnabled()
    layer.axis_labels = ("t", "z", "c", "y", "x")
    assert color(panel, panel.images.axes_choice) is None
    assert color(panel, panel.channels) == "error"
    layer.data = np.zeros((32, 32), np.float32)
    assert panel.marks.isHidden()
    assert panel.run_button.isEnabled()
    assert panel.images.axes_choice.count() == 2  # those of a plane
    other = cells(viewer, 16, 16)
    layer.data = np.zeros((3, 4, 5, 32, 32), np.float32)
    assert panel.images.layer is other
    assert panel.marks.isHidden()


def test_doubts_are_orange_and_do_not_stop_run(viewer, panel, run):
    cells(viewer, 9, 32, 32)
    assert color(panel, panel.models) == "doubt"
    assert "nuclei-fluo is a 2-D model: it takes the 9 planes" in panel.marks.text()
    assert panel.run_button.isEnabled()
    assert not panel.advanced.isExpanded()
    choose(panel.images.axes_choice, "TYX")
    assert color(panel, panel.models) is None
    viewer.add_image(np.zeros((32, 32, 3), np.uint8), rgb=True, name="picture")
    assert color(panel, panel.channels) == "doubt"
    assert run(panel).error is None
    choose(panel.channels, "grey")
    assert panel.marks.isHidden()


def test_a_model_of_volumes_on_a_plane_is_red(viewer, panel, tiny_volume_model):
    cells(viewer, 32, 32)
    panel.models.add_file(tiny_volume_model)
    assert color(panel, panel.models) == "error"
    assert not panel.run_button.isEnabled()
    panel.models.add_file("generic")
    assert color(panel, panel.models) is None
    assert panel.run_button.isEnabled()


def test_a_far_diameter_is_orange_and_an_impossible_one_red(viewer, panel, tiny_model):
    cells(viewer, 512, 512)
    number = panel.diameter.number
    number.setValue(150)
    assert color(panel, number) == "doubt"
    assert panel.run_button.isEnabled()
    panel.models.add_file(tiny_model)  # it does not state the size of its objects
    assert color(panel, number) == "error"
    assert not panel.run_button.isEnabled()
    assert number.isEnabled()
    number.setValue(0)
    assert color(panel, number) is None
    assert panel.run_button.isEnabled()


def test_names_are_shown_as_they_are(viewer, panel):
    viewer.add_image(np.zeros((9, 32, 32)), name="<b>&amp;")
    assert "&lt;b&gt;&amp;amp;" in panel.marks.text()


def test_marks_follow_the_theme(viewer, panel):
    cells(viewer, 9, 32, 32)
    dark = panel.marks.text()
    viewer.theme = "light"
    assert theme_colors("light")["doubt"] in panel.marks.text()
    assert color(panel, panel.models) == "doubt"
    viewer.theme = "dark"
    assert panel.marks.text() == dark


def bad_files(folder, tiny_model):
    """Files that are no models, and one word of what is said of each."""
    cut = folder / "cut.safetensors"
    cut.write_bytes(Path(tiny_model).read_bytes()[:-4])
    pickled = folder / "pickled.safetensors"
    pickled.write_bytes(b"\x80\x04rest")
    model = load_model(tiny_model)
    other = save_model(model, folder / "other.safetensors")
    content = other.read_bytes().replace(b"napari-pixel-embedding/1", b"napari-pixel-embedding/9")
    newer = folder / "newer.safetensors"
    newer.write_bytes(content)
    deeper = replace(model, config=replace(model.config, depth=2))
    wrong = save_model(deeper, folder / "wrong.safetensors")
    missing = folder / "missing.safetensors"
    return [
        (cut, "damaged"),
        (pickled, "pickled"),
        (newer, "newer version"),
        (wrong, "do not fit"),
        (missing, "no model"),
    ]


def test_wrong_files_are_red_at_once_and_do_not_stay_in_the_list(
    viewer, panel, tiny_model, tmp_path, monkeypatch
):
    cells(viewer, 32, 32)
    models = panel.models
    items = [models.itemText(n) for n in range(models.count())]
    for path, words in bad_files(tmp_path, tiny_model):
        monkeypatch.setattr(
            "napari_pixel_embedding._napari.models.chooser.QFileDialog.getOpenFileName",
            lambda *_, path=path: (str(path), ""),
        )
        models.setCurrentIndex(models.findText("Open file …"))
        models.activated.emit(models.currentIndex())
        assert color(panel, models) == "error"
        assert words in panel.marks.error
        assert path.name in panel.run_button.toolTip()
        assert not panel.run_button.isEnabled()
        assert panel.session.error is None
        assert [models.itemText(n) for n in range(models.count())] == items
        assert models.source == "nuclei-fluo" == models.currentText()
        models.activated.emit(models.currentIndex())  # the same one, chosen again
        assert panel.marks.isHidden()
        assert panel.run_button.isEnabled()


def test_a_file_that_is_gone_leaves_the_list(viewer, panel, tiny_model, tmp_path):
    cells(viewer, 32, 32)
    path = save_model(load_model(tiny_model), tmp_path / "mine")
    panel.models.add_file(str(path))
    assert panel.models.currentText() == "mine.safetensors"
    path.unlink()
    panel.models.activated.emit(panel.models.currentIndex())
    assert "there is no model" in panel.marks.error
    assert panel.models.findText("mine.safetensors") == -1
    assert panel.models.source == "nuclei-fluo"

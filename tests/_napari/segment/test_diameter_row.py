"""The object diameter in the Segment dock: typed, measured, or drawn as a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.model.model_file import load_model, save_model


@pytest.fixture
def sized_model(tiny_model, tmp_path):
    """The tiny model, which knows objects of 8 pixels."""
    model = load_model(tiny_model)
    return str(
        save_model(
            replace(model, config=replace(model.config, object_diameter=8.0)), tmp_path / "sized"
        )
    )


@pytest.fixture
def field(viewer, segment_panel, image, sized_model):
    """The diameter's widgets, with an image of half a micrometre a pixel."""
    viewer.add_image(image, name="field", scale=(0.5, 0.5), translate=(3, 4))
    segment_panel.models.add_file(sized_model)
    return segment_panel.diameter


def test_a_model_that_does_not_know_its_objects_takes_no_diameter(
    segment_panel, tiny_model, viewer
):
    viewer.add_image(np.zeros((64, 64)))
    segment_panel.models.add_file(tiny_model)
    assert not segment_panel.diameter.number.isEnabled()
    assert not segment_panel.diameter.measure_button.isEnabled()
    assert "does not state the size of its objects" in segment_panel.diameter.number.toolTip()


def test_a_typed_diameter_says_what_it_does_and_reaches_the_network(field, segment_panel, run):
    session = segment_panel.session
    assert field.number.text() == "8 px (model)"
    assert field.hint.isHidden()
    field.number.setValue(16)
    assert session.diameter == 16
    assert field.hint.text() == ("Resampled × 0.5: the model was trained on objects of 8 px.")
    run(segment_panel, segment_panel.models.source)
    assert session.error is None
    # In the tiny model a vector is a position in pixels that the network sees, over 12.
    span = np.ptp(session.embedding_maps[0].embedding[1, 0])
    assert span == pytest.approx((96 / 2 - 1) / 12, rel=0.02)
    assert session.labels.shape == (64, 96)
    field.number.setValue(8.1)
    assert field.hint.text() == "The objects have the model's size."
    field.number.setValue(0)
    assert session.diameter is None
    assert field.number.text() == "8 px (model)"


def test_a_model_tuned_at_another_scale_says_so(field, segment_panel, sized_model, tmp_path):
    model = load_model(sized_model)
    tuned = replace(model, config=replace(model.config, image_diameter=32.0))
    segment_panel.models.add_file(str(save_model(tuned, tmp_path / "tuned")))
    assert field.number.text() == "32 px (model)"
    assert field.hint.text() == "Resampled × 0.25: the model was trained on objects of 8 px."


def test_of_long_objects_no_size_is_claimed(field, segment_panel, sized_model, tmp_path):
    model = load_model(sized_model)
    long_ones = replace(model, config=replace(model.config, pull_window=48.0))
    segment_panel.models.add_file(str(save_model(long_ones, tmp_path / "long")))
    field.number.setValue(8)
    assert field.hint.text() == "The image is seen as it is."


def test_a_diameter_below_two_pixels_is_refused(field, segment_panel, monkeypatch):
    monkeypatch.setattr("napari_pixel_embedding._napari.workspace.show_error", lambda text: None)
    field.number.setValue(1)
    assert "from 2 to 4000 pixels" in segment_panel.session.error
    assert segment_panel.session.diameter is None
    assert field.number.value() == 0


def test_a_line_gives_its_length_in_pixels_of_the_image(viewer, field, segment_panel):
    assert field.line_button.text() == "Draw"
    field.line_button.click()
    layer = viewer.layers["object diameter"]
    assert layer.mode == "add_line"
    assert field.line_button.text() == "Take line"
    field.line_button.click()  # nothing drawn yet
    assert segment_panel.session.diameter is None
    layer.add_lines([[5.0, 6.0], [8.0, 10.0]])  # 3 × 4 µm, of half a micrometre a pixel
    field.line_button.click()
    assert segment_panel.session.diameter == 10
    assert "object diameter" not in viewer.layers
    assert field.line_button.text() == "Draw"


def test_measure_asks_the_model_in_the_background(field, segment_panel, qtbot, monkeypatch):
    monkeypatch.setattr(
        "napari_pixel_embedding.core.inference.diameter.measure_diameter",
        lambda model, image, *_: float(len(image.array)) + model.config.object_diameter,
    )
    field.measure_button.click()
    assert field.hint.text() == "Measuring the objects … 0 %"
    assert not field.measure_button.isEnabled()
    qtbot.waitUntil(lambda: segment_panel.session.diameter is not None, timeout=60_000)
    assert field.number.value() == 72
    assert field.measure_button.isEnabled()


@pytest.mark.parametrize(
    ("source", "said"),
    [("typed", "Resampled"), ("measured", "Measured. Res"), ("suggested", "Suggested. Res")],
)
def test_a_diameter_says_where_it_comes_from(field, segment_panel, source, said):
    segment_panel.controller.diameter.set(16.0, source)
    assert field.number.text() == "16.0 px"
    assert field.hint.text().startswith(said)

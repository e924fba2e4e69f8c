"""What is shown is true of the image that is chosen: adopted layers, and going to and fro."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QLabel, QLineEdit
from superqt import QElidingLabel

from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel

WAIT = 60_000
LIVE = "Run to make the sliders live"


@pytest.fixture
def first(viewer, image):
    return viewer.add_image(image, name="first")


def close(viewer, panel):
    viewer.window.remove_dock_widget(panel)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settled(session):
    return session.labels is not None and session.stability is not None and not session.running


def press_run(panel, qtbot):
    panel.run_button.click()
    qtbot.waitUntil(lambda: settled(panel.session) or bool(panel.session.error), timeout=WAIT)


@pytest.fixture
def reopened(viewer, dock, run, first, qtbot):
    """Segment, change a slider, correct an object, close all docks, and open one again."""

    def reopen(change=lambda layer: None):
        panel = dock(SegmentPanel)
        session = run(panel)
        panel.form.widget("bandwidth").value = 0.8
        qtbot.waitUntil(lambda: session.cluster_params.bandwidth == 0.8, timeout=WAIT)
        layer = viewer.layers["first objects"]
        layer.paint((32, 48), 500)
        qtbot.waitUntil(lambda: session.corrected_count == 1 and settled(session), timeout=WAIT)
        close(viewer, panel)
        assert panel.workspace.closed
        change(layer)
        return dock(SegmentPanel), layer, session.object_count

    return reopen


def test_a_reopened_dock_adopts_the_layer(viewer, reopened, first, tiny_model, qtbot):
    panel, layer, count = reopened()
    session = panel.session
    assert (panel.images.layer, panel.models.source) == (first, tiny_model)
    assert session.cluster_params.bandwidth == 0.8
    assert panel.form.widget("bandwidth").value == 0.8
    assert panel.footer.count.text() == f"{count} objects in “first objects”, 1 corrected"
    assert LIVE in panel.footer.next_step.text()
    assert not panel.objects.isEnabled()
    press_run(panel, qtbot)
    assert [one.name for one in viewer.layers] == ["first", "first objects"]
    assert panel.workspace.layers.labels_layer is layer
    assert session.cluster_params.bandwidth == 0.8 and panel.objects.isEnabled()
    assert layer.data[32, 48] == 500 and session.corrected_count == 1
    assert LIVE not in panel.footer.next_step.text()


def test_the_diameter_is_taken_over(reopened):
    given = {"diameter": 40.0, "diameter_source": "drawn"}
    panel, _, _ = reopened(lambda layer: layer.metadata[METADATA_KEY]["recipe"].update(given))
    assert (panel.session.diameter, panel.session.diameter_source) == (40.0, "drawn")
    assert panel.diameter.number.value() == 40.0


def test_the_next_step_runs(viewer, reopened, qtbot):
    panel, layer, count = reopened()
    panel.footer.take_step()
    qtbot.waitUntil(lambda: settled(panel.session), timeout=WAIT)
    assert panel.session.object_count == count
    assert panel.workspace.layers.labels_layer is layer


def test_what_was_painted_while_all_docks_were_closed_counts(viewer, reopened, qtbot):
    panel, layer, _ = reopened(lambda layer: layer.paint((10, 10), 600))
    press_run(panel, qtbot)
    assert layer.data[10, 10] == 600 and panel.session.corrected_count == 2


def test_a_renamed_image_is_found(viewer, reopened, first):
    panel, _, _ = reopened(lambda layer: setattr(first, "name", "other name"))
    assert panel.images.layer is first
    assert "made when “other name” was called “first”" in panel.footer.next_step.text()


def test_an_image_that_is_gone_is_named(viewer, reopened, first, image):
    def lose(layer):
        viewer.layers.remove(first)
        viewer.add_image(image[::2], name="other")
        viewer.layers.selection.active = layer

    panel, _, _ = reopened(lose)
    assert panel.images.layer.name == "other"
    assert "The image “first” of “first objects” is not open" in panel.images.hint.text()
    assert panel.footer.count.text() == "No objects yet."


def test_an_image_that_is_opened_again_gets_its_layer(viewer, reopened, first, image, qtbot):
    def exchange(layer):
        viewer.layers.remove(first)
        viewer.add_image(image.copy(), name="first")

    panel, layer, _ = reopened(exchange)
    press_run(panel, qtbot)
    assert panel.workspace.layers.labels_layer is layer and len(viewer.layers) == 2


def test_a_model_that_is_gone(viewer, reopened):
    def forget(layer):
        layer.metadata[METADATA_KEY]["recipe"]["model"] |= {"source": None, "name": "mine"}

    panel, _, _ = reopened(forget)
    assert "The model “mine” is gone: choose one" in panel.footer.next_step.text()
    assert LIVE + " →" not in panel.footer.next_step.text()


FEW = ("image", "corrections")


def test_a_layer_that_keeps_little(viewer, reopened, qtbot):
    def strip(layer):
        kept = layer.metadata[METADATA_KEY]
        layer.metadata[METADATA_KEY] = {name: kept[name] for name in FEW}

    panel, layer, count = reopened(strip)
    assert panel.footer.count.text().startswith(f"{count} objects")
    press_run(panel, qtbot)
    assert panel.workspace.layers.labels_layer is layer
    assert layer.data[32, 48] == 500


@pytest.mark.parametrize("wrong", [7, "text", [1, 2], {"a": 1}, object(), np.ones(3), -1.5, ()])
def test_metadata_of_wrong_types_are_ignored(viewer, reopened, wrong, qtbot):
    def spoil(layer):
        kept = layer.metadata[METADATA_KEY]
        layer.metadata[METADATA_KEY] = dict.fromkeys(kept, wrong) | {"image_id": kept["image_id"]}

    panel, _, _ = reopened(spoil)
    assert panel.images.layer.name == "first" and panel.session.error is None
    press_run(panel, qtbot)
    assert panel.session.error is None


RECIPES = [
    lambda recipe: recipe.update(version=99),
    lambda recipe: recipe.pop("axes"),
    lambda recipe: recipe.update(clustering={"bandwidth": float("nan")}),
    lambda recipe: recipe.update(image=recipe),
    lambda recipe: recipe.update(channel=b"bytes"),
]


@pytest.mark.parametrize("spoil", RECIPES)
def test_a_recipe_that_cannot_be_read_is_ignored(viewer, reopened, spoil, qtbot):
    panel, _, count = reopened(lambda layer: spoil(layer.metadata[METADATA_KEY]["recipe"]))
    assert panel.session.error is None
    assert panel.footer.count.text().startswith(f"{count} objects")
    panel.footer.save.refresh()
    assert not panel.footer.save.recipe.isEnabled()


@pytest.mark.parametrize("wrong", [7, None, "text", []])
def test_an_entry_that_is_no_mapping_is_ignored(viewer, dock, image, wrong):
    viewer.add_image(image, name="first")
    viewer.add_labels(np.zeros((64, 96), int), metadata={METADATA_KEY: wrong})
    viewer.add_image(image, name="second", metadata={METADATA_KEY: wrong})
    panel = dock(SegmentPanel)
    assert panel.images.layer.name == "second" and panel.session.earlier_run is None


PANELS = (SegmentPanel, EmbeddingPanel, CorrectPanel, FineTunePanel)


def texts(panels):
    """Every text in every tab, and which parts are enabled."""
    found = []
    for panel in panels:
        for kind in (QLabel, QElidingLabel, QLineEdit):
            found += [one.text() for one in panel.findChildren(kind) if not one.isHidden()]
    found = [text.split(" at ")[0] if "Autosaved" in text else text for text in found]
    segment = panels[0]
    curve = segment.curve is not None and not segment.curve.isHidden()
    return [*found, f"curve {curve}", f"sliders {segment.objects.isEnabled()}"]


def test_two_images_to_and_fro(viewer, dock, run, first, image, qtbot):
    panels = [dock(kind) for kind in PANELS]
    segment, session = panels[0], panels[0].session
    run(segment)
    viewer.layers["first objects"].paint((32, 48), 500)
    qtbot.waitUntil(lambda: session.corrected_count == 1 and settled(session), timeout=WAIT)
    qtbot.wait(500)
    of_first, history = texts(panels), session.history

    second = viewer.add_image(image[::-1, ::2].copy(), name="second")
    qtbot.wait(200)
    nothing = "\n".join(texts(panels))
    assert segment.images.layer is second and session.image.name == "second"
    assert panels[2].footer.count.text() == "No objects yet."
    assert "Press Run to segment “second”" in nothing and "Embedded" not in nothing
    assert (
        "“first" not in nothing and "Autosaved" not in nothing and "1</b> corrected" not in nothing
    )
    assert "curve False" in nothing and "sliders False" in nothing

    press_run(segment, qtbot)
    qtbot.wait(500)
    of_second = texts(panels)
    assert "Embedded “second”" in "\n".join(of_second) and of_second != of_first

    viewer.layers.selection.active = first
    qtbot.waitUntil(lambda: settled(session) and session.image.name == "first", timeout=WAIT)
    qtbot.wait(500)
    assert texts(panels) == of_first
    assert session.history is history and session.corrected_count == 1
    assert viewer.layers["first objects"].data[32, 48] == 500

    viewer.layers.selection.active = viewer.layers["second objects"]
    qtbot.waitUntil(lambda: settled(session) and session.image.name == "second", timeout=WAIT)
    qtbot.wait(500)
    assert texts(panels) == of_second
    assert len(viewer.layers) == 4


def test_a_run_goes_on_when_another_image_is_selected(
    viewer, segment_panel, tiny_model, first, image, qtbot
):
    session = segment_panel.session
    segment_panel.models.add_file(tiny_model)
    segment_panel.run_button.click()
    viewer.add_image(image[::2].copy(), name="second")
    assert session.running and session.image.name == "first"
    assert "“first” is being segmented" in segment_panel.footer.next_step.text()
    qtbot.waitUntil(lambda: session.image.name == "second", timeout=WAIT)
    assert "first objects" in viewer.layers and session.labels is None
    assert segment_panel.images.layer.name == "second"


def test_two_images_with_a_layer_each_are_adopted_in_turn(viewer, dock, run, first, image, qtbot):
    panel = dock(SegmentPanel)
    run(panel)
    viewer.add_image(image[::2].copy(), name="second")
    run(panel)
    close(viewer, panel)
    panel = dock(SegmentPanel)
    assert "in “second objects”" in panel.footer.count.text()
    viewer.layers.selection.active = viewer.layers["first objects"]
    assert "in “first objects”" in panel.footer.count.text() and panel.images.layer is first
    press_run(panel, qtbot)
    assert len(viewer.layers) == 4


def test_a_sample_opens_with_its_image_selected_and_without_a_hint(viewer, segment_panel, qtbot):
    viewer.open_sample("napari-pixel-embedding", "nuclei-small")
    qtbot.waitUntil(lambda: viewer.layers.selection.active is viewer.layers["nuclei-small"])
    for layer in viewer.layers:
        viewer.layers.selection.active = layer
        assert segment_panel.images.hint.text() == ""
    viewer.add_labels(np.zeros((8, 8), int), name="mine")
    assert "“mine” is a labels layer" in segment_panel.images.hint.text()

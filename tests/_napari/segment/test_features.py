"""A layer whose channels are features, in the window: chosen, run, steered, corrected."""

import numpy as np
import pytest

from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding.core.features.source import NAME
from napari_pixel_embedding.core.recipe.recipe import recipe_in
from tests.core.features.scenes import COUNT, drawn_features, same_objects


@pytest.fixture
def features(viewer):
    labels, features = drawn_features(dim=12, unit=1e-3)
    viewer.add_labels(labels, name="truth")
    return labels, viewer.add_image(features, name="vectors")


def choose(panel, place="length", compare="euclidean"):
    panel.models.choose(NAME)
    box = panel.features
    box.places.setCurrentIndex(box.places.findData(place))
    box.places.activated.emit(box.places.currentIndex())
    box.compare.setCurrentIndex(box.compare.findData(compare))


def test_a_layer_of_features_is_segmented(segment_panel, features, run):
    labels, _ = features
    choose(segment_panel)
    assert segment_panel.run_button.isEnabled(), segment_panel.run_button.toolTip()
    session = run(segment_panel, NAME)
    assert not session.error
    assert same_objects(session.labels, labels)
    layer = segment_panel.workspace.layers.labels_layer
    assert layer.data.shape == labels.shape
    segment_panel.form.widget("bandwidth").value = 3.0


def test_a_labels_layer_says_where_objects_are(segment_panel, features, viewer, run):
    labels, _ = features
    choose(segment_panel, viewer.layers["truth"], "cosine")
    assert str(segment_panel.features.source) == "features:cosine:image"
    assert same_objects(run(segment_panel, NAME).labels, labels)


def test_the_box_shows_only_with_features(segment_panel, features):
    assert segment_panel.features.isHidden()
    choose(segment_panel)
    assert not segment_panel.features.isHidden()
    segment_panel.models.choose("nuclei-fluo")
    assert segment_panel.features.isHidden()


def test_what_is_missing_is_told(segment_panel, viewer):
    viewer.add_image(np.zeros((2, 3, 32, 32), np.float32), name="four axes")
    choose(segment_panel)
    assert "do not say which one holds the features" in segment_panel.marks.error
    assert not segment_panel.run_button.isEnabled()
    axes = segment_panel.images.axes_choice
    axes.setCurrentIndex(axes.findData("TCYX"))
    assert segment_panel.marks.error is None


def test_the_choice_comes_back_with_the_objects(segment_panel, features, viewer, run, qtbot):
    choose(segment_panel, compare="cosine")
    run(segment_panel, NAME)
    kept = recipe_in(segment_panel.workspace.layers.labels_layer.metadata)
    assert kept.model.source == "features:cosine:length"
    segment_panel.models.choose("nuclei-fluo")
    viewer.add_image(np.zeros((32, 32), np.float32), name="other")
    segment_panel.controller.set_model("nuclei-fluo")
    segment_panel.controller.set_model("features:cosine:length")
    assert segment_panel.models.source == NAME
    assert str(segment_panel.features.source) == "features:cosine:length"


def test_corrections_work_as_on_a_model_s_objects(dock, segment_panel, features, run, qtbot):
    choose(segment_panel)
    session = run(segment_panel, NAME)
    correct = dock(CorrectPanel)
    layer = correct.workspace.layers.select_labels()
    layer.selected_label = int(session.labels.max()) + 1
    layer.paint((3, 3), layer.selected_label)
    qtbot.waitUntil(lambda: session.corrected_count == 1)
    assert session.object_count == COUNT + 1

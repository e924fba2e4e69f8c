"""Images with axes of any order, and one channel of them, in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import immunohistochemistry

from napari_pixel_embedding import load_model, segment
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.inference.channels import COLOR_CHANNELS, pick_channel
from napari_pixel_embedding.core.model.config import ModelConfig

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 24, "X": 32}


@pytest.fixture
def section():
    """A section of tissue, stained with haematoxylin and DAB."""
    return immunohistochemistry()[:48, :64]


def stack(axes):
    shape = tuple(SIZES[a] for a in axes)
    return np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)


def choose(chooser, value):
    chooser.setCurrentIndex(chooser.findData(value))


def kept(panel):
    return panel.workspace.layers.labels_layer.metadata[METADATA_KEY]["recipe"]


@pytest.mark.parametrize("named", [True, False])
def test_planes_of_a_time_series_are_segmented_one_by_one(viewer, segment_panel, run, named):
    image = stack("TZYX")
    names = {"axis_labels": ("t", "z", "y", "x")} if named else {}
    viewer.add_image(image, name="film", scale=(60, 2, 0.5, 0.5), **names)
    session = run(segment_panel)
    assert session.error is None
    layer = segment_panel.workspace.layers.labels_layer
    assert layer.data.shape == image.shape
    assert tuple(layer.scale) == (60, 2, 0.5, 0.5)
    assert kept(segment_panel)["axes"] == "TZYX"
    expected = segment(
        image, segment_panel.models.source, axes="TZYX", params=session.cluster_params
    )
    np.testing.assert_array_equal(layer.data, expected)
    assert session.embedding_maps[0].spacing == (0.5, 0.5)


@pytest.mark.parametrize(("axes", "letters"), [("ZTYX", "ztyx"), ("ZTYX", "ZTYX")])
def test_labels_of_a_volume_model_have_the_image_s_order(
    viewer, segment_panel, run, tiny_volume_model, axes, letters
):
    image = stack(axes)
    viewer.add_image(image, name="film", scale=(2, 60, 0.5, 0.5), axis_labels=tuple(letters))
    session = run(segment_panel, tiny_volume_model)
    assert session.error is None
    layer = segment_panel.workspace.layers.labels_layer
    assert layer.data.shape == image.shape
    assert session.embedding_maps[0].spacing == (2, 0.5, 0.5)
    expected = segment(image, tiny_volume_model, axes=axes, params=session.cluster_params)
    np.testing.assert_array_equal(layer.data, expected)


def test_strokes_on_a_plane_are_corrections_of_its_frame(
    viewer, segment_panel, run, qtbot, tmp_path
):
    viewer.add_image(stack("TZYX"), name="film")
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    viewer.dims.set_point((0, 1), (1, 2))
    layer.selected_label = 99
    layer.mode = "paint"
    layer.paint((1, 2, 8, 9), 99)
    qtbot.waitUntil(lambda: session.corrections is not None)
    assert (session.corrections[6] == 99).any()
    assert not (np.delete(session.corrections, 6, axis=0) == 99).any()
    before = session.corrections
    corrections = segment_panel.controller.corrections
    assert corrections.save(tmp_path / "film_labels.tif")
    corrections.reset()
    assert session.corrections is None
    corrections.load(tmp_path / "film_labels.tif")
    assert session.error is None
    np.testing.assert_array_equal(session.corrections, before)


def test_a_channel_is_chosen_where_there_are_more_than_the_model_takes(viewer, segment_panel, run):
    image = stack("CYX")
    viewer.add_image(image, name="cells", axis_labels=("c", "y", "x"))
    chooser = segment_panel.channels
    assert [chooser.itemData(n) for n in range(chooser.count())] == [None, 0, 1, 2]
    assert "choose one in Channel" in segment_panel.run_button.toolTip()
    choose(chooser, 2)
    session = run(segment_panel)
    assert session.error is None
    layer = segment_panel.workspace.layers.labels_layer
    expected = segment(image[2], segment_panel.models.source, params=session.cluster_params)
    np.testing.assert_array_equal(layer.data, expected)
    assert (kept(segment_panel)["axes"], kept(segment_panel)["channel"]) == ("CYX", 2)


def test_there_is_no_choice_of_channels_without_them(viewer, segment_panel):
    chooser = segment_panel.channels
    viewer.add_image(stack("TYX"), name="film")
    assert not chooser.isEnabled()
    assert "no more channels" in chooser.toolTip()
    choose(segment_panel.images.axes_choice, "CYX")
    assert chooser.isEnabled()


def test_a_stain_of_a_section_is_segmented(viewer, segment_panel, run, section):
    viewer.add_image(section, rgb=True, name="section")
    chooser = segment_panel.channels
    assert [chooser.itemData(n) for n in range(1, chooser.count())] == list(COLOR_CHANNELS)
    grey = run(segment_panel).labels
    choose(chooser, "haematoxylin")
    session = run(segment_panel)
    stain = pick_channel(section, "haematoxylin", 2)
    model = segment_panel.models.source
    expected = segment(stain, model, params=session.cluster_params)
    np.testing.assert_array_equal(session.labels, expected)
    assert not np.array_equal(session.labels, grey)
    assert kept(segment_panel)["channel"] == "haematoxylin"
    np.testing.assert_array_equal(np.asarray(session.worked_image.data), stain)


def test_fine_tuning_on_other_images_learns_from_their_channel(
    viewer, segment_panel, run, qtbot, section
):
    viewer.add_image(section, rgb=True, name="section")
    choose(segment_panel.channels, "DAB")
    session = run(segment_panel)
    segment_panel.workspace.layers.labels_layer.paint((8, 9), 99)
    qtbot.waitUntil(lambda: session.corrections is not None)
    viewer.add_image(stack("YX"), name="other")
    choose(segment_panel.channels, None)
    run(segment_panel)
    (other,) = segment_panel.workspace.layers.other_corrected_images()
    assert other.axes == "YX"
    np.testing.assert_array_equal(np.asarray(other.image.data), pick_channel(section, "DAB", 2))


def test_blocks_of_a_large_section_are_of_the_stain_too(
    viewer, segment_panel, tiny_model, qtbot, section
):
    segment_panel.models.add_file(tiny_model)
    segment_panel.controller.memory = 2**17 * pixel_bytes(ModelConfig(embedding_dim=2))
    picture = np.tile(section, (12, 9, 1))
    viewer.add_image(picture, rgb=True, name="slide")
    choose(segment_panel.channels, "haematoxylin")
    segment_panel.run_button.click()
    session = segment_panel.session
    qtbot.waitUntil(
        lambda: bool(session.error) or (session.labels is not None and not session.filling),
        timeout=60_000,
    )
    assert session.error is None
    config = load_model(tiny_model).config
    low, high = segment_panel.controller.mosaic._source.ranges[0]
    stain = pick_channel(picture, "haematoxylin", 2)
    assert (low, high) == pytest.approx(np.percentile(stain, config.percentiles), abs=0.01)
    assert session.mosaic.indexed_blocks
    assert segment_panel.workspace.layers.mosaic_layer.data[0].shape == picture.shape[:2]

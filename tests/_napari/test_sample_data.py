"""What napari shows after Open Sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_pixel_embedding._napari import sample_data
from napari_pixel_embedding.core.datasets.samples import (
    DRAWN_SAMPLES,
    list_samples,
    load_drawn_sample,
    load_sample,
)

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-pixel-embedding"


@pytest.mark.parametrize("name", list_samples())
def test_each_sample_has_its_function(name: str) -> None:
    (image, image_attributes, kind), (labels, _, labels_kind) = getattr(
        sample_data, name.replace("-", "_")
    )()
    assert (image_attributes["name"], kind, labels_kind) == (name, "image", "labels")
    expected = load_sample(name)
    np.testing.assert_array_equal(image, expected[0].data)
    np.testing.assert_array_equal(labels, expected[1])


@pytest.mark.parametrize("name", list_samples())
def test_sample_opens_as_an_image_and_hidden_labels(viewer: napari.Viewer, name: str) -> None:
    viewer.open_sample(PLUGIN, name)
    image, labels = viewer.layers
    assert (image.name, image.visible, labels.visible) == (name, True, False)
    assert labels.data.any()
    np.testing.assert_array_equal(labels.extent.world, image.extent.world)


def test_labels_made_by_software_are_not_called_ground_truth(viewer: napari.Viewer) -> None:
    viewer.open_sample(PLUGIN, "nuclei-timelapse")
    viewer.open_sample(PLUGIN, "nuclei-small")
    names = [layer.name for layer in viewer.layers if not layer.visible]
    assert names == ["nuclei-timelapse labels made by software", "nuclei-small ground truth"]


def test_stack_keeps_its_spacing(viewer: napari.Viewer) -> None:
    viewer.open_sample(PLUGIN, "embryo-3d")
    assert [tuple(layer.scale) for layer in viewer.layers] == [(2.18, 1.0, 1.0)] * 2
    assert viewer.layers[0].axis_labels == ("z", "y", "x")


def test_time_lapse_has_micrometres_along_space_only(viewer: napari.Viewer) -> None:
    viewer.open_sample(PLUGIN, "nuclei-timelapse")
    for layer in viewer.layers:
        assert tuple(layer.scale) == (1.0, 0.619, 0.619)
        assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]


@pytest.mark.parametrize("name", list_samples())
def test_contrast_leaves_out_few_pixels(name: str) -> None:
    (image, attributes, _), _ = sample_data.sample_layers(name)
    low, high = attributes["contrast_limits"]
    assert image.min() <= low < high <= image.max()
    assert (image > high).mean() < 0.0021
    assert (image < low).mean() < 0.0101


@pytest.mark.parametrize("name", [sample.name for sample in DRAWN_SAMPLES])
def test_drawn_sample_has_its_function(name: str) -> None:
    (image, attributes, kind), (labels, _, labels_kind) = getattr(
        sample_data, name.replace("-", "_")
    )()
    assert (attributes["name"], kind, labels_kind) == (name, "image", "labels")
    expected = load_drawn_sample(name)
    np.testing.assert_array_equal(image, expected.image)
    np.testing.assert_array_equal(labels, expected.labels)


def test_drawn_leaves_are_shown_in_their_colours(viewer: napari.Viewer) -> None:
    viewer.open_sample(PLUGIN, "leaves-drawn")
    image, labels = viewer.layers
    assert (image.rgb, labels.visible) == (True, False)
    np.testing.assert_array_equal(labels.extent.world, image.extent.world)

import numpy as np
import pytest

from napari_pixel_embedding.core.label_frames import label_frames
from napari_pixel_embedding.core.measurement.channels import split_channels

LABELS = label_frames(np.zeros((4, 5), int))[0]


def test_an_image_without_channels_keeps_its_name():
    image = np.zeros((4, 5))
    assert split_channels(image, None, LABELS, "dapi")["dapi"] is image


@pytest.mark.parametrize(("shape", "axes"), [((4, 5, 3), "YXC"), ((3, 4, 5), "CYX")])
def test_channels_are_numbered(shape, axes):
    image = np.arange(60).reshape(shape)
    found = split_channels(image, axes, LABELS)
    assert list(found) == ["intensity_c0", "intensity_c1", "intensity_c2"]
    assert np.array_equal(found["intensity_c1"], image.take(1, axis=axes.index("C")))


@pytest.mark.parametrize(("shape", "axes"), [((4, 6), "YX"), ((3, 4, 5), None), ((3, 4, 6), "CYX")])
def test_another_shape_is_refused(shape, axes):
    with pytest.raises(ValueError, match="must have the shape of the labels"):
        split_channels(np.zeros(shape), axes, LABELS)

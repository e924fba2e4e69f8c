import sys

import numpy as np
import pytest
import roifile

from napari_pixel_embedding.core.exchange.imagej_roi import write_imagej_rois
from napari_pixel_embedding.core.label_frames import label_frames
from tests.core.exchange.readers import STACKS, hard_labels, labels_of_rois


@pytest.mark.parametrize(("shape", "axes", "size"), STACKS)
def test_no_pixel_differs_after_imagej_rois(tmp_path, shape, axes, size):
    labels = hard_labels(shape)
    count = write_imagej_rois(tmp_path / "a.zip", label_frames(labels, axes))
    rois = roifile.roiread(tmp_path / "a.zip")
    assert len(rois) == count
    assert {roi.composite for roi in rois} == {True, False}
    assert np.array_equal(labels_of_rois(rois, size), labels.reshape(size))


def test_places_in_a_stack_count_from_one(tmp_path):
    labels = np.zeros((3, 4, 4), int)
    labels[2, 1, 1] = 9
    for axes, name in (("ZYX", "z_position"), ("TYX", "t_position")):
        write_imagej_rois(tmp_path / "a.zip", label_frames(labels, axes))
        (roi,) = roifile.roiread(tmp_path / "a.zip")
        assert (roi.name, roi.position, getattr(roi, name)) == ("0003-9", 3, 3)
        assert (roi.left, roi.top, roi.right, roi.bottom) == (1, 1, 2, 2)


def test_equal_labels_give_equal_files(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_imagej_rois(tmp_path / name, label_frames(hard_labels((20, 20))))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_imagej_cannot_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match="up to 32767 pixels"):
        write_imagej_rois(tmp_path / "a.zip", label_frames(np.ones((1, 40_000), int)))


def test_a_missing_library_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(ValueError, match=r"pip install 'napari-pixel-embedding\[exchange\]'"):
        write_imagej_rois(tmp_path / "a.zip", label_frames([[1]]))

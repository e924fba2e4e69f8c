"""Features of a labels layer that several parts write."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels

from napari_pixel_embedding._napari.features import drop_features, put_features


def layer():
    return Labels(np.array([[1, 2], [3, 0]]))


def test_columns_of_others_stay_with_their_objects():
    found = layer()
    put_features(found, {"index": [1, 2], "review": ["open", "accepted"]})
    put_features(found, {"index": [3, 2, 1], "area": [3.0, 2.0, 1.0]})
    table = found.features
    assert table["index"].tolist() == [3, 2, 1]
    assert table["review"].tolist()[1:] == ["accepted", "open"]
    assert table["area"].tolist() == [3, 2, 1]
    put_features(found, {"index": [1, 2], "area": [5.0, 6.0]})
    assert found.features["area"].tolist() == [5, 6]


def test_equal_labels_of_frames_are_not_mixed_up():
    found = layer()
    put_features(found, {"index": [1, 1], "frame": [0, 1], "review": ["a", "b"]})
    put_features(found, {"index": [1, 1], "frame": [1, 0], "area": [1.0, 0.0]})
    assert found.features["review"].tolist() == ["b", "a"]
    put_features(found, {"index": [1], "area": [9.0]})  # labels without frames are other labels
    assert "review" not in found.features


def test_dropped_columns_leave_nothing_behind():
    found = layer()
    put_features(found, {"index": [1, 2], "area": [1.0, 2.0]})
    put_features(found, {"index": [1, 2], "review": ["a", "b"]})
    drop_features(found, ["area", "unknown"])
    assert set(found.features) == {"index", "review"}
    drop_features(found, ["review"])
    assert len(found.features.columns) == 0

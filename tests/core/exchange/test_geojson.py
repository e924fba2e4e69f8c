import json

import numpy as np
import pytest

from napari_pixel_embedding.core.exchange.geojson import write_geojson
from napari_pixel_embedding.core.label_frames import label_frames
from tests.core.exchange.readers import STACKS, hard_labels, labels_of_features


@pytest.mark.parametrize(("shape", "axes", "size"), STACKS)
def test_no_pixel_differs_after_geojson(tmp_path, shape, axes, size):
    labels = hard_labels(shape)
    count = write_geojson(tmp_path / "a.geojson", label_frames(labels, axes))
    read = json.loads((tmp_path / "a.geojson").read_text("utf-8"))
    assert read["type"] == "FeatureCollection"
    assert len(read["features"]) == count
    kinds = {feature["geometry"]["type"] for feature in read["features"]}
    assert kinds == {"Polygon", "MultiPolygon"}
    assert np.array_equal(labels_of_features(read["features"], size), labels.reshape(size))


def test_rings_are_closed_and_the_object_is_a_detection(tmp_path):
    write_geojson(tmp_path / "a.geojson", label_frames([[0, 7]]))
    (feature,) = json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert len(ring) == 5
    assert feature["properties"]["objectType"] == "detection"
    assert "plane" not in feature["geometry"]


def test_no_objects_are_a_valid_file(tmp_path):
    assert write_geojson(tmp_path / "a.geojson", label_frames(np.zeros((3, 3), int))) == 0
    assert json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"] == []


def test_progress_goes_from_frame_to_frame(tmp_path):
    told = []
    labels = np.ones((2, 2, 3, 3), int)
    write_geojson(tmp_path / "a.geojson", label_frames(labels), told.append)
    assert told == sorted(told)
    assert told == [0, 0.25, 0.5, 0.75]

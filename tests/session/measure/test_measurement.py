"""The table of a session's objects: what is in it, when it is outdated, selecting and editing."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session import ImmediateExecutor
from napari_pixel_embedding.session.measure.measurement import OUTDATED, Measurement
from napari_pixel_embedding.session.measure.table import Columns, MeasureRequest, Origin
from tests.session.fakes import QueueExecutor
from tests.session.scenes import OBJECTS, image, start


def request_of(session, **changes):
    usual = {
        "labels": session.labels,
        "axes": "TYX" if session.has_frames else "YX",
        "layer": "row objects",
        "origin": Origin.of(session),
        "live": True,
    }
    if session.has_frames:
        usual |= {"frame_axes": "T", "frame_shape": (len(session.labels),)}
    return MeasureRequest(**{**usual, **changes})


def made(frames=0, executor=None, **changes):
    """A controller after a run, and its measurement of all that is known."""
    controller = start(frames)
    session = controller.session
    part = Measurement(session, executor or ImmediateExecutor(), controller.edits.start)
    part.measure(lambda: request_of(session, **changes))
    return controller, part


def test_the_table_has_what_only_the_result_knows():
    pixels = image().data
    _, part = made(
        images={"row": pixels}, spacing=(0.5, 0.5), units="µm", columns=Columns(embedding=True)
    )
    table = part.state.table
    assert len(table) == OBJECTS - 1  # the faint one is no object
    for name in ("embedding_0", "foreground", "merge_bandwidth", "split_bandwidth", "uncertainty"):
        assert np.isfinite(table.values(name)).any() or name == "split_bandwidth"
    assert table.measurements.headings()["area"] == "area (µm²)"
    assert table.values("area").tolist() == [30.0] * 4  # 12 × 10 pixels of 0.25 µm²
    assert table.values("foreground") == pytest.approx([0.99, 0.98, 0.97, 0.96])
    assert table.values("merge_bandwidth")[0] == pytest.approx(1.1, abs=0.2)
    first = pixels[2:12, 4:16]
    assert table.values("row_mean")[0] == pytest.approx(first.mean())
    assert not table.values("touches_border").any()


def test_groups_that_are_not_wanted_are_left_out():
    _, part = made(columns=Columns(shape=False, certainty=False))
    names = part.state.table.names
    assert not {"perimeter", "foreground", "uncertainty", "embedding_0"} & {*names}
    assert {"label", "area", "centroid_x", "touches_border"} <= {*names}


def test_corrected_objects_are_marked():
    controller, part = made()
    session = controller.session
    after = session.labels.copy()
    after[0, 4:8] = 1
    controller.corrections.record_edit(session.labels, after)
    part.measure(lambda: request_of(session))
    table = part.state.table
    assert table.measurements["corrected"].tolist() == [True, False, False, False]
    assert table.measurements["touches_border"].tolist() == [True, False, False, False]


def test_frames_are_measured_each_with_its_own_embedding_and_named_by_their_axis():
    _, part = made(frames=3)
    table = part.state.table
    assert table.measurements["frame"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table.frames.tolist() == table.measurements["frame"].tolist()
    _, part = made(frames=6, frame_axes="TZ", frame_shape=(2, 3))
    named = part.state.table.measurements
    assert named["frame"][::4].tolist() == [0, 0, 0, 1, 1, 1]
    assert named["plane"][::4].tolist() == [0, 1, 2, 0, 1, 2]


def test_local_bandwidths_count_in_their_frame_only():
    controller, part = made(frames=2)
    session = controller.session
    alone = part.state.table.values("split_bandwidth")
    controller.clustering.refine((0, 7, 10), "coarser")
    part.measure(lambda: request_of(session))
    frames = part.state.table.frames
    assert len(frames[frames == 0]) < len(frames[frames == 1]) == 4
    now = part.state.table.values("split_bandwidth")
    np.testing.assert_array_equal(now[frames == 1], alone[4:])


def test_places_in_a_part_of_an_image_count_from_the_image():
    _, part = made(start=(100, 1000), spacing=(2.0, 2.0), units="µm")
    table = part.state.table
    assert table.values("bbox_x_min")[0] == 1004
    assert table.values("centroid_y")[0] == pytest.approx(2 * (100 + 6.5))
    assert table.boxes[0].tolist() == [[2, 4], [12, 16]]  # in the labels


@pytest.mark.parametrize("change", ["slider", "brush", "accept"])
def test_any_change_of_the_labels_is_said(change):
    controller, part = made()
    session = controller.session
    assert part.state.outdated == ""
    if change == "slider":
        controller.clustering.set_params(bandwidth=1.3)
    elif change == "brush":
        after = session.labels.copy()
        after[0, 0] = 1
        controller.corrections.record_edit(session.labels, after)
    else:
        from napari_pixel_embedding.session.correct import edits

        controller.edits.start(edits.lock(0, (7, 10)))
    assert part.state.outdated == OUTDATED
    part.measure(lambda: request_of(session))
    assert part.state.outdated == ""


def test_labels_that_change_while_they_are_measured_make_an_outdated_table():
    queue = QueueExecutor()
    controller, part = made(executor=queue)
    assert controller.session.tabulating
    controller.clustering.set_params(bandwidth=1.3)
    queue.settle()
    assert part.state.table is not None
    assert part.state.outdated == OUTDATED
    assert not controller.session.tabulating


def test_cancel_keeps_the_former_table():
    queue = QueueExecutor()
    controller, part = made(executor=queue)
    queue.settle()
    before = part.state.table
    part.measure(lambda: request_of(controller.session))
    part.cancel()
    queue.settle()
    assert part.state.table is before
    assert not controller.session.tabulating


def test_an_error_says_what_was_found():
    controller, part = made(images={"other": np.zeros((3, 3))})
    assert part.state.table is None
    assert "must have the shape of the labels" in controller.session.error
    assert not controller.session.tabulating
    part.measure(lambda: None)
    assert "expected a labels layer" in controller.session.error


def test_a_lasso_selects_the_points_inside():
    _, part = made()
    table = part.state.table
    x = table.values("centroid_x")
    corners = [(x[1] - 1, 0), (x[2] + 1, 0), (x[2] + 1, 20), (x[1] - 1, 20)]
    part.select_in_lasso("centroid_x", "centroid_y", corners)
    assert part.state.selected.tolist() == [1, 2]
    part.select_in_lasso("centroid_x", "centroid_y", ())
    assert part.state.selected.tolist() == []


def test_a_range_includes_its_ends_and_leaves_out_what_is_not_known():
    _, part = made()
    values = part.state.table.values("centroid_x")
    part.select_between("centroid_x", values[1], values[3])
    assert part.state.selected.tolist() == [1, 2, 3]
    part.state.table.measurements.columns["centroid_x"][2] = np.nan
    part.select_between("centroid_x", -np.inf, np.inf)
    assert part.state.selected.tolist() == [0, 1, 3]
    part.select_in_lasso(
        "centroid_x", "centroid_y", [(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)]
    )
    assert part.state.selected.tolist() == [0, 1, 3]


def test_selected_objects_are_drawn_as_they_are_now():
    controller, part = made()
    part.select_object(0, 2)
    picture, labels = part.state.picture, controller.session.labels
    assert set(np.unique(picture[labels == 2])) == {1, 2}
    assert not picture[labels != 2].any()
    after = labels.copy()
    after[0, 16:20] = 2
    controller.corrections.record_edit(labels, after)
    assert part.state.picture[0, 16:20].all()
    part.select_object(0, 77)
    assert part.state.picture is None


def test_deleting_the_selected_is_one_step_that_can_be_undone_and_is_measured_again():
    controller, part = made(frames=2)
    session = controller.session
    part.select([0, 1, 5])
    part.delete_selected()
    assert session.deleted_count == 3
    assert len(part.state.table) == 5
    assert part.state.picture is None
    assert part.state.outdated == ""
    assert session.edit_status == "Deleted 3 objects."
    controller.corrections.undo()
    assert session.deleted_count == 0
    assert part.state.outdated == OUTDATED
    part.measure(lambda: request_of(session))
    assert len(part.state.table) == 8


def test_accepted_objects_are_locked_and_stay_selected():
    controller, part = made()
    session = controller.session
    part.select([1, 2])
    keys = part.state.table.keys(part.state.selected)
    part.accept_selected()
    assert session.accepted == frozenset(keys)
    assert session.corrected_count == 2
    table = part.state.table
    assert table.measurements["corrected"].tolist() == [False, True, True, False]
    assert table.keys(part.state.selected) == keys
    controller.corrections.undo()
    assert session.accepted == frozenset()


def test_an_outdated_table_edits_nothing():
    controller, part = made()
    part.select([0])
    controller.clustering.set_params(bandwidth=1.3)
    assert part.disabled_reason == OUTDATED
    part.delete_selected()
    assert controller.session.deleted_count == 0
    other, part = made(live=False, origin=None)
    part.select([0])
    part.delete_selected()
    assert other.session.deleted_count == 0


def test_another_image_takes_the_table_away():
    controller, part = made()
    part.select([0])
    controller.set_image(image(name="other"))
    assert part.state.table is None
    assert part.state.selected.size == 0


def test_labels_of_another_program_are_measured_as_they_were():
    labels = np.zeros((6, 6), int)
    labels[1:3, 1:3] = 70_000
    controller, part = made(labels=labels, live=False, origin=None)
    labels[...] = 0
    assert part.state.table.ids.tolist() == [70_000]
    controller.clustering.set_params(bandwidth=1.3)
    assert part.state.outdated == ""

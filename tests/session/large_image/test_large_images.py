"""Images that memory does not bear: the view first, the rest in the background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    PreviousAnnotations,
    Session,
    SessionController,
)
from napari_pixel_embedding.session.large_image import mosaic
from napari_pixel_embedding.session.segment.requests import RunRequest
from napari_pixel_embedding.session.segment.run import measure
from tests.session.fakes import FakeConfig, FakeModel, fake_engine

MEMORY = 2**17 * pixel_bytes(FakeConfig())
"""Bears 2¹⁷ pixels in one piece, and half as many in a field; 600 × 800 pixels are 12 blocks."""

STRIPES = 40


class Lazy:
    """An array that counts what is read of it, and refuses to be read at once."""

    def __init__(self, data):
        self._data = data
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim
        self.largest = 0

    def __getitem__(self, region):
        part = self._data[region]
        self.largest = max(self.largest, part.size)
        return part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole image was read")


@pytest.fixture
def stripes():
    """Stripes of 3 columns from top to bottom, 20 apart."""
    data = np.zeros((600, 800), np.uint8)
    data[:, np.arange(800) % 20 < 3] = 200
    return Lazy(data)


def run_on(image, executor, view=None, **engine):
    controller = SessionController(Session(), executor, fake_engine(**engine), memory=MEMORY)
    assert controller.set_image(image)
    controller.set_view(view)
    controller.set_model("fake")
    controller.run()
    return controller


@pytest.fixture
def ran(stripes):
    """A controller after a run on the stripes around (300, 400), all blocks made."""
    view = ((260.0, 340.0), (360.0, 440.0))
    return run_on(ImageInput(stripes, "YX", "stripes"), ImmediateExecutor(), view)


def whole(session):
    """Labels of the whole image, the field not left out."""
    cut = replace(session.mosaic_labels.cut, hole=None)
    return cut.read(0, tuple(slice(0, n) for n in cut.shape))


def paint(controller, pixels, value):
    before = controller.session.labels
    after = before.copy()
    after[pixels] = value
    controller.corrections.record_edit(before, after)


def test_a_small_image_is_worked_on_in_one_piece(image):
    session = run_on(image, ImmediateExecutor()).session
    assert session.roi is session.mosaic is session.mosaic_labels is None
    assert session.labels.shape == image.shape


def test_the_view_comes_first(ran):
    session = ran.session
    (top, left), (height, width) = session.roi.start, session.roi.shape
    assert session.labels.shape == (height, width)
    assert height * width <= 2**16
    assert top <= 300 <= top + height and left <= 400 <= left + width
    assert session.object_count == np.count_nonzero(np.diff(session.labels[0] > 0, prepend=0) == 1)
    assert "pixels of “stripes”" in session.status


def test_nothing_larger_than_a_block_is_read(ran, stripes):
    assert 0 < stripes.largest < stripes._data.size / 4


def test_the_rest_follows_and_objects_at_seams_are_one(ran):
    session = ran.session
    assert not session.filling
    assert (session.mosaic_progress, len(session.mosaic.indexed_blocks)) == (1.0, 12)
    assert session.mosaic_labels.object_count == STRIPES
    labels = whole(session)
    np.testing.assert_array_equal(labels > 0, ran.session.image.data._data > 0)
    assert all(np.unique(labels[:, column]).size == 1 for column in range(0, 800, 20))
    assert "The whole image is segmented" in session.mosaic_status


def test_objects_across_the_fields_border_have_one_id_inside_and_outside(ran):
    session = ran.session
    (top, left), (_, width) = session.roi.start, session.roi.shape
    outside = whole(session)[top - 1, left : left + width]
    np.testing.assert_array_equal(session.labels[0], outside)


def test_room_is_left_for_the_field(ran):
    cut, roi = ran.session.mosaic_labels.cut, ran.session.roi
    assert not cut.read(0, roi.box).any()
    assert whole(ran.session)[roi.box].any()


def test_sliders_cut_the_rest_too(ran):
    ids = np.unique(whole(ran.session))
    ran.clustering.set_params(bandwidth=2.5)
    assert ran.session.object_count == 1
    assert (
        ran.session.mosaic_labels.object_count == 3
    )  # no stripe lies on a seam between columns of blocks
    ran.clustering.set_params(bandwidth=1.0)
    np.testing.assert_array_equal(np.unique(whole(ran.session)), ids)


def test_the_field_is_cut_while_blocks_are_being_made(queue, stripes):
    controller = run_on(ImageInput(stripes, "YX"), queue)
    session = controller.session
    while not session.filling:
        queue.work()
        queue.deliver()
    fill = queue.jobs.pop()  # a worker of its own has begun with it
    queue.settle()
    controller.clustering.set_params(bandwidth=2.5)
    queue.settle()
    assert (session.filling, session.object_count, session.mosaic_labels) == (True, 1, None)
    queue.submit(fill)
    queue.settle()
    assert (session.filling, session.mosaic_labels.object_count) == (False, 3)


def cancelled_after(blocks, stripes, **engine):
    """A controller whose user pressed Cancel as soon as so many blocks were there."""
    controller = SessionController(
        Session(), ImmediateExecutor(), fake_engine(**engine), memory=MEMORY
    )

    def look(mosaic):
        if mosaic is not None and len(mosaic.indexed_blocks) == blocks:
            controller.cancel()

    controller.session.events.mosaic.connect(look)
    controller.set_image(ImageInput(stripes, "YX"))
    controller.set_model("fake")
    controller.run()
    controller.session.events.mosaic.disconnect(look)
    return controller


def test_cancel_keeps_finished_blocks_and_run_goes_on(stripes):
    built = []
    controller = cancelled_after(3, stripes, same_model=lambda a, b: built.append(a) is None)
    session = controller.session
    assert (session.filling, len(session.mosaic.indexed_blocks)) == (False, 3)
    assert "3 blocks kept" in session.mosaic_status
    kept = session.mosaic.indexed_blocks
    controller.run()
    assert len(session.mosaic.indexed_blocks) == 12
    assert session.mosaic.indexed_blocks[:3] == kept
    assert session.mosaic_labels.object_count == STRIPES


def test_another_model_makes_all_blocks_anew(ran):
    before = ran.session.mosaic.indexed_blocks
    ran.set_model("other")
    ran.run()
    assert len(ran.session.mosaic.indexed_blocks) == 12
    assert not set(map(id, before)) & set(map(id, ran.session.mosaic.indexed_blocks))


def test_single_cuts_of_another_kind_of_model_are_forgotten(ran):
    ran.clustering.set_params(bandwidth=2.5)
    ran.clustering.refine((5, int(np.flatnonzero(ran.session.labels[5])[0])), "finer")
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.set_model(FakeModel(FakeConfig(delta_var=2.0)))
    ran.run()
    assert ran.session.whole_image.places == ()
    assert not any(ran.session.local_bandwidths)


def test_strokes_can_be_undone_until_the_field_moves(ran):
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.run()  # in the same place
    ran.corrections.undo()
    assert ran.session.corrections is None
    ran.corrections.redo()
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    ran.corrections.undo()
    assert "nothing to undo" in ran.session.edit_status
    assert (whole(ran.session) == 500).any()


def test_each_field_is_saved_by_itself_and_offered_back(stripes, tmp_path):
    image = ImageInput(stripes, "YX", "stripes")

    def begin():
        controller = SessionController(
            Session(), ImmediateExecutor(), fake_engine(), MEMORY, autosave_folder=tmp_path
        )
        controller.set_image(image)
        controller.set_model("fake")
        return controller

    controller = begin()
    for corner, name in ((0.0, 500), (500.0, 600)):
        controller.set_view(((corner, corner + 80), (corner, corner + 80)))
        controller.run()
        paint(controller, np.s_[4:9, 5:9], name)
    controller.close()
    again = begin()
    for corner, name in ((0.0, 500), (500.0, 600)):
        again.set_view(((corner, corner + 80), (corner, corner + 80)))
        again.run()
        again.autosave.restore()
        assert (again.session.labels[4:9, 5:9] == name).all()
    again.close()


def test_running_elsewhere_moves_the_field_and_keeps_blocks_and_ids(ran):
    before, ids = ran.session.mosaic.indexed_blocks, whole(ran.session)
    first = ran.session.roi
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    session = ran.session
    assert session.roi.start == (0, 0) != first.start
    assert session.mosaic.indexed_blocks == before
    far = (slice(None), slice(600, 800))  # in neither of the fields
    np.testing.assert_array_equal(whole(session)[far], ids[far])


def test_corrections_stay_where_they_belong(ran):
    first = ran.session.roi
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    session = ran.session
    assert session.corrections is None
    there = tuple(
        slice(a + p.start, a + p.stop) for a, p in zip(first.start, np.s_[4:9, 5:9], strict=True)
    )
    assert (whole(session)[there] == 500).all()
    ran.set_view(((260.0, 340.0), (360.0, 440.0)))
    ran.run()
    assert session.roi == first
    assert (session.labels[4:9, 5:9] == 500).all()
    assert session.corrected_count == 1


def test_two_objects_corrected_in_two_fields_never_share_an_id(ran):
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.set_view(((560.0, 600.0), (700.0, 800.0)))
    ran.run()
    fixed = ran.session.whole_image.corrections
    ids = [np.unique(tile[tile > 0]) for tile in fixed.tiles.values()]
    assert sorted(np.concatenate(ids).tolist()) == [500, 501]


def test_forgetting_corrections_forgets_those_elsewhere(ran):
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    ran.corrections.reset()
    assert not (whole(ran.session) == 500).any()


def test_corrections_are_saved_and_loaded_for_the_whole_image(ran):
    first = ran.session.roi
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    paint(ran, np.s_[20:30, 5:9], 600)
    assert ran.corrections.save("all.tif")
    saved = ran._engine.load_corrections("all.tif")
    assert saved.shape == (600, 800)
    assert ((saved == 500).sum(), (saved == 600).sum()) == (20, 40)
    ran.corrections.reset()
    ran.corrections.load("all.tif")
    assert (ran.session.labels[20:30, 5:9] == 600).all()
    ran.set_view(((260.0, 340.0), (360.0, 440.0)))
    ran.run()
    assert ran.session.roi == first
    assert (ran.session.labels[4:9, 5:9] == 500).all()


def test_corrections_of_a_field_alone_are_refused(ran):
    ran._engine.save_corrections("part.tif", np.zeros(ran.session.roi.shape, np.int32))
    ran.corrections.load("part.tif")
    assert "of shape (600, 800), found" in ran.session.error


def test_what_memory_does_not_bear_is_not_written_as_one_array(ran, monkeypatch):
    paint(ran, np.s_[4:9, 5:9], 500)
    monkeypatch.setattr(mosaic, "memory_budget", lambda: 1000)
    assert not ran.corrections.save("all.tif")
    assert "GiB" in ran.session.error


def test_single_cuts_stay_where_they_belong(ran):
    ran.clustering.set_params(bandwidth=2.5)
    ran.clustering.refine((5, int(np.flatnonzero(ran.session.labels[5])[0])), "finer")
    local = ran.session.local_bandwidths
    assert sum(map(len, local)) == 1
    assert ran.session.mosaic_labels.object_count > 1  # also around the field
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    assert not any(ran.session.local_bandwidths)
    ran.set_view(((260.0, 340.0), (360.0, 440.0)))
    ran.run()
    assert ran.session.local_bandwidths == local


def test_a_coarse_level_is_a_preview_until_all_blocks_are_there(stripes):
    coarse = stripes._data[::4, ::4]
    image = ImageInput(stripes, "YX", "stripes", coarser=(stripes._data[::2, ::2], coarse))
    everything = ((0.0, 600.0), (0.0, 800.0))
    session = run_on(image, ImmediateExecutor(), everything).session
    assert session.roi.level == 2
    assert session.labels.size <= 2**16
    assert "level 2, 4 × coarser" in session.status
    assert session.mosaic_labels.cut.hole is None
    assert session.mosaic_labels.object_count == STRIPES


def test_corrections_of_a_preview_are_found_at_the_finest_level(stripes):
    coarse = stripes._data[::4, ::4]
    image = ImageInput(stripes, "YX", coarser=(coarse,))
    controller = run_on(image, ImmediateExecutor(), ((0.0, 600.0), (0.0, 800.0)))
    paint(controller, np.s_[2:4, 3:6], 500)
    (top, left) = controller.session.roi.start
    controller.set_view(((400.0, 440.0), (400.0, 440.0)))
    controller.run()
    rows, columns = np.nonzero(whole(controller.session) == 500)
    assert (rows.min(), rows.max()) == (4 * (top + 2), 4 * (top + 4) - 1)
    assert (columns.min(), columns.max()) == (4 * (left + 3), 4 * (left + 6) - 1)


def test_a_view_beside_the_image_takes_its_middle_and_says_so(stripes):
    view = ((-500.0, -400.0), (0.0, 100.0))
    session = run_on(ImageInput(stripes, "YX"), ImmediateExecutor(), view).session
    middle = [start + n / 2 for start, n in zip(session.roi.start, session.roi.shape, strict=True)]
    np.testing.assert_allclose(middle, (300, 400), atol=2)
    assert "No part of the image is in view" in session.status


def test_a_time_lapse_begins_with_the_frame_in_view(stripes):
    stack = Lazy(np.stack([stripes._data[:300, :400] * on for on in (1, 0, 1)]))
    view = ((2.0, 3.0), (0.0, 300.0), (0.0, 400.0))
    session = run_on(ImageInput(stack, "TYX"), ImmediateExecutor(), view).session
    assert session.roi.frame == 2
    assert session.labels.shape == (1, *session.roi.shape)
    assert [piece.block.frame for piece in session.mosaic.indexed_blocks][::4] == [2, 1, 0]
    cut = replace(session.mosaic_labels.cut, hole=None)
    box = (slice(0, 300), slice(0, 400))
    assert [cut.read(frame, box).any() for frame in range(3)] == [True, False, True]
    assert session.mosaic_labels.object_count == 2 * 20
    assert stack.largest <= stack._data[0].size


def test_memory_bounds_the_blocks_and_that_is_said(stripes):
    wide = Lazy(np.tile(stripes._data, (4, 4)))
    session = run_on(ImageInput(wide, "YX"), ImmediateExecutor()).session
    count = len(session.mosaic.indexed_blocks)
    assert 12 < count < 10 * 13
    assert f"{count} of 130 blocks" in session.mosaic_status
    assert "memory" in session.mosaic_status


def test_an_error_in_a_block_keeps_the_others(stripes):
    calls = []

    def fails_late(emap):
        from tests.session.fakes import FakeIndex

        calls.append(emap)
        if len(calls) > 4:
            raise ValueError("expected a block, found none.")
        return FakeIndex(emap)

    controller = run_on(
        ImageInput(stripes, "YX"), ImmediateExecutor(), build_cluster_index=fails_late
    )
    session = controller.session
    assert "expected a block" in session.error
    assert (session.filling, len(session.mosaic.indexed_blocks)) == (False, 3)
    controller.clustering.set_params(bandwidth=2.5)
    assert session.object_count == 1


def test_another_image_forgets_field_and_blocks(ran, image):
    ran.set_image(image)
    session = ran.session
    assert session.roi is session.mosaic is session.mosaic_labels is session.whole_image is None
    assert session.mosaic_status == ""


def test_an_image_that_is_chosen_again_has_its_corrections(ran, image):
    paint(ran, np.s_[4:9, 5:9], 500)
    session, large = ran.session, ran.session.image
    earlier = PreviousAnnotations(
        session.corrections, axes="YX", roi=session.roi, whole_image=session.whole_image
    )
    ran.set_image(image)
    ran.set_image(large, earlier)
    ran.set_view(((0.0, 80.0), (0.0, 80.0)))
    ran.run()
    assert (whole(session) == 500).sum() == 20


def test_a_smaller_model_takes_the_whole_image_with_its_corrections(ran, stripes):
    paint(ran, np.s_[4:9, 5:9], 500)
    roi = ran.session.roi
    ran.memory = 2**20 * pixel_bytes(FakeConfig())
    stripes.__class__ = type("Whole", (Lazy,), {"__array__": lambda self, **_: self._data})
    ran.run()
    session = ran.session
    assert session.roi is session.mosaic_labels is session.whole_image is None
    there = tuple(
        slice(a + p.start, a + p.stop) for a, p in zip(roi.start, np.s_[4:9, 5:9], strict=True)
    )
    assert (session.labels[there] == 500).all()


def test_fine_tuning_reads_the_field_only(ran):
    seen = []

    def fine_tune(model, images, corrections, config, **options):
        seen.append((np.asarray(images[0]), corrections[0]))
        return iter(())

    object.__setattr__(ran._engine, "fine_tune", fine_tune)
    paint(ran, np.s_[4:9, 5:9], 500)
    ran.fine_tuning.start(None)
    (image, corrections), roi = seen[0], ran.session.roi
    np.testing.assert_array_equal(image, ran.session.image.data._data[roi.box])
    assert corrections.shape == image.shape


def test_a_tuned_model_runs_where_the_user_looks(ran):
    roi = ran.session.roi
    ran.session.tuned_model = FakeModel(FakeConfig(name="tuned"))
    ran.fine_tuning.use_model()
    assert (ran.session.model.config.name, ran.session.roi) == ("tuned", roi)


def test_measuring_looks_at_the_view_only(stripes):
    seen = []

    def measured(model, image, *_):
        seen.append(image.array.shape)
        return 7.0

    coarse = stripes._data[::4, ::4]
    image = ImageInput(stripes, "YX", coarser=(coarse,))
    engine = fake_engine(measure_diameter=measured)
    request = RunRequest(
        image, "fake", PredictOptions("cpu"), view=((0.0, 600.0), (0.0, 800.0)), memory=MEMORY
    )
    assert measure(engine, request, lambda fraction: None) == 7.0
    assert np.prod(seen[0]) <= 2**16  # of the finest level, also where a coarse one is at hand


def test_another_diameter_makes_all_blocks_anew(ran):
    before = ran.session.mosaic.indexed_blocks
    ran.session.diameter = 3.0
    ran.run()
    assert not set(map(id, before)) & set(map(id, ran.session.mosaic.indexed_blocks))

"""Corrections outlive sliders, runs and images, and come back from files."""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    PreviousAnnotations,
    Session,
    SessionController,
)
from tests.session.fakes import fake_engine
from tests.session.strokes import paint


def test_corrections_survive_the_slider_and_a_new_run(ran):
    paint(ran, (slice(1, 3), 3), 1)
    assert ran.session.corrected_count == 1
    ran.clustering.set_params(bandwidth=2.5)
    assert (ran.session.labels[1:3, 3] == 1).all()
    ran.set_model("another")
    ran.run()
    assert (ran.session.labels[1:3, 3] == 1).all()
    assert ran.session.corrected_count == 1


def test_erasing_survives_too(ran):
    paint(ran, (1, slice(4, 7)), 0)
    ran.clustering.set_params(bandwidth=2.5)
    assert (ran.session.labels[1] == [0, 1, 1, 0, 0, 0, 0, 0]).all()


def test_taking_back_what_was_just_painted_unlocks_it(ran):
    first = ran.session.labels
    paint(ran, (0, 0), 5)
    second, corrections = ran.session.labels, ran.session.corrections
    paint(ran, (0, 7), 6)
    ran.corrections.record_edit(ran.session.labels, second.copy())
    assert ran.session.corrections is corrections
    ran.corrections.record_edit(ran.session.labels, first.copy())
    assert ran.session.corrections is None
    assert ran.session.corrected_count == 0


def test_what_was_painted_while_another_image_was_shown_is_recorded(ran, image):
    paint(ran, (0, 0), 7)
    shown, corrections = ran.session.labels, ran.session.corrections
    ran.set_image(ImageInput(np.zeros((3, 3)), "YX"))
    found = shown.copy()
    found[0, 7] = 8
    ran.set_image(image, PreviousAnnotations(corrections, (), "YX", shown, found))
    ran.run()
    assert (ran.session.labels[0, 0], ran.session.labels[0, 7]) == (7, 8)
    assert ran.session.corrected_count == 2


def test_reset_brings_the_clusters_back(ran):
    clusters = ran.session.clusters
    paint(ran, (0, 0), 5)
    ran.corrections.reset()
    assert ran.session.corrections is None
    np.testing.assert_array_equal(ran.session.labels, clusters)


def test_a_cut_under_way_does_not_undo_a_stroke(waiting, queue):
    waiting.clustering.set_params(bandwidth=2.5)
    queue.work()  # cut without the stroke, answer on the way
    paint(waiting, (0, 0), 7)
    seen = []
    waiting.session.events.labels.connect(lambda labels: seen.append(int(labels[0, 0])))
    queue.settle()
    assert seen == [7]
    assert waiting.session.object_count == 2


def test_an_edit_needs_no_new_cut(waiting, queue):
    clusters = waiting.session.clusters
    paint(waiting, (0, 0), 7)
    queue.settle()
    assert waiting.session.clusters is clusters


def test_corrections_that_do_not_fit_are_left_out_and_said(ran, image):
    paint(ran, (0, 0), 7)
    ran.set_image(ImageInput(image.data[None], "TYX"), PreviousAnnotations(ran.session.corrections))
    ran.run()
    assert ran.session.corrections is None
    assert "(4, 8)" in ran.session.error
    assert "(1, 4, 8)" in ran.session.error


def test_corrections_of_an_image_can_be_given_back(ran, image):
    paint(ran, (0, 0), 7)
    corrections = ran.session.corrections
    ran.set_image(ImageInput(np.zeros((3, 3)), "YX"))
    assert ran.session.corrections is None
    ran.set_image(image, PreviousAnnotations(corrections))
    ran.run()
    assert ran.session.labels[0, 0] == 7


def test_choosing_the_same_image_anew_keeps_everything(ran, image):
    paint(ran, (0, 0), 7)
    labels = ran.session.labels
    ran.set_image(ImageInput(image.data, None, "renamed"))
    assert ran.session.labels is labels
    assert ran.session.corrections is not None


def test_arrays_are_replaced_never_written(ran):
    labels, kept = ran.session.labels, ran.session.labels.copy()
    paint(ran, (0, 0), 7)
    ran.clustering.set_params(bandwidth=2.5)
    np.testing.assert_array_equal(labels, kept)


def test_save_and_load_corrections(ran):
    assert not ran.corrections.save("none.tif")
    assert "No corrections" in ran.session.error
    paint(ran, (0, 0), 7)
    assert ran.corrections.save("mine.tif")
    ran.corrections.reset()
    ran.corrections.load("mine.tif")
    assert ran.session.labels[0, 0] == 7


def test_loading_says_what_does_not_fit(ran, controller):
    ran.corrections.load("missing.tif")
    assert "missing.tif" in ran.session.error
    paint(ran, (0, 0), 7)
    ran.corrections.save("mine.tif")
    ran.set_image(ImageInput(np.ones((2, 2)), "YX"))
    ran.corrections.load("mine.tif")
    assert "press Run" in ran.session.error
    ran.run()
    ran.corrections.load("mine.tif")
    assert "(4, 8)" in ran.session.error
    assert ran.session.corrections is None


def test_binary_masks_are_asked_about_and_nothing_is_loaded_until_then(image):
    asked = []

    def load(path, layout, *, split_masks):
        asked.append((path, layout.label_shape, split_masks))
        if split_masks is None:
            raise UnseparatedObjects("m.tif has one id in 2 separate pieces: a binary mask?")
        return np.where(np.arange(8) < 4, 5, -1).repeat(4).reshape(8, 4).T.astype(np.int32)

    engine = fake_engine(load_corrections=load)
    controller = SessionController(Session(), ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    found = controller.corrections.load("m.tif")
    assert found == "m.tif has one id in 2 separate pieces: a binary mask?"
    assert controller.session.corrections is None
    assert controller.session.error is None
    assert controller.corrections.load("m.tif", True) == ""
    assert (controller.session.labels[:, :4] == 5).all()
    assert asked == [("m.tif", (4, 8), None), ("m.tif", (4, 8), True)]

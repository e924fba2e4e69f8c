"""Single objects with a bandwidth of their own, and the curve under the slider."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.clustering import LocalBandwidth, StabilityCurve
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    PreviousAnnotations,
    Session,
    SessionController,
)
from napari_pixel_embedding.session.segment.local_cuts import fitting, object_sizes, stability
from tests.session.fakes import FakeIndex, FakeModel, FakeParams, fake_engine


@pytest.fixture
def merged(ran):
    """Both objects are one."""
    ran.clustering.set_params(bandwidth=2.5)
    return ran


def test_an_object_is_cut_finer_undone_and_reset(merged):
    session = merged.session
    assert (session.object_count, session.local_bandwidths) == (1, ((),))
    merged.clustering.refine((1, 1), "finer")
    assert session.object_count == 2
    assert session.local_bandwidths == ((LocalBandwidth((1, 1), 1.0),),)
    merged.clustering.undo_refining()
    assert (session.object_count, session.local_bandwidths, session.local_past) == (1, ((),), ())
    merged.clustering.refine((1, 1), "finer")
    merged.clustering.reset_refining()
    assert session.object_count == 1
    merged.clustering.undo_refining()
    assert session.object_count == 2
    merged.clustering.undo_refining()
    merged.clustering.undo_refining()  # nothing is left to undo
    assert session.object_count == 1


@pytest.mark.parametrize(
    ("point", "direction", "words"),
    [
        ((0, 0), "finer", "no object here"),
        ((1, 1), "finer", "nothing finer inside this object"),
        ((3, 7), "finer", "stays as you painted it"),
    ],
)
def test_why_nothing_happens_is_said(ran, point, direction, words):
    before, after = ran.session.labels, ran.session.labels.copy()
    after[3, 7] = 9
    ran.corrections.record_edit(before, after)
    ran.clustering.refine(point, direction)
    assert words in ran.session.cut_status
    assert ran.session.local_past == ()


def test_refining_without_a_result_says_so(controller):
    controller.clustering.refine((0, 0), "finer")
    assert "run a model first" in controller.session.cut_status


def test_own_bandwidths_survive_a_run_but_not_another_kind_of_model(merged):
    merged.clustering.refine((1, 1), "finer")
    merged.run()
    assert merged.session.object_count == 2
    merged.set_model(FakeModel(type(merged.session.model.config)(space="cosine")))
    merged.run()
    assert merged.session.local_bandwidths == ((),)


def test_own_bandwidths_belong_to_their_image_and_come_back_with_it(merged, image):
    merged.clustering.refine((1, 1), "finer")
    local = merged.session.local_bandwidths
    merged.set_image(ImageInput(np.ones((3, 3)), "YX"))
    assert merged.session.local_bandwidths == ()
    merged.run()
    merged.set_image(image, PreviousAnnotations(local_bandwidths=local))
    merged.run()
    assert merged.session.local_bandwidths == local
    assert merged.session.object_count == 2


def test_a_frame_has_bandwidths_of_its_own(merged, image):
    merged.set_image(ImageInput(np.stack([image.data] * 2), "TYX"))
    merged.run()
    merged.clustering.set_params(bandwidth=2.5)
    merged.clustering.refine((1, 1, 1), "finer")
    assert merged.session.local_bandwidths == ((), (LocalBandwidth((1, 1), 1.0),))
    assert merged.session.object_count == 3


def test_bandwidths_of_another_shape_do_not_fit():
    index = FakeIndex(emap(np.ones((4, 4))))
    local = ((LocalBandwidth((3, 3), 1.0),),)
    assert fitting(local, [index]) is local
    assert fitting(((LocalBandwidth((3, 4), 1.0),),), [index]) == ((),)
    assert fitting(((LocalBandwidth((0, 3, 3), 1.0),),), [index]) == ((),)
    assert fitting(local, [index, index]) == ((), ())


def test_a_slider_that_moves_meanwhile_wins(waiting, queue):
    waiting.clustering.set_params(bandwidth=2.5)
    queue.settle()
    waiting.clustering.refine((1, 1), "finer")
    queue.work()
    waiting.clustering.set_params(bandwidth=2.6)
    queue.settle()
    assert waiting.session.local_bandwidths == ((),)


def test_turns_of_the_wheel_do_not_pile_up(waiting, queue):
    waiting.clustering.set_params(bandwidth=2.5)
    queue.settle()
    waiting.clustering.refine((1, 1), "finer")
    waiting.clustering.refine((1, 1), "finer")
    assert len(queue.jobs) == 1


# ------------------------------------------------------------------------------------ the curve


def emap(foreground):
    return EmbeddingMap(np.zeros((2, *foreground.shape), np.float32), foreground.astype("f4"))


def test_the_curve_comes_with_a_run_and_ignores_the_bandwidth(ran):
    curve = ran.session.stability
    assert curve.counts.tolist() == [2, 1]
    ran.clustering.set_params(bandwidth=2.5)
    assert ran.session.stability is curve
    ran.clustering.set_params(min_size=3)
    assert ran.session.stability is not curve
    ran.set_image(ImageInput(np.ones((3, 3)), "YX"))
    assert ran.session.stability is None


def test_auto_takes_the_middle_of_the_plateau(merged, controller):
    merged.clustering.choose_bandwidth()
    assert merged.session.cluster_params.bandwidth == 1.25
    assert merged.session.object_count == 2


def test_auto_without_a_result_says_so(controller):
    controller.clustering.choose_bandwidth()
    assert "Run a model first" in controller.session.error


def test_frames_are_counted_together():
    class Index:
        def __init__(self, *curve):
            self.curve = StabilityCurve(*map(np.array, curve[:2]), 3.0, curve[2])

        def stability(self, params):
            return self.curve

    first = Index([0.5, 1.0, 2.0], [9, 4, 1], (1.0, 2.0))
    second = Index([0.5, 1.5], [5, 2], (1.5, 3.0))
    both = stability([first, second], FakeParams())
    assert both.bandwidths.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert both.counts.tolist() == [14, 9, 6, 3]
    assert (both.plateau, both.high) == ((1.25, 2.5), 3.0)


def test_size_comes_with_the_count(ran):
    assert ran.session.median_size == 5.0  # of 4 and 6 pixels
    before, after = ran.session.labels, ran.session.labels.copy()
    after[0, :8] = 9
    ran.corrections.record_edit(before, after)
    assert (ran.session.object_count, ran.session.median_size) == (3, 6.0)


def test_sizes_of_frames_are_kept_apart():
    labels = np.array([[[1, 1, 0]], [[1, 0, 7]]], np.uint16)
    assert object_sizes(labels, frames=True).tolist() == [2, 1, 1]
    assert object_sizes(labels, frames=False).tolist() == [3, 1]


def test_another_method_makes_the_clusters_and_the_sliders_still_act(ran):
    session = ran.session
    live = session.labels
    ran.clustering.set_method("mutex")
    expected = np.zeros((4, 8), np.uint16)
    expected[1, [1, 2, 4, 5, 6]] = 1
    expected[2, [1, 2, 4, 5, 6]] = 2
    np.testing.assert_array_equal(session.labels, expected)
    assert (session.object_count, session.median_size) == (2, 5.0)
    before = session.labels
    ran.clustering.set_params(bandwidth=2.5)  # computed anew, by the same method
    assert session.labels is not before
    np.testing.assert_array_equal(session.labels, expected)
    ran.clustering.set_params(bandwidth=1.0)
    ran.clustering.set_method("mean_shift")
    np.testing.assert_array_equal(session.labels, live)


def test_corrections_stay_on_top_of_another_method(ran):
    session = ran.session
    after = session.labels.copy()
    after[0] = 9
    ran.corrections.record_edit(session.labels, after)
    ran.clustering.set_method("mutex")
    assert (session.labels[0] == 9).all()
    assert set(np.unique(session.labels[1:])) == {0, 1, 2}


def test_frames_are_clustered_one_by_one_by_another_method(controller, image):
    stack = np.stack([image.data, np.zeros_like(image.data)])
    controller.set_image(ImageInput(stack, "TYX"))
    controller.set_model("fake")
    controller.run()
    controller.clustering.set_method("mutex")
    assert controller.session.labels.max(axis=(1, 2)).tolist() == [2, 0]


def test_single_objects_are_cut_among_live_clusters_only(ran):
    ran.clustering.set_method("mutex")
    ran.clustering.refine((1, 1), "finer")
    assert "among live clusters only" in ran.session.cut_status
    assert ran.session.local_bandwidths == ((),)


def test_a_method_that_is_missing_says_so_and_the_labels_stay(image):
    def missing(emap, params):
        raise ValueError("The mutex watershed needs the package bioimage-cpp")

    engine = fake_engine(mutex_watershed=missing)
    controller = SessionController(Session(), ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    labels = controller.session.labels
    controller.clustering.set_method("mutex")
    assert "bioimage-cpp" in controller.session.error
    assert controller.session.labels is labels
    controller.clustering.set_method("mean_shift")
    assert controller.session.error is None
    np.testing.assert_array_equal(controller.session.labels, labels)


def test_slider_changes_the_labels(ran):
    ran.clustering.set_params(bandwidth=2.5)
    assert ran.session.cluster_params.bandwidth == 2.5
    assert np.unique(ran.session.labels).tolist() == [0, 1]
    assert ran.session.object_count == 1


def test_an_equal_value_emits_nothing(ran):
    heard = []
    ran.session.events.connect(heard.append)
    ran.clustering.set_params(bandwidth=ran.session.cluster_params.bandwidth)
    assert heard == []


def test_a_bad_value_is_refused_in_words(ran):
    params = ran.session.cluster_params
    ran.clustering.set_params(bandwidth=-1)
    assert ran.session.error == "bandwidth must be above 0, found -1."
    assert ran.session.cluster_params is params
    ran.clustering.set_params(width=3)
    assert "width" in ran.session.error


def test_slider_before_a_result_says_so(controller):
    controller.clustering.set_params(bandwidth=1.5)
    assert "Run first" in controller.session.error


def test_a_moving_slider_queues_nothing_up_and_ends_at_its_last_value(waiting, queue):
    for bandwidth in (1.2, 2.5, 1.4, 2.6):
        waiting.clustering.set_params(bandwidth=bandwidth)
    assert len(queue.jobs) == 1
    queue.work()
    queue.deliver()
    assert waiting.session.object_count == 2  # 1.2 was worth showing
    assert len(queue.jobs) == 1
    queue.settle()
    assert waiting.session.object_count == 1


def test_parameters_stay_with_the_same_kind_of_model_and_reset_with_another(ran):
    ran.clustering.set_params(bandwidth=2.5)
    ran.set_model("sibling")
    ran.run()
    assert ran.session.cluster_params.bandwidth == 2.5
    cosine = FakeModel(type(ran.session.model.config)(space="cosine"))
    ran.set_model(cosine)
    ran.run()
    assert ran.session.cluster_params.bandwidth == 1.0

"""The recipe of the session's labels."""

from __future__ import annotations

from napari_pixel_embedding.core.blockwise.roi import ROI
from napari_pixel_embedding.core.clustering.params import LocalBandwidth
from napari_pixel_embedding.core.inference.intensity_range import intensity_range
from napari_pixel_embedding.session.recipe.record import session_recipe
from tests.session.scenes import image, middle, start


def test_there_is_none_before_a_run():
    controller = start()
    session = controller.session
    assert session_recipe(session) is not None
    controller.set_image(image(name="other"))
    assert session.run_record is None and session_recipe(session) is None


def test_it_says_what_made_the_labels():
    session = start().session
    recipe = session_recipe(session)
    assert (recipe.model.name, recipe.model.source) == ("row", "row")
    assert (recipe.axes, recipe.image.shape, recipe.image.name) == ("YX", (14, 68), "row")
    assert recipe.clustering == session.cluster_params
    assert recipe.image.percentiles == (1.0, 99.8)
    ((ends,),) = recipe.image.intensities
    assert ends == intensity_range(image().data, (1.0, 99.8))[:2]
    assert len(recipe.image.pixels) == 16


def test_it_is_of_the_last_run_and_not_of_the_next():
    controller = start()
    controller.set_augment(4)
    controller.diameter.set(30.0)
    recipe = session_recipe(controller.session)
    assert (recipe.augment, recipe.diameter, recipe.diameter_source) == (1, None, "model")
    controller.run()
    recipe = session_recipe(controller.session)
    assert (recipe.augment, recipe.diameter, recipe.diameter_source) == (4, 30.0, "typed")


def test_single_objects_are_listed_by_frame():
    controller = start(frames=3)
    session = controller.session
    controller.clustering.refine((1, *middle(1)), "coarser")
    assert any(session.local_bandwidths)
    recipe = session_recipe(session)
    assert [len(frame) for frame in recipe.image.local_bandwidths] == [0, 1, 0]
    controller.clustering.set_method("mutex")
    assert session_recipe(session).image.local_bandwidths == ()


def test_single_objects_of_a_part_are_in_pixels_of_the_whole():
    session = start().session
    session.roi = ROI(1, (2.0, 2.0), (10, 20), (14, 68))
    session.local_bandwidths = ((LocalBandwidth((3, 4), 0.5),),)
    recipe = session_recipe(session)
    assert recipe.image.region.start == (10, 20)
    assert recipe.image.local_bandwidths == ((LocalBandwidth((27, 49), 0.5),),)


def test_what_no_recipe_can_hold_leaves_none():
    session = start().session
    session.run_record = type(session.run_record)(
        **{**vars(session.run_record), "spacing": (float("nan"), 1.0)}
    )
    assert session_recipe(session) is None

"""Colours mean the same on every frame and image of one model, tuned or not, until re-fitted."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.embedding import colors
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from tests.session.fakes import FakeConfig, FakeModel, fake_engine


def image(seed, frames=()):
    data = np.random.default_rng(seed).normal(size=(*frames, 12, 14))
    data[..., 5, 5] = 0.5  # a pixel that all images share
    return ImageInput(data, "TYX" if frames else "YX", f"image {seed}")


def vectors_of(frame, shift):
    """A network whose answer depends on the pixel alone."""
    turns = np.arange(1, 5)[:, None, None]
    return (np.sin(turns * frame) + shift).astype(np.float32)


def embed_frames(model, stack, *_):
    shift = model.config.delta_dist - 1.5 if model.config.name != "far" else 40.0
    for number in range(stack.count or 1):
        frame = stack.frame(number).array
        yield EmbeddingMap(vectors_of(frame, shift), np.ones(frame.shape, np.float32), frame=number)


@pytest.fixture
def controller():
    """A controller with real colours, after a first run that shows them."""
    engine = fake_engine(
        embed_frames=embed_frames,
        fit_color_basis=colors.fit_color_basis,
        basis_fits=colors.basis_fits,
        embedding_to_rgb=colors.embedding_to_rgb,
    )
    made = SessionController(Session(), ImmediateExecutor(), engine)
    made.set_model("first")
    made.colors.show(True)
    show(made, image(0))
    return made


def show(controller, of_image):
    controller.set_image(of_image)
    controller.run()
    return controller.session.embedding_rgb


def test_other_images_and_frames_have_the_colours_of_the_first(controller):
    session = controller.session
    basis, rgb = session.color_basis, session.embedding_rgb
    other = show(controller, image(1))
    np.testing.assert_array_equal(other[5, 5], rgb[5, 5])
    stack = show(controller, image(2, frames=(3,)))
    np.testing.assert_array_equal(stack[:, 5, 5], np.stack([rgb[5, 5]] * 3))
    assert session.color_basis is basis


def test_a_tuned_model_keeps_the_colours(controller):
    session = controller.session
    basis, rgb = session.color_basis, session.embedding_rgb
    controller.set_model(FakeModel(FakeConfig(name="first-tuned")))
    controller.run()
    assert session.model.config.name == "first-tuned"
    assert session.color_basis is basis
    np.testing.assert_array_equal(session.embedding_rgb, rgb)


def test_refitting_is_the_users_choice(controller):
    session = controller.session
    show(controller, image(1))
    basis = session.color_basis
    controller.colors.refit()
    assert session.color_basis is not basis
    expected = colors.fit_color_basis(session.embedding_maps[0])
    np.testing.assert_array_equal(session.color_basis.components, expected.components)


@pytest.mark.parametrize("config", [FakeConfig(delta_dist=2.0), FakeConfig(name="far")])
def test_colours_of_a_model_that_they_do_not_fit_are_chosen_anew(controller, config):
    session = controller.session
    basis = session.color_basis
    controller.set_model(FakeModel(config))
    controller.run()
    assert session.color_basis is not basis
    assert session.error is None
    assert (np.ptp(session.embedding_rgb.reshape(-1, 3), axis=0) > 200).all()

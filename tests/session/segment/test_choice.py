"""What is chosen is checked before it runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding.core.model.config import ModelConfig, find_model, read_config
from napari_pixel_embedding.session import ImageInput
from napari_pixel_embedding.session.segment.choice import check_choice

FLAT = ModelConfig(name="flat", object_diameter=20)
COLOR = ModelConfig(name="color", in_channels=3, object_diameter=20)
FIVE = ModelConfig(name="five", in_channels=5, object_diameter=20)
VOLUME = ModelConfig(name="deep", axes="ZYX", object_diameter=16)


def image(*shape, dtype=np.uint8, **options):
    array = np.broadcast_to(np.zeros((), dtype), shape)
    return ImageInput(array, name="cells", **options)


def found(*args, **options):
    return [(one.field, one.level) for one in check_choice(*args, **options)]


def sentence(*args, **options):
    (problem,) = check_choice(*args, **options)
    return problem.sentence


@pytest.mark.parametrize(
    ("picture", "config", "diameter"),
    [
        (None, None, None),
        (None, FLAT, 20.0),
        (image(9, 64, 64), None, None),
        (image(64, 64), FLAT, None),
        (image(64, 64), FLAT, 60.0),
        (image(64, 64), COLOR, None),
        (image(64, 64, 3, rgb=True), COLOR, None),
        (image(64, 64, 4, rgb=True), COLOR, None),
        (image(64, 64, 3, rgb=True, channel="red"), FLAT, None),
        (image(64, 64, 3, rgb=True, channel="grey"), FLAT, None),
        (image(9, 64, 64, axes="TYX"), FLAT, None),
        (image(9, 64, 64, axes_hint="tyx"), FLAT, None),
        (image(1, 64, 64), FLAT, None),
        (image(9, 64, 64), VOLUME, None),
        (image(2, 9, 64, 64), VOLUME, None),
        (image(3, 64, 64, axes="CYX", channel=2), FLAT, None),
    ],
)
def test_nothing_is_said_of_what_fits(picture, config, diameter):
    assert check_choice(picture, config, diameter) == []


@pytest.mark.parametrize(
    ("picture", "config", "field", "words"),
    [
        (image(0, 64), FLAT, "image", "no pixels, its shape is 0 × 64"),
        (image(64, 64, dtype=complex), FLAT, "image", "complex numbers"),
        (image(64, 64, dtype="U3"), None, "image", "does not hold numbers"),
        (image(64), FLAT, "image", "has one axis"),
        (image(1, 1, 1, 1, 8, 8), FLAT, "image", "has 6 axes"),
        (image(64, 64), VOLUME, "model", "deep segments volumes, and “cells” is a single plane"),
        (image(64, 64, 3, rgb=True), VOLUME, "model", "single plane"),
        (image(3, 4, 5, 8, 8), FLAT, "axes", "cannot be told from its shape 3 × 4 × 5 × 8 × 8"),
        (image(9, 64, 64, axes="TYX"), VOLUME, "axes", "are TYX, and deep segments volumes"),
        (image(9, 8, 8, axes_hint="TCZ"), FLAT, "axes", "without rows Y and columns X"),
        (image(3, 8, 8, axes="CYX"), FLAT, "channel", "takes 1 channel, and “cells” has 3: choose"),
        (image(3, 8, 8, axes="CYX", channel=7), FLAT, "channel", "no channel 7"),
        (image(8, 8, channel="red"), FLAT, "channel", "no channel red"),
        (image(2, 8, 8, axes="CYX"), COLOR, "model", "takes 3 channels, and “cells” has 2: choose"),
        (image(8, 8), FIVE, "model", "takes 5 channels, and “cells” has 1"),
        (image(7, 8, 8, axes="CYX"), FIVE, "model", "choose a model for 7 channels"),
        (image(7, 8, 8, axes="CYX", channel=1), FIVE, "model", "one is chosen in Channel"),
    ],
)
def test_what_is_impossible_is_an_error_of_its_field(picture, config, field, words):
    assert found(picture, config) == [(field, "error")]
    assert words in sentence(picture, config)


@pytest.mark.parametrize(
    ("diameter", "config", "words"),
    [
        (1.0, FLAT, "expected 2 to 4000 px"),
        (5000.0, FLAT, "expected 2 to 4000 px"),
        (30.0, ModelConfig(name="sizeless"), "sizeless does not state the size of its objects"),
    ],
)
def test_an_impossible_diameter_is_an_error_without_an_image_too(diameter, config, words):
    assert found(None, config, diameter) == [("diameter", "error")]
    assert words in sentence(image(64, 64), config, diameter)


@pytest.mark.parametrize(
    ("picture", "count"),
    [
        (image(9, 64, 64), 9),
        (image(9, 64, 64, axes="ZYX"), 9),
        (image(9, 64, 64, axes_hint="zyx"), 9),
        (image(2, 9, 64, 64), 9),
        (image(2, 9, 64, 64, axes="TZYX"), 9),
        (image(9, 64, 64, axes_hint="abc"), 9),
    ],
)
def test_a_stack_with_a_model_of_planes_is_doubtful(picture, count):
    assert found(picture, FLAT) == [("model", "doubt")]
    assert f"flat is a 2-D model: it takes the {count} planes of “cells”" in sentence(picture, FLAT)


def test_axes_are_offered_only_where_they_were_not_told():
    assert "if they are times" in sentence(image(9, 64, 64), FLAT)
    assert "if they are times" not in sentence(image(9, 64, 64, axes="ZYX"), FLAT)
    assert "if they are times" not in sentence(image(9, 64, 64, axes_hint="zyx"), FLAT)


def test_colors_that_become_grey_are_doubtful():
    for picture in (image(64, 64, 3, rgb=True), image(64, 64, 4, axes="YXC")):
        assert found(picture, FLAT) == [("channel", "doubt")]
        assert "the colours become grey" in sentence(picture, FLAT)
    assert ("channel", "doubt") in found(image(9, 64, 64, 3, rgb=True), FLAT)


@pytest.mark.parametrize(
    ("diameter", "words"),
    [
        (101.0, "is 5 × the 20 px that flat knows"),
        (3.9, "enlarged × 5"),
        (700.0, "No object of 700 px fits into “cells” (512 × 640 px)"),
    ],
)
def test_a_diameter_far_from_the_model_s_is_doubtful(diameter, words):
    picture = image(512, 640)
    assert found(picture, FLAT, diameter) == [("diameter", "doubt")]
    assert words in sentence(picture, FLAT, diameter)
    for near in (4.0, 100.0):
        assert check_choice(picture, FLAT, near) == []


def test_far_is_from_the_images_that_a_model_was_tuned_on():
    cells = read_config(find_model("cells-phase"))  # 60 px in images, 20 px for the network
    picture = image(512, 512, 3, rgb=True)
    assert check_choice(picture, cells, 250.0) == []
    assert found(picture, cells, 11.0) == [("diameter", "doubt")]


def test_several_doubts_stand_beside_each_other():
    picture = image(9, 64, 64, 3, rgb=True)
    assert found(picture, FLAT, 3.0) == [
        ("model", "doubt"),
        ("channel", "doubt"),
        ("diameter", "doubt"),
    ]


@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=6),
    st.booleans(),
    st.none() | st.permutations("TCZYX"),
    st.none() | st.sampled_from([0, 3, "grey", "red", "DAB"]),
    st.sampled_from([FLAT, COLOR, FIVE, VOLUME]),
)
def test_an_error_is_said_exactly_where_the_reader_refuses(shape, rgb, axes, channel, config):
    if rgb:
        shape = [*shape, 3]
    letters = None if axes is None else "".join(axes)[: len(shape)]
    picture = image(*shape, rgb=rgb, axes=letters, channel=channel)
    try:
        picture.layout_for(config)
        refused = False
    except ValueError:
        refused = True
    refused |= len(shape) - rgb < config.ndim  # a colour picture is no volume of three columns
    problems = check_choice(picture, config)
    errors = [one for one in problems if one.level == "error"]
    assert bool(errors) == refused
    assert not any(word in one.sentence for one in problems for word in ("axes=", "None", "out of"))

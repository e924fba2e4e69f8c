"""The choice of features, as it stands in place of a model's name."""

import pytest

from napari_pixel_embedding.core.features.source import (
    FeatureConfig,
    FeatureSource,
    feature_axes,
    features_named,
)


@pytest.mark.parametrize("compare", ["euclidean", "cosine"])
@pytest.mark.parametrize("foreground", ["everywhere", "length", "image", 0, 17])
def test_a_choice_can_be_written_and_read(compare, foreground):
    source = FeatureSource(compare, foreground)
    assert features_named(str(source)) == source


def test_other_names_are_those_of_models():
    assert features_named("nuclei-fluo") is None
    assert features_named("my/features.safetensors") is None
    assert features_named("features") == FeatureSource()


@pytest.mark.parametrize(
    "text", ["features:manhattan", "features:cosine:nowhere", "features:cosine:1:2"]
)
def test_what_is_no_choice_is_refused(text):
    with pytest.raises(ValueError, match=r"expected|must|compared"):
        features_named(text)


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((16, 64, 64), {}, "CYX"),
        ((384, 128, 130), {}, "CYX"),
        ((64, 64, 16), {}, "YXC"),
        ((64, 64, 3), {"rgb": True}, "YXC"),
        ((5, 8, 64, 64), {"chosen": "tcyx"}, "TCYX"),
        ((8, 5, 64, 64), {"hint": "czyx"}, "CZYX"),
    ],
)
def test_axes_are_guessed_where_they_can_be_told(shape, options, axes):
    assert feature_axes(shape, **options) == axes


@pytest.mark.parametrize("shape", [(64, 64), (5, 8, 64, 64)])
def test_axes_that_cannot_be_told_are_asked_for(shape):
    with pytest.raises(ValueError, match="cannot be told"):
        feature_axes(shape)


def test_the_configuration_follows_the_image():
    config = FeatureSource("cosine", 2).config_for((8, 5, 64, 64), "CZYX")
    assert config == FeatureConfig(
        axes="ZYX",
        in_channels=8,
        embedding_dim=7,
        compare="cosine",
        foreground="channel",
        foreground_channel=2,
    )
    assert (config.stride, config.scaling, config.has_distance) == (1, "none", False)


@pytest.mark.parametrize(
    ("foreground", "shape", "axes", "words"),
    [
        ("everywhere", (9, 64, 64), "TYX", "need an axis of channels"),
        (9, (9, 64, 64), "CYX", "0 to 8, found 9"),
        (0, (1, 64, 64), "CYX", "none, for the only one"),
        ("everywhere", (5000, 8, 8), "CYX", "at most 4096"),
    ],
)
def test_what_does_not_fit_is_refused(foreground, shape, axes, words):
    with pytest.raises(ValueError, match=words):
        FeatureSource(foreground=foreground).config_for(shape, axes)

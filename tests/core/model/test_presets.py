"""The three systems as configurations."""

import pytest

from napari_pixel_embedding.core.model.presets import model_config_for


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("euclidean", ("unet", "euclidean")),
        ("cosine", ("unet", "cosine")),
        ("wnet", ("wnet", "cosine")),
    ],
)
def test_systems(preset, expected):
    config = model_config_for(preset, in_channels=2)
    assert (config.architecture, config.space) == expected
    assert config.in_channels == 2


def test_unknown_system_is_refused():
    with pytest.raises(ValueError, match="one of euclidean, cosine, wnet, found 'stardist'"):
        model_config_for("stardist")

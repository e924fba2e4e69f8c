"""Checks of what is chosen for a run, before it runs: image, model, axes, channel, diameter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_pixel_embedding.core.features.source import feature_axes
from napari_pixel_embedding.core.inference.axes import AXES, guess_axes
from napari_pixel_embedding.core.inference.channels import check_channel, read_channel
from napari_pixel_embedding.core.inference.object_scale import (
    DIAMETERS,
    image_diameter,
    zoom_in_plane,
)

if TYPE_CHECKING:
    from napari_pixel_embedding.core.features.source import FeatureSource
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.session.state.image import ImageInput

Field = Literal["image", "model", "diameter", "axes", "channel"]
"""Fields of the window that a problem belongs to."""
Level = Literal["error", "doubt"]
"""With an error a run is impossible; with a doubt the result may be poor."""

_FAR = 5.0
"""Factor of resampling, either way, from which a diameter is far from what the model knows."""


@dataclass(frozen=True)
class Problem:
    """Something wrong or doubtful about one field.

    Parameters
    ----------
    field : str
        One of :data:`Field`.
    level : {"error", "doubt"}
    sentence : str
        What was expected, what was found and what to do, in the window's words.
    """

    field: Field
    level: Level
    sentence: str


def check_choice(
    image: ImageInput | None, config: ModelConfig | None, diameter: float | None = None
) -> list[Problem]:
    """Check what is chosen for a run; no pixel is read.

    Parameters
    ----------
    image : ImageInput, optional
        The chosen image with the chosen axes and channel.
    config : ModelConfig, optional
        Configuration of the chosen model.
    diameter : float, optional
        The chosen object diameter in pixels; None for the model's own.

    Returns
    -------
    list of Problem
        Errors first. Nothing where image or model is not chosen yet: that is no mistake.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> from napari_pixel_embedding.session import ImageInput
    >>> image = ImageInput(np.zeros((32, 32, 3), np.uint8), rgb=True)
    >>> [(one.field, one.level) for one in check_choice(image, ModelConfig())]
    [('channel', 'doubt')]
    """
    problems: list[Problem | None] = []
    if config is not None:
        problems.append(_diameter_error(config, diameter))
    if image is not None:
        problems.append(_image_error(image))
    if image is not None and config is not None and not any(problems):
        problems += _reading_problems(image, config, diameter)
    return [problem for problem in problems if problem is not None]


def check_features(
    image: ImageInput | None, source: FeatureSource, diameter: float | None = None
) -> list[Problem]:
    """Check an image whose channels are features; as :func:`check_choice` for a model."""
    wrong: list[Problem | None] = []
    if diameter is not None:
        wrong.append(Problem("diameter", "error", _NO_DIAMETER))
    if image is not None:
        wrong.append(_image_error(image) or _features_error(image, source))
    return [problem for problem in wrong if problem is not None]


_NO_DIAMETER = (
    "Features are clustered at the image's own scale: set Diameter to the model's default."
)


# ------------------------------------------------------------------------------------ errors


def _features_error(image: ImageInput, source: FeatureSource) -> Problem | None:
    if image.channel is not None:
        sentence = "Features are all channels together: set Channel (Advanced) to Automatic."
        return Problem("channel", "error", sentence)
    try:
        axes = feature_axes(image.shape, chosen=image.axes, hint=image.axes_hint, rgb=image.rgb)
    except ValueError:
        return _axes_error(image, "do not say which one holds the features: choose")
    if "C" not in axes:
        return _axes_error(image, f"are {axes}, without features C: choose")
    try:
        layout = replace(image, axes=axes).layout_for(source.config_for(image.shape, axes))
    except ValueError as refused:
        return Problem("axes", "error", str(refused))
    given = image.foreground
    if source.foreground == "image" and given is None:
        sentence = "No layer says where objects may be: choose another Foreground."
        return Problem("model", "error", sentence)
    if given is not None and tuple(given.shape) != layout.label_shape:
        sentence = (
            f"The foreground has {_sizes(tuple(given.shape))} pixels, and “{image.name}” has "
            f"{_sizes(layout.label_shape)} beside its features: choose another Foreground."
        )
        return Problem("model", "error", sentence)
    return None


def _image_error(image: ImageInput) -> Problem | None:
    """Return what is wrong with the image whatever the model is."""
    sentence = ""
    kind = np.dtype(getattr(image.data, "dtype", float)).kind
    if 0 in image.shape:
        sentence = f"has no pixels, its shape is {_sizes(image.shape)}: choose another image."
    elif kind == "c":
        sentence = "holds complex numbers: make a layer of its magnitude, and choose that."
    elif kind not in "buif":
        sentence = "does not hold numbers: choose another image."
    elif _count(image) < 2:
        sentence = "has one axis: expected at least the rows and columns of an image."
    elif len(image.shape) > len(AXES):
        sentence = f"has {len(image.shape)} axes: at most {len(AXES)} are read. Take a part of it."
    return Problem("image", "error", f"“{image.name}” {sentence}") if sentence else None


def _diameter_error(config: ModelConfig, diameter: float | None) -> Problem | None:
    low, high = DIAMETERS
    if diameter is None:
        return None
    if not low <= diameter <= high:
        sentence = f"{diameter:g} px is out of range: expected {low:g} to {high:g} px."
    elif config.object_diameter is None:
        sentence = (
            f"{config.name} does not state the size of its objects, so that no diameter can be "
            "given: set Diameter to the model's default, or choose another model."
        )
    else:
        return None
    return Problem("diameter", "error", sentence)


def _reading_problems(
    image: ImageInput, config: ModelConfig, diameter: float | None
) -> list[Problem | None]:
    """Return why the model cannot read the image, or else what is doubtful about that."""
    if _count(image) < config.ndim:
        sentence = (
            f"{config.name} segments volumes, and “{image.name}” is a single plane: choose a 2-D "
            "model, such as nuclei-fluo."
        )
        return [Problem("model", "error", sentence)]
    try:
        layout = image.layout_for(config)
    except ValueError as refused:
        # its message speaks of arguments, so it is said only where nothing else explains it
        return [_reading_error(image, config) or Problem("axes", "error", str(refused))]
    return [
        _planes_doubt(image, layout, config),
        _color_doubt(image, layout, config),
        _diameter_doubt(image, layout, config, diameter),
    ]


def _reading_error(image: ImageInput, config: ModelConfig) -> Problem | None:
    axes = guess_axes(
        image.shape,
        config.axes,
        config.in_channels,
        hint=image.axes_hint,
        rgb=image.rgb,
        chosen=image.axes,
    )
    if axes is None:
        return _axes_error(image, f"cannot be told from its shape {_sizes(image.shape)}: choose")
    if not {"Y", "X"} <= set(axes):
        return _axes_error(image, f"are {axes}, without rows Y and columns X: choose")
    if not set(config.axes) <= set(axes):
        return _axes_error(
            image,
            f"are {axes}, and {config.name} segments volumes: choose a 2-D model, or for a stack",
        )
    return _channel_error(image, config, axes)


def _axes_error(image: ImageInput, found: str) -> Problem:
    return Problem(
        "axes", "error", f"The axes of “{image.name}” {found} the right ones in Axes (Advanced)."
    )


def _channel_error(image: ImageInput, config: ModelConfig, axes: str) -> Problem | None:
    found = image.shape[axes.index("C")] if "C" in axes else 1
    channel, takes = read_channel(image.channel), config.in_channels
    if channel is not None:
        try:
            check_channel(channel, axes, image.shape)
        except ValueError:
            sentence = f"“{image.name}” has no channel {channel}: choose another in Channel."
            return Problem("channel", "error", sentence)
        found = 1
    grey = "C" not in axes or channel is not None  # as three equal channels
    color = _is_color(image, axes) and not grey
    if found == takes or (grey and takes == 3) or (color and takes in (1, 3)):
        return None
    start = f"{config.name} takes {_channels(takes)}, and “{image.name}” has {found}"
    if channel is not None:
        start = f"{config.name} takes {_channels(takes)}, and one is chosen in Channel (Advanced)"
    if found < takes:
        return Problem("model", "error", f"{start}: choose another model.")
    if takes in (1, 3):
        return Problem("channel", "error", f"{start}: choose one in Channel (Advanced).")
    return Problem("model", "error", f"{start}: choose a model for {_channels(found)}.")


# ------------------------------------------------------------------------------------ doubts


def _planes_doubt(image: ImageInput, layout: Layout, config: ModelConfig) -> Problem | None:
    """Return the doubt of a stack that may be a volume, with a 2-D model."""
    told = image.axes is not None or image.axes_hint.upper() == layout.axes.removesuffix("C")
    if layout.frame_count == 1 or config.ndim == 3 or (told and "Z" not in layout.frame_axes):
        return None
    sizes = dict(zip(layout.frame_axes, layout.frame_shape, strict=True))
    count = sizes.get("Z", layout.frame_count)
    if count == 1:
        return None
    advice = "choose a 3-D model, such as volume, to segment them as a volume"
    if not told:
        advice += ", or in Axes (Advanced) the one with T if they are times"
    return Problem(
        "model",
        "doubt",
        f"{config.name} is a 2-D model: it takes the {count} planes of “{image.name}” one by one, "
        f"and no object goes through them. For a volume, {advice}.",
    )


def _color_doubt(image: ImageInput, layout: Layout, config: ModelConfig) -> Problem | None:
    if not _is_color(image, layout.axes) or config.in_channels > 1 or image.channel is not None:
        return None
    return Problem(
        "channel",
        "doubt",
        f"{config.name} takes 1 channel: the colours become grey. Choose grey in Channel "
        "(Advanced) if that is meant, or the colour or stain that shows the objects.",
    )


def _diameter_doubt(
    image: ImageInput, layout: Layout, config: ModelConfig, diameter: float | None
) -> Problem | None:
    known = image_diameter(config)
    if diameter is None or known is None:
        return None
    sides = layout.spatial_shape[-2:]
    check = "Measure it, or Draw a line across an object."
    sentence = ""
    if diameter > max(sides):
        sentence = f"No object of {diameter:g} px fits into “{image.name}” ({_sizes(sides)} px)."
    elif diameter > _FAR * known:
        sentence = (
            f"{diameter:g} px is {diameter / known:.0f} × the {known:g} px that {config.name} "
            "knows: so small as the image is made, its detail is lost."
        )
    elif diameter * _FAR < known:
        sentence = (
            f"{diameter:g} px is far below the {known:g} px that {config.name} knows: the image is "
            f"enlarged × {zoom_in_plane(config, diameter):.0f}, and detail that it does not have "
            "cannot come."
        )
    return Problem("diameter", "doubt", f"{sentence} {check}") if sentence else None


# ------------------------------------------------------------------------------------- facts


def _count(image: ImageInput) -> int:
    """Return the number of axes but that of colours."""
    return len(image.shape) - image.rgb


def _is_color(image: ImageInput, axes: str) -> bool:
    """Whether the last axis holds colours that a model of one or three channels takes."""
    return axes.endswith("C") and image.shape[-1] in (3, 4)


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))

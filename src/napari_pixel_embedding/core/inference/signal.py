"""What to tell people of an image in which there is nothing, or nothing in a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.intensity_range import NO_SIGNAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.model.config import Scaling

_MOST_NAMED = 5
"""Frames or channels that are named one by one at most."""


def constant_notes(stack: ImageStack) -> tuple[str, ...]:
    """Say which part of an image has one value or none; a sentence for each of the two kinds.

    Parameters
    ----------
    stack : ImageStack
        Frames and channels are told apart as the model sees them.

    Examples
    --------
    >>> from napari_pixel_embedding.core.inference.axes import ImageStack
    >>> constant_notes(ImageStack(np.zeros((8, 8)), "YX"))
    ('The image has only one value (0): there is nothing to segment.',)
    """
    channels = None if "C" in stack.axes else 1  # a grey image is repeated for a colour model
    found = np.array([[_ends(one) for one in frame[:channels]] for frame in stack.frames()])
    none, one = np.isnan(found[..., 0]), found[..., 0] == found[..., 1]
    values = np.unique(found[..., 0][one])
    value = f" ({values[0]:g})" if values.size == 1 else ""
    kinds = ((none, "no finite value"), (one, f"only one value{value}"))
    return tuple(_sentence(which, what) for which, what in kinds if which.any())


def signal_notes(stack: ImageStack, scaling: Scaling) -> tuple[str, ...]:
    """Say what is constant, or that nothing stands clear of the noise; nothing of usual images."""
    notes = constant_notes(stack)
    if notes or stack.has_signal(scaling):
        return notes
    return (f"There is {NO_SIGNAL}.",)


def _ends(channel: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest finite value; NaN without any."""
    low, high = float(channel.min()), float(channel.max())
    if np.isfinite(high - low):
        return low, high
    finite = channel[np.isfinite(channel)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)


def _sentence(which: NDArray[np.bool_], what: str) -> str:
    """Name the frames and channels (T, C) of one kind."""
    if which.all():
        return f"The image has {what}: there is nothing to segment."
    frames, channels = np.atleast_1d(which.all(axis=1)), np.atleast_1d(which.any(axis=0))
    if frames.any():
        return _part("Frame", frames, what)
    return _part("Channel", channels, what)


def _part(word: str, which: NDArray[np.bool_], what: str) -> str:
    numbers = [str(number + 1) for number in np.flatnonzero(which)]
    if len(numbers) == 1:
        return f"{word} {numbers[0]} of {len(which)} has {what}."
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f"{word}s {', '.join(numbers[:_MOST_NAMED])}{more} of {len(which)} have {what}."

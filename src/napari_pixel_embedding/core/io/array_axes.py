"""Conversion of a file's axes to letters out of TCZYX, with rows and columns last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNEL_AXES = "SEH"
"""Axis letters of tifffile that are read as channels: samples, wavelengths, lifetimes."""

_UNNAMED_AXES = "IQ"
"""Axis letters of tifffile without a meaning: a sequence of pages, or another axis."""

_IN_ORDER = re.compile(r"(?!.*(.).*\1)[TCZ]*YXC?")


class AxedArray(NamedTuple):
    """An array, a letter for each axis (None if unknown), and remarks."""

    data: NDArray[Any]
    axes: str | None
    notes: tuple[str, ...] = ()


def settle_axes(data: NDArray[Any], axes: str | None) -> AxedArray:
    """Name each axis by a letter out of ``TCZYX``, rows and columns last or before colours.

    Axes of length one are left out, except Y and X. Samples, wavelengths and lifetimes are
    channels. One other letter is read as time where there is none. A single axis of pages besides
    Y and X stays unnamed: it may be planes or frames.

    Parameters
    ----------
    data : array
    axes : str or None
        Axis letters of tifffile, in either case.

    Examples
    --------
    >>> settle_axes(np.zeros((5, 1, 4, 3)), "zcyx").axes
    'ZYX'
    """
    if axes is None or len(axes) != data.ndim:
        return _unnamed(data)
    data, axes = _squeezed(data, axes.upper())
    if data.ndim == 2:
        return AxedArray(data.T, "YX") if axes == "XY" else AxedArray(data, "YX")
    if not {"Y", "X"} <= set(axes):
        return _unnamed(data)._replace(notes=(f"The axes {axes} lack Y or X and were dropped.",))
    notes = []
    if sum(letter in _CHANNEL_AXES + "C" for letter in axes) > 1:
        notes.append(f"The channels and samples of the axes {axes} were joined.")
    data, axes = _merged(data, axes, _CHANNEL_AXES, "C")
    known, note = _known(axes)
    notes += [note] if note else []
    if known is None:
        return AxedArray(data, None, tuple(notes))
    order = _order(known)
    if order != known:
        data = np.ascontiguousarray(data.transpose([known.index(letter) for letter in order]))
        notes.append(f"The axes {known} were brought into the order {order}.")
    return AxedArray(data, order, tuple(notes))


def _known(axes: str) -> tuple[str | None, str]:
    """Return letters out of ``TCZYX``, or None where the user must name them; and a remark."""
    others = "".join(letter for letter in axes if letter not in "TCZYX")
    if others and set(others) <= set(_UNNAMED_AXES) and len(others) == len(axes) - 2:
        return None, ""
    if len(others) > 1 or (others and "T" in axes):
        return None, f"The axes {axes} are not all known here, so they must be named."
    if len(set(axes)) != len(axes):
        return None, f"The axes {axes} name one axis twice and were dropped."
    if others:
        return axes.replace(others, "T"), f"The axis {others} was taken as time."
    return axes, ""


def _order(axes: str) -> str:
    """Return the target order of axes: unchanged where :func:`is_in_order`."""
    if is_in_order(axes):
        return axes
    order = "".join(sorted(axes, key="TCZYX".index))
    return order.replace("C", "") + "C" if axes.endswith("C") else order


def is_in_order(axes: str) -> bool:
    """Whether axes are letters out of ``TCZYX``, each once, with ``YX`` last or before colours.

    Examples
    --------
    >>> is_in_order("ZTYXC")
    True
    >>> is_in_order("YXZ")
    False
    """
    return _IN_ORDER.fullmatch(axes) is not None


def _unnamed(data: NDArray[Any]) -> AxedArray:
    """Drop leading and trailing axes of length one, down to rows and columns."""
    while data.ndim > 2 and data.shape[0] == 1:
        data = data[0]
    while data.ndim > 2 and data.shape[-1] == 1:
        data = data[..., 0]
    return AxedArray(data, "YX" if data.ndim == 2 else None)


def _squeezed(data: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    single = [i for i, n in enumerate(data.shape) if n == 1 and axes[i] not in "YX"]
    single = single[: max(data.ndim - 2, 0)]
    kept = "".join(letter for i, letter in enumerate(axes) if i not in single)
    return data.squeeze(tuple(single)), kept


def _merged(data: NDArray[Any], axes: str, letters: str, into: str) -> tuple[NDArray[Any], str]:
    """Rename axes to ``into``; several are merged into one, at the position of the last."""
    places = [i for i, letter in enumerate(axes) if letter in letters or letter == into]
    if not any(axes[i] in letters for i in places):
        return data, axes
    at = places[-1] - len(places) + 1
    data = np.moveaxis(data, places, range(at, at + len(places)))
    kept = [letter for i, letter in enumerate(axes) if i not in places]
    shape = (*data.shape[:at], -1, *data.shape[at + len(places) :])
    return data.reshape(shape), "".join([*kept[:at], into, *kept[at:]])

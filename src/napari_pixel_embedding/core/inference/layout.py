"""How the axes of an image become those of frames, and how labels get the image's axes back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.channels import channel_number, pick_channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.channels import Channel


@dataclass(frozen=True)
class Layout:
    """The axes of an image, and those with which a model reads it: [T] [C] [Z] Y X.

    All axes that are neither spatial for the model nor channels become one axis of frames: time,
    and for a 2-D model the planes too. Label images have the image's axes without the channels, in
    the image's order.

    Parameters
    ----------
    axes : str
        A letter out of ``TCZYX`` for each axis of the image.
    shape : tuple of int
        The image's shape.
    spatial : {"YX", "ZYX"}
        The model's spatial axes.
    channel : int or str, optional
        The one channel to read, see :func:`~.channels.pick_channel`.

    Examples
    --------
    >>> layout = Layout("TZYX", (2, 3, 64, 64), "YX")
    >>> layout.read_axes, layout.frame_count
    ('TYX', 6)
    >>> layout.lay(np.zeros((6, 64, 64), int)).shape
    (2, 3, 64, 64)
    """

    axes: str
    shape: tuple[int, ...]
    spatial: str
    channel: Channel | None = None

    @property
    def frame_axes(self) -> str:
        """Axes whose pixels are walked one by one, in the image's order."""
        return "".join(a for a in self.axes if a not in self.spatial + "C")

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Pixels along :attr:`frame_axes`."""
        return tuple(self.shape[self.axes.index(a)] for a in self.frame_axes)

    @property
    def frame_count(self) -> int:
        """Number of frames; 1 without such an axis."""
        return math.prod(self.frame_shape)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        return tuple(self.shape[self.axes.index(a)] for a in self.spatial)

    @property
    def frames_shape(self) -> tuple[int, ...]:
        """Shape of label images as the frames are read, ([T,] [Z,] Y, X)."""
        return ((self.frame_count,) if self.frame_axes else ()) + self.spatial_shape

    @property
    def label_axes(self) -> str:
        """Axes of label images, in the image's order."""
        return self.axes.replace("C", "")

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of label images."""
        return tuple(n for a, n in zip(self.axes, self.shape, strict=True) if a != "C")

    @property
    def read_axes(self) -> str:
        """Axes with which the image is read; colours stay last."""
        before, after = self._channel_axes
        return ("T" if self.frame_axes else "") + before + self.spatial + after

    @property
    def read_shape(self) -> tuple[int, ...]:
        """Shape with which the image is read."""
        sizes = dict(zip(self.axes, self.shape, strict=True)) | {"T": self.frame_count}
        return tuple(sizes[a] for a in self.read_axes)

    @property
    def is_plain(self) -> bool:
        """Whether the image is read as it is."""
        return self.read_axes == self.axes

    @property
    def _channel_axes(self) -> tuple[str, str]:
        """Axis of channels before and after the spatial axes of what is read."""
        if "C" not in self.axes or self.channel is not None:
            return "", ""
        return ("", "C") if self.axes.endswith("C") else ("C", "")

    # ------------------------------------------------------------------------------ pixels

    def arrange(self, image: NDArray[Any]) -> NDArray[Any]:
        """Bring an image, or a box of it with all of its axes, into :attr:`read_axes`."""
        axes = self.axes
        if "C" in axes and self.channel is not None:
            image = pick_channel(image, self.channel, axes.index("C"))
            axes = self.label_axes
        before, after = self._channel_axes
        order = self.frame_axes + before + self.spatial + after
        image = image.transpose([axes.index(a) for a in order])
        count = len(self.frame_axes)
        return image if count < 2 else image.reshape(-1, *image.shape[count:])

    def lay(self, labels: NDArray[Any]) -> NDArray[Any]:
        """View labels ([T,] [Z,] Y, X) of all frames, or of one, with the image's axes.

        Axes beyond them, such as colours, stay last.
        """
        count = len(self.frame_axes)
        if count:
            one = len(labels) == 1
            labels = labels.reshape(*((1,) * count if one else self.frame_shape), *labels.shape[1:])
        return labels.transpose([*self._label_order(), *range(len(self.label_axes), labels.ndim)])

    def fits_file(self, shape: Sequence[int]) -> bool:
        """Whether a file's label image is of this image's shape; it may lack axes of length 1."""
        return [n for n in shape if n > 1] == [n for n in self.file_shape if n > 1]

    @property
    def file_shape(self) -> tuple[int, ...]:
        """Shape of label images in files, see :func:`rows_last`."""
        return tuple(self.shape[self.axes.index(a)] for a in _rows_last(self.label_axes))

    def lift_file(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return labels ([T,] [Z,] Y, X) from a file's, which :meth:`fits_file`."""
        order = _rows_last(self.label_axes)
        laid = stored.reshape(self.file_shape)
        return self.lift(laid.transpose([order.index(a) for a in self.label_axes]))

    def lift(self, laid: NDArray[Any]) -> NDArray[Any]:
        """Undo :meth:`lay`; a view where that is possible."""
        count = len(self.frame_axes)
        labels = laid.transpose(np.argsort(self._label_order()))
        return labels.reshape(-1, *labels.shape[count:]) if count else labels

    def _label_order(self) -> list[int]:
        """For each axis of the image but channels, its place among frames and spatial axes."""
        return [(self.frame_axes + self.spatial).index(a) for a in self.label_axes]

    # ------------------------------------------------------------------------------ places

    def lift_index(self, index: Sequence[int]) -> tuple[int, ...]:
        """Convert an index into labels with the image's axes to ([t,] [z,] y, x)."""
        at = dict(zip(self.label_axes, index, strict=True))
        frame = (self.frame_number([at[a] for a in self.frame_axes]),) if self.frame_axes else ()
        return (*frame, *(at[a] for a in self.spatial))

    def lay_index(self, index: Sequence[float]) -> tuple[float, ...]:
        """Undo :meth:`lift_index`."""
        at: dict[str, float] = {}
        if self.frame_axes:
            at = dict(zip(self.frame_axes, self.frame_place(int(index[0])), strict=True))
        at |= zip(self.spatial, index[-len(self.spatial) :], strict=True)
        return tuple(at[a] for a in self.label_axes)

    def frame_number(self, place: Sequence[int]) -> int:
        """Return the number of the frame at an index along :attr:`frame_axes`.

        Outside of one of several axes it is −1.
        """
        number = 0
        if len(place) == 1:
            return int(place[0])
        for at, size in zip(place, self.frame_shape, strict=True):
            if not 0 <= at < size:
                return -1
            number = number * size + int(at)
        return number

    def frame_place(self, number: int) -> tuple[int, ...]:
        """Return the index along :attr:`frame_axes` of a frame."""
        return tuple(int(n) for n in np.unravel_index(number, self.frame_shape))

    def lift_view(self, view: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """Convert first and last positions along the image's axes to those that are read.

        Parameters
        ----------
        view : sequence of (float, float)
            One for each axis of the image; that of colours at its end may be missing.
        """
        seen = dict(zip(self.axes, view, strict=False))
        return tuple(
            self._frames_in(seen) if a == "T" else seen.get(a, (0.0, float(n)))
            for a, n in zip(self.read_axes, self.read_shape, strict=True)
        )

    def _frames_in(self, seen: dict[str, tuple[float, float]]) -> tuple[float, float]:
        """Return the frames in view; of several axes the one in the middle."""
        if len(self.frame_axes) == 1:
            return seen[self.frame_axes]
        middles = [math.floor(sum(seen[a]) / 2) for a in self.frame_axes]
        inside = np.clip(middles, 0, np.array(self.frame_shape) - 1)
        number = self.frame_number(inside.tolist())
        return float(number), float(number + 1)


def rows_last(labels: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """Return labels and their axes with Y and X last, as files hold them."""
    order = _rows_last(axes)
    return labels.transpose([axes.index(a) for a in order]), order


def _rows_last(axes: str) -> str:
    return "".join(sorted(axes, key="YX".find))


class ArrangedImage:
    """An image as a model reads it: any array, of which only the parts asked for are read.

    Parameters
    ----------
    data : array_like
        Anything with a shape that can be sliced.
    layout : Layout
        Of ``data``.
    foreground : array_like, optional
        Another image with the label image's axes, read as one more channel after those of
        ``data``; truth values and whole numbers are 1 where they are above 0.

    Raises
    ------
    ValueError
        When the foreground has another shape, or ``data`` no channels.
    """

    def __init__(self, data: Any, layout: Layout, foreground: Any = None) -> None:
        self.data = data
        self.layout = layout
        self._foreground: ArrangedImage | None = None
        if foreground is not None:
            own = Layout(layout.label_axes, layout.label_shape, layout.spatial)
            if tuple(foreground.shape) != own.shape or "C" not in layout.read_axes:
                raise ValueError(
                    f"the foreground must have the pixels of the image, {own.shape} along "
                    f"{own.axes}, found {tuple(foreground.shape)}."
                )
            self._foreground = ArrangedImage(foreground, own)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as it is read."""
        more = self._foreground is not None
        parts = zip(self.layout.read_axes, self.layout.read_shape, strict=True)
        return tuple(n + (more and letter == "C") for letter, n in parts)

    @property
    def ndim(self) -> int:
        """Number of axes as it is read."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels as they are read."""
        mixed = self._is_mixed or self._foreground is not None
        return np.dtype(np.float32) if mixed else np.dtype(self.data.dtype)

    @property
    def _is_mixed(self) -> bool:
        """Whether the channel is made of several."""
        channel = self.layout.channel
        return "C" in self.layout.axes and channel is not None and channel_number(channel) is None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[()], dtype=dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part, given by a number or slice along each of the first axes."""
        keys = key if isinstance(key, tuple) else (key,)
        spans = {a: _as_slice(part) for a, part in zip(self.layout.read_axes, keys, strict=False)}
        places = self._places(spans.pop("T", slice(None)))
        read = [self._read(spans | place) for place in places]
        joined = read[0] if len(read) == 1 else np.concatenate(read)
        part: NDArray[Any] = joined[tuple(slice(None) if isinstance(k, slice) else 0 for k in keys)]
        return part

    def _places(self, frames: slice) -> list[dict[str, slice]]:
        """Return spans along the axes of frames that together hold these frames."""
        layout, every = self.layout, range(self.layout.frame_count)
        if every[frames] == every:
            return [{}]
        places = [layout.frame_place(number) for number in every[frames]]
        return [
            {a: slice(n, n + 1) for a, n in zip(layout.frame_axes, place, strict=True)}
            for place in places
        ]

    def _read(self, spans: dict[str, slice]) -> NDArray[Any]:
        """Read a box of the image, and of the foreground as its last channel."""
        if self._foreground is None:
            return self._read_image(spans)
        box = {letter: span for letter, span in spans.items() if letter != "C"}
        at = self.layout.read_axes.index("C")
        where = self._foreground._read_image(box)
        if where.dtype.kind in "bui":
            where = where > 0
        parts = [self._read_image(box), np.expand_dims(where, at)]
        joined = np.concatenate([part.astype(np.float32) for part in parts], axis=at)
        return joined[(slice(None),) * at + (spans.get("C", slice(None)),)]

    def _read_image(self, spans: dict[str, slice]) -> NDArray[Any]:
        """Read a box of the image; of its channels only what is needed."""
        layout, channel = self.layout, self.layout.channel
        if "C" in layout.axes and channel is not None:
            number = channel_number(channel)
            if number is not None:
                layout, spans = replace(layout, channel=0), spans | {"C": _as_slice(number)}
        box = tuple(spans.get(a, slice(None)) for a in layout.axes)
        return layout.arrange(np.asarray(self.data[box]))


def _as_slice(part: int | slice) -> slice:
    return part if isinstance(part, slice) else slice(part, part + 1 or None)

"""Checks of pairs of an image and a label image: readable, of one shape, objects told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding.core.inference.axes import image_layout
from napari_pixel_embedding.core.io.binary_masks import (
    check_separated,
    connected_components,
    count_pieces,
)
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.pairs import Pair
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.io.images import ImageData
    from napari_pixel_embedding.core.model.config import ModelConfig

_NAMED = 5
"""Largest number of unusable pairs that a message names."""


@dataclass(frozen=True)
class UnusablePair:
    """A file that cannot be used for training, and the reason."""

    name: str
    why: str


class LabelledImage(NamedTuple):
    """An image, its label image with the image's axes but channels, and how both are read."""

    image: ImageData
    labels: NDArray[Any]
    layout: Layout


def read_labelled_images(
    pairs: Sequence[Pair],
    config: ModelConfig,
    split_masks: bool | None = None,
    *,
    axes: str | None = None,
    channel: Channel | None = None,
    unknown: bool = False,
) -> list[LabelledImage]:
    """Read pairs for a model; check all of them before anything is done with one.

    Parameters
    ----------
    pairs : sequence of Pair
    config : ModelConfig
        Configuration of the model.
    split_masks : bool, optional
        What to do where one id covers several pieces, as in a binary mask: make every piece an
        object, or take the ids as they are.
    axes : str, optional
        Axes of the images, in place of those of the files.
    channel : int or str, optional
        The one channel of the images that is read.
    unknown : bool
        Whether labels may be −1, for pixels that are not corrected.

    Raises
    ------
    UnseparatedObjects
        When one id covers several pieces, and ``split_masks`` is None.
    ValueError
        When pairs cannot be read, or the shapes of image and label image differ; names them.
    """
    read, bad = [], []
    for pair in pairs:
        try:
            read.append(_read(pair, config, axes, channel, unknown))
        except (ValueError, OSError) as error:
            bad.append(unusable(pair, error))
    _refuse(bad, len(pairs))
    if split_masks is None:
        check_separated(
            [
                (str(pair.mask), count_pieces(*_frames_first(one)))
                for pair, one in zip(pairs, read, strict=True)
            ]
        )
    if split_masks:
        read = [_split(one) for one in read]
    return read


def _frames_first(one: LabelledImage) -> tuple[NDArray[Any], str]:
    """Return labels as they are learnt from, and their axes ([T,] [Z,] Y, X)."""
    axes = ("T" if one.layout.frame_axes else "") + one.layout.spatial
    return one.layout.lift(one.labels), axes


def _split(one: LabelledImage) -> LabelledImage:
    return one._replace(labels=one.layout.lay(connected_components(*_frames_first(one))))


def unusable(pair: Pair, error: Exception) -> UnusablePair:
    """Return a pair that cannot be used, with the reason; paths are shortened."""
    why = str(error)
    for path in pair:
        why = why.replace(str(path), f"{path.parent.name}/{path.name}")
    return UnusablePair(pair.image.name, why)


def mask_layout(
    shape: Sequence[int],
    axes: str | None,
    mask_shape: tuple[int, ...],
    config: ModelConfig,
    channel: Channel | None = None,
) -> Layout:
    """Return how an image and its label image are read for a model.

    Raises
    ------
    ValueError
        When the image does not fit the model, or the label image has other pixels.
    """
    layout = image_layout(shape, axes, config, channel)
    if not layout.fits_file(mask_shape):
        pixels = layout.label_shape
        raise ValueError(f"its mask has other pixels, {mask_shape}, than the image, {pixels}")
    return layout


def _read(
    pair: Pair, config: ModelConfig, axes: str | None, channel: Channel | None, unknown: bool
) -> LabelledImage:
    image = read_image(pair.image)
    labels = read_labels(pair.mask, unknown=unknown).data
    own = axes or image.axes
    layout = mask_layout(image.data.shape, own, labels.shape, config, channel)
    return LabelledImage(image, layout.lay(layout.lift_file(labels)), layout)


def _refuse(bad: Sequence[UnusablePair], count: int) -> None:
    """Raise ValueError that names unusable pairs: the first reason in full, others in short."""
    if not bad:
        return
    reasons = [f"{one.name}: {one.why.rstrip('.')}" for one in bad[:1]]
    reasons += [f"{one.name}: {first_sentence(one.why)}" for one in bad[1:_NAMED]]
    more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    raise ValueError(
        f"{len(bad)} of {count} pairs cannot be used: {'; '.join(reasons)}{more}. "
        "Repair these files, or leave them out."
    )


def first_sentence(why: str, most: int = 90) -> str:
    """Return the first sentence of a reason, cut where it is long.

    Examples
    --------
    >>> first_sentence("There is no mask. Draw one.")
    'There is no mask'
    """
    first = why.split(". ")[0].rstrip(".")
    return first if len(first) <= most else f"{first[: most - 1]}…"

"""Annotated images: selecting, splitting and reading pairs of an image and a label image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding.core.datasets.pair_checks import read_labelled_images
from napari_pixel_embedding.core.datasets.pairs import Pair  # noqa: TC001 - requests check pairs
from napari_pixel_embedding.core.inference.axes import common_axes, scale_along

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.pair_checks import LabelledImage
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.io.images import ImageData
    from napari_pixel_embedding.core.model.config import ModelConfig


class Annotated(NamedTuple):
    """Images with their label images, the axes common to all image files, and the spacings."""

    images: list[NDArray[Any]]
    labels: list[NDArray[Any]]
    axes: str | None
    spacing: list[tuple[float, ...] | None]


@dataclass(frozen=True)
class TrainingPairs:
    """Pairs for training, and pairs for validation, which select the best step."""

    train: list[Pair]
    validation: list[Pair]


def select_pairs(pairs: Sequence[Pair], names: Iterable[str] | None) -> list[Pair]:
    """Return the pairs with these names, or all for None; raises ValueError without a match.

    Examples
    --------
    >>> from pathlib import Path
    >>> from napari_pixel_embedding.core.io.files import Pair
    >>> pairs = [Pair(Path(f"images/{n}.tif"), Path(f"masks/{n}.tif")) for n in "ab"]
    >>> [pair.image.name for pair in select_pairs(pairs, ["b", "c"])]
    ['b.tif']
    """
    if names is None:
        return list(pairs)
    wanted = set(names)
    chosen = [pair for pair in pairs if pair.image.stem in wanted]
    if not chosen:
        raise ValueError(
            f"none of the {len(wanted)} names asked for is among the {len(pairs)} pairs."
        )
    return chosen


def split_pairs(pairs: Sequence[Pair], every: int = 10) -> TrainingPairs:
    """Hold out one pair in ``every`` for validation; none of fewer than five pairs.

    Parameters
    ----------
    pairs : sequence of Pair
        Pairs, in the order they are counted in.
    every : int
        Pairs per held-out pair; at least one pair is held out. 0 for none.
    """
    if len(pairs) < 5 or every == 0:
        return TrainingPairs(list(pairs), [])
    held_back = list(pairs[:: min(every, len(pairs))])
    return TrainingPairs([p for p in pairs if p not in held_back], held_back)


def sample_evenly(pairs: Sequence[Pair], at_most: int) -> list[Pair]:
    """Return at most ``at_most`` pairs, evenly spread over the sequence."""
    return list(pairs[:: max(-(-len(pairs) // at_most), 1)])


def read_pairs(
    pairs: Sequence[Pair],
    config: ModelConfig,
    split_masks: bool | None = None,
    *,
    axes: str | None = None,
    channel: Channel | None = None,
    unknown: bool = False,
) -> Annotated:
    """Read images and label images for a model of this configuration.

    Parameters and errors are those of :func:`~.pair_checks.read_labelled_images`.
    """
    read = read_labelled_images(
        pairs, config, split_masks, axes=axes, channel=channel, unknown=unknown
    )
    return gather(read, config, axes)


def gather(
    read: Sequence[LabelledImage], config: ModelConfig, axes: str | None = None
) -> Annotated:
    """Gather images that were read; ``axes`` in place of those that their files have in common."""
    images = [one.image for one in read]
    return Annotated(
        [image.data for image in images],
        [one.labels for one in read],
        axes or common_axes(images),
        [scale_along(image, config.axes) for image in images],
    )


def shape_options(image: ImageData) -> dict[str, Any]:
    """Return axes and channels of a model for images like this one, as fields of ModelConfig."""
    axes = image.axes or "ZYX"[-image.data.ndim :]
    channels = min(image.data.shape[axes.index("C")], 3) if axes.endswith("C") else 1
    if "C" in axes and not axes.endswith("C"):
        channels = image.data.shape[axes.index("C")]
    return {"axes": "ZYX" if "Z" in axes else "YX", "in_channels": channels}

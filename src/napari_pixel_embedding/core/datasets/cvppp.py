"""Leaf images of the CVPPP leaf segmentation challenge, read from the unpacked download.

Minervini et al., Pattern Recognition Letters 81, 80-89 (2016); Scharr et al., Machine Vision and
Applications 27, 585-606 (2016).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Split = Literal["train", "dev"]

_SUBSET = re.compile(r"A[1-5]", re.IGNORECASE)


@dataclass(frozen=True)
class LeafImage:
    """The files of one plant.

    Parameters
    ----------
    image, mask : Path
        ``NAME_rgb.png`` and ``NAME_label.png``.
    name : str
        Subset and plant, such as ``"A1-plant001"``.
    subset : str
        ``"A1"`` to ``"A5"`` if a parent folder has that name, else ``""``.
    """

    image: Path
    mask: Path
    name: str
    subset: str


def find_leaf_images(folder: str | os.PathLike[str]) -> list[LeafImage]:
    """Find the plants with a label image in a folder and its subfolders.

    Foregrounds (``NAME_fg.png``) and centres (``NAME_centers.png``) add nothing to the label
    images and are ignored. Images without labels, as in the challenge's test sets, are skipped.

    Parameters
    ----------
    folder : path
        For example ``CVPPP2017_LSC_training`` or its ``A1``.

    Returns
    -------
    list of LeafImage
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        When the folder does not exist.
    ValueError
        When it holds no plant with labels, or two of the same name.
    """
    root = Path(folder)
    if not root.is_dir():
        found = "is a file: unpack the download first" if root.exists() else "does not exist"
        raise FileNotFoundError(f"Expected a folder with NAME_rgb.png files; {root} {found}.")
    images = sorted(path for path in root.rglob("*.png") if path.stem.endswith("_rgb"))
    plants = [plant for plant in map(_leaf_image, images) if plant.mask.is_file()]
    if not plants:
        raise ValueError(
            f"Expected files NAME_rgb.png, each with NAME_label.png beside it, in {root} or below, "
            f"found {len(images)} NAME_rgb.png and no such label. Choose the training set."
        )
    _check_names(plants)
    return sorted(plants, key=lambda plant: plant.name)


def _leaf_image(image: Path) -> LeafImage:
    stem = image.stem.removesuffix("_rgb")
    parts = image.absolute().parent.parts
    subset = next((part.upper() for part in reversed(parts) if _SUBSET.fullmatch(part)), "")
    name = f"{subset}-{stem}" if subset else stem
    return LeafImage(image, image.with_name(f"{stem}_label.png"), name, subset)


def _check_names(plants: Sequence[LeafImage]) -> None:
    seen: dict[str, LeafImage] = {}
    for plant in plants:
        if plant.name in seen:
            raise ValueError(
                f"Expected one plant of each name, found {seen[plant.name].image} and "
                f"{plant.image}. Import the two folders one after the other, or rename one file."
            )
        seen[plant.name] = plant


def read_leaf_image(plant: LeafImage) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Read a plant's image and label image.

    Parameters
    ----------
    plant : LeafImage
        From :func:`find_leaf_images`.

    Returns
    -------
    image : array of uint8, shape (Y, X, 3)
        Red, green and blue; transparency is dropped.
    labels : array of int32, shape (Y, X)
        Label image, 0 is background. Labels are the values of indexed and grey files; in colour
        files each colour but black is a label.

    Raises
    ------
    ValueError
        When a file is damaged, or the two differ in size.
    """
    from napari_pixel_embedding.core.io.images import read_image

    image = read_image(plant.image).data
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    labels = _ids(plant.mask)
    if image.shape[:2] != labels.shape:
        raise ValueError(
            f"Expected {plant.image.name} and {plant.mask.name} to have the same size, found "
            f"{image.shape[:2]} and {labels.shape}. Unpack the download again."
        )
    return np.ascontiguousarray(image[..., :3], np.uint8), labels


def _ids(path: Path) -> NDArray[np.int32]:
    from napari_pixel_embedding.core.io.images import read_image

    stored = read_image(path, indexed=True).data
    if stored.ndim == 2:
        return stored.astype(np.int32)
    colors = stored[..., :3].astype(np.int64)
    codes = (colors[..., 0] << 32) | (colors[..., 1] << 16) | colors[..., 2]
    values, numbers = np.unique(codes, return_inverse=True)
    numbers = numbers.reshape(codes.shape)
    first = 0 if values[0] == 0 else 1
    return np.asarray(numbers + first, np.int32)


def group_names(names: Iterable[str], pattern: str | None) -> list[str]:
    """Return the group of each name: the match of a pattern or its first group, else the name.

    Raises
    ------
    ValueError
        When ``pattern`` is not a regular expression, or matches no name.

    Examples
    --------
    >>> group_names(["A1-p1_day2", "A1-p1_day3"], r"(.+)_day")
    ['A1-p1', 'A1-p1']
    """
    names = list(names)
    if pattern is None:
        return names
    try:
        matches = [re.search(pattern, name) for name in names]
    except re.error as error:
        raise ValueError(f"Expected a regular expression, found {pattern!r}: {error}.") from error
    if not any(matches):
        raise ValueError(
            f"Expected {pattern!r} to match names such as {names[0]!r}, found no match."
        )
    groups = ((match and (match[1] if match.re.groups else match[0])) for match in matches)
    return [group or name for group, name in zip(groups, names, strict=True)]


def split_groups(
    groups: Sequence[str], strata: Sequence[str], dev_share: float = 0.2, seed: int = 0
) -> list[Split]:
    """Assign each item to ``train`` or ``dev``: a stratified split that keeps groups together.

    Parameters
    ----------
    groups : sequence of str
        Group of each item.
    strata : sequence of str
        Stratum of each item, such as the subset; each is split separately. A group belongs to
        the stratum of its first item.
    dev_share : float
        Share of the items for ``dev``, more than 0 and less than 1; at least one group of each
        stratum that has two.
    seed : int
        The same seed gives the same split.

    Returns
    -------
    list of {"train", "dev"}
        Split of each item.

    Raises
    ------
    ValueError
        When ``dev_share`` is out of range.

    Examples
    --------
    >>> split_groups(["a", "a", "b", "c", "c"], [""] * 5, dev_share=0.4)
    ['train', 'train', 'train', 'dev', 'dev']
    """
    if not 0 < dev_share < 1:
        raise ValueError(f"dev_share must be more than 0 and less than 1, found {dev_share}.")
    sizes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    home = dict(zip(reversed(groups), reversed(strata), strict=True))
    for group in groups:
        sizes[home[group]][group] += 1
    rng = np.random.default_rng(seed)
    dev: set[str] = set()
    for stratum in sorted(sizes):
        dev |= _dev_groups(sizes[stratum], dev_share, rng)
    return ["dev" if group in dev else "train" for group in groups]


def _dev_groups(sizes: dict[str, int], dev_share: float, rng: np.random.Generator) -> set[str]:
    """Choose groups in random order that bring the number of items closer to ``dev_share``."""
    wanted = dev_share * sum(sizes.values())
    chosen: set[str] = set()
    count = 0
    for group in rng.permutation(sorted(sizes)).tolist()[: len(sizes) - 1]:
        if not chosen or abs(count + sizes[group] - wanted) < abs(count - wanted):
            chosen.add(group)
            count += sizes[group]
    return chosen

"""Making folders of images and masks: synthetic images, and an import of CVPPP."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.datasets.cvppp import (
    find_leaf_images,
    group_names,
    read_leaf_image,
    split_groups,
)
from napari_pixel_embedding.core.datasets.pairs import Pair
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.io.images import write_image, write_labels

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from napari_pixel_embedding.core.datasets.cvppp import LeafImage, Split
    from napari_pixel_embedding.core.datasets.synthetic import Kind

    PathLike = str | os.PathLike[str]


def synthesise_folder(
    output: PathLike,
    kind: Kind = "ellipses",
    count: int = 10,
    shape: Sequence[int] = (256, 256),
    *,
    seed: int = 0,
    config: SyntheticConfig | None = None,
) -> Iterator[Pair]:
    """Draw images and write them to ``images/`` and ``masks/``, where training finds them.

    Parameters
    ----------
    output : path
        May hold other images already, so that several kinds and sizes can be mixed.
    kind, shape, config
        As in :func:`synthetic_image`.
    count : int
        Number of images.
    seed : int
        Of the first image; the next ones count on from it.

    Yields
    ------
    Pair
        Paths of an image and its mask, as soon as they are written; the names tell kind,
        diameter and seed.

    Raises
    ------
    ValueError
        When ``count`` is less than 1, for what :func:`synthetic_image` refuses, and when a
        file of the same name is there already.
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more, found {count}.")
    config = config or SyntheticConfig()
    for number in range(seed, seed + count):
        drawn = synthetic_image(kind, shape, seed=number, config=config)
        pair = _new_pair(Path(output), f"{kind}-{config.diameter:g}px-{number:04}")
        axes = "YXC" if config.color else "ZYX"[-len(shape) :]
        write_image(pair.image, drawn.image, axes)
        write_labels(pair.mask, drawn.labels, axes.removesuffix("C"))
        yield pair


def _new_pair(folder: Path, name: str) -> Pair:
    pair = Pair(*(folder / kind / f"{name}.tif" for kind in ("images", "masks")))
    for path in pair:
        if path.exists():
            raise ValueError(
                f"Expected no {path.name} in {path.parent}, found one. "
                "Choose another folder, or remove the earlier files."
            )
    return pair


@dataclass(frozen=True)
class ImportedImage:
    """An imported image: name, subset, split and files written."""

    name: str
    subset: str
    group: str
    split: Split
    files: Pair


def import_cvppp(
    source: PathLike,
    output: PathLike,
    *,
    group: str | None = None,
    dev_share: float = 0.2,
    seed: int = 0,
) -> Iterator[ImportedImage]:
    """Import leaf images of the CVPPP challenge, split into training and development images.

    Writes ``train/`` and ``dev/``, each with ``images/`` and ``masks/``, and when all images are
    there ``index.csv`` with the columns name, type (the subset), group and split.

    Parameters
    ----------
    source : path
        The unpacked download, or one subset of it; see :func:`~.cvppp.find_leaf_images`.
    output : path
        A new folder.
    group : str, optional
        Regular expression: images whose names agree in what its first bracket (or the whole of
        it) matches stay on one side of the split, such as days of one plant.
    dev_share : float
        Share of each subset's images that is kept for development.
    seed : int
        The same seed gives the same split.

    Yields
    ------
    ImportedImage
        As soon as it is written.

    Raises
    ------
    FileNotFoundError, ValueError
        When there are no such images, a file is damaged or already there, or ``group`` does not
        match.
    """
    plants = find_leaf_images(source)
    groups = group_names([plant.name for plant in plants], group)
    splits = split_groups(groups, [plant.subset for plant in plants], dev_share, seed)
    folder = Path(output)
    done = []
    for plant, of_group, split in zip(plants, groups, splits, strict=True):
        files = _write_leaf_image(plant, folder / split)
        done.append(ImportedImage(plant.name, plant.subset, of_group, split, files))
        yield done[-1]
    _write_index(folder / "index.csv", done)


def _write_leaf_image(plant: LeafImage, folder: Path) -> Pair:
    files = _new_pair(folder, plant.name)
    image, labels = read_leaf_image(plant)
    write_image(files.image, image, "YXC")
    write_labels(files.mask, labels)
    return files


def _write_index(path: Path, images: Sequence[ImportedImage]) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["name", "type", "group", "split"])
    table.writerows([image.name, image.subset, image.group, image.split] for image in images)
    with open_atomically(path) as file:
        file.write(text.getvalue().encode())


def count_splits(images: Sequence[ImportedImage]) -> dict[tuple[str, str], int]:
    """Count the images of each subset and split, in order."""
    return dict(sorted(Counter((image.subset, image.split) for image in images).items()))

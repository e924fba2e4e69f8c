"""What the bundled models learn from and are scored on: image folders, volumes, drawn volumes."""

from __future__ import annotations

import csv
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from napari_pixel_embedding import SyntheticConfig, prepare_samples, synthetic_image
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.synthetic.sections import as_section
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.object_scale import (
    resample,
    resample_labels,
    zoom_for,
    zoomed_shape,
)
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.core.training.targets import prepare_sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding import ModelConfig
    from napari_pixel_embedding.core.datasets.pairs import Pair
    from napari_pixel_embedding.core.training.targets import Sample

Part = Literal["choose", "score"]
"""Images that the cluster parameters are chosen on, and images that give the scores alone."""


class Example(NamedTuple):
    """An image with its label image, and what ``predict_embedding`` is to know about it."""

    image: NDArray[Any]
    labels: NDArray[Any]
    options: dict[str, Any]


class Source(Protocol):
    """Images with label images: some to learn from, some to choose by, some for the scores."""

    @property
    def folder(self) -> str:
        """What the model's provenance calls it."""

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Read what is learnt from, each as often as it counts.

        With ``everything`` that includes the images which the parameters are chosen on.
        """

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Read the images that parameters are chosen on, or those that give the scores."""


@dataclass(frozen=True)
class Pairs:
    """A folder with ``train`` and ``dev``: which images, how large their objects are, how often.

    ``dev`` gives the scores. Every ``hold_back``-th group of ``train`` is held back to choose the
    cluster parameters on. Tiles of one field are one group, by the column ``group`` of
    ``index.csv``; without that file each image is a group.
    """

    folder: str
    kinds: tuple[str, ...] = ()
    diameter: float | None = None
    times: int = 1
    hold_back: int = 10

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Read what is learnt from."""
        images, labels = self.read(data, everything)
        return prepare_samples(images, labels, config, diameter=self.diameter) * self.times

    def read(self, data: Path, everything: bool) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Read images and label images to learn from."""
        pairs = self._pairs(data, "train")
        if not everything:
            held_back = self._held_back(data, pairs)
            pairs = [pair for pair in pairs if pair not in held_back]
        images = [read_image(pair.image).data for pair in pairs]
        return images, [read_labels(pair.mask).data for pair in pairs]

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Read the groups of ``train`` that were held back, or ``dev``."""
        pairs = self._pairs(data, "dev" if part == "score" else "train")
        if part == "choose":
            pairs = self._held_back(data, pairs)
        known = {"diameter": self.diameter if config.image_diameter is None else None}
        return [Example(read_image(i).data, read_labels(m).data, known) for i, m in pairs]

    def _pairs(self, data: Path, split: str) -> list[Pair]:
        pairs, rows = find_pairs(data / self.folder / split), self._rows(data)
        if not self.kinds:
            return pairs
        return [pair for pair in pairs if rows[pair.image.stem]["type"] in self.kinds]

    def _held_back(self, data: Path, pairs: list[Pair]) -> list[Pair]:
        rows = self._rows(data)
        groups = [rows.get(p.image.stem, {}).get("group", p.image.stem) for p in pairs]
        chosen = set(list(dict.fromkeys(groups))[:: self.hold_back])
        return [pair for pair, group in zip(pairs, groups, strict=True) if group in chosen]

    def _rows(self, data: Path) -> dict[str, dict[str, str]]:
        index = data / self.folder / "index.csv"
        if not index.exists():
            return {}
        with index.open(encoding="utf-8", newline="") as file:
            return {row["name"]: row for row in csv.DictReader(file)}


@dataclass(frozen=True)
class Sections:
    """Images of nuclei in fluorescence, each shown as ``times`` sections of stained tissue.

    They are learnt from alone: real tissue chooses the parameters and gives the scores.
    """

    of: Pairs
    times: int

    @property
    def folder(self) -> str:
        """What the model's provenance calls it."""
        return f"{self.of.folder} as sections"

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Read the images, and draw tissue around their nuclei."""
        images, labels = self.of.read(data, everything)
        seeds = itertools.count()
        shown = [as_section(i, next(seeds)) for _ in range(self.times) for i in images]
        return prepare_samples(shown, labels * self.times, config)

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Return nothing."""
        return []


@dataclass(frozen=True)
class Volume:
    """A single annotated volume (Z, Y, X): the last third along Y gives the scores.

    The rest is too small to be divided: it is learnt from, and the parameters are chosen on it.
    ``diameter`` is that of a typical object in pixels along Y and X; ``planes_apart`` the distance
    of two planes in pixels.
    """

    folder: str
    diameter: float
    planes_apart: float = 1.0
    times: int = 1

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Size of a pixel along each axis, in pixels along X."""
        return (self.planes_apart, 1.0, 1.0)

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Read what is learnt from."""
        image, labels = self._read(data, "choose")
        zoom = zoom_for(config, self.diameter, self.spacing)
        shape = zoomed_shape(labels.shape, zoom)
        pixels = resample(normalise(image[None], config.percentiles), shape)
        return [prepare_sample(pixels, resample_labels(labels, shape))] * self.times

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Read what is learnt from, or what gives the scores."""
        image, labels = self._read(data, part)
        known = {"axes": "ZYX", "diameter": self.diameter, "spacing": self.spacing}
        return [Example(image, labels, known)]

    def _read(self, data: Path, part: Part) -> tuple[NDArray[Any], NDArray[Any]]:
        (pair,) = find_pairs(data / self.folder)
        image, labels = read_image(pair.image).data, read_labels(pair.mask).data.astype(np.int32)
        cut = labels.shape[1] - labels.shape[1] // 3
        rows = slice(cut, None) if part == "score" else slice(cut)
        return image[:, rows], labels[:, rows]


@dataclass(frozen=True)
class DrawnVolumes:
    """Volumes of touching ellipsoids, from clear to very noisy; as many more for each other part.

    ``number`` are learnt from; ``more`` others give the scores, and ``more`` again the parameters.
    """

    number: int
    more: int
    shape: tuple[int, int, int] = (64, 80, 80)
    folder: str = "drawn ellipsoids"

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Draw what is learnt from."""
        drawn = [self._draw(seed) for seed in range(self.number)]
        images, labels = zip(*drawn, strict=True)
        return prepare_samples(images, labels, config, axes="ZYX")

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Draw others."""
        first = self.number + (self.more if part == "choose" else 0)
        drawn = [self._draw(first + seed) for seed in range(self.more)]
        return [Example(image, labels, {"axes": "ZYX"}) for image, labels in drawn]

    def _draw(self, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        rng = np.random.default_rng(seed)
        config = SyntheticConfig(
            diameter=float(rng.uniform(13, 20)),
            density=float(rng.uniform(0.3, 0.9)),
            noise=float(np.exp(rng.uniform(np.log(0.05), np.log(0.6)))),
            blur=float(rng.uniform(0.5, 2.0)),
            uneven=float(rng.uniform(0.0, 0.6)),
        )
        return synthetic_image("ellipses", self.shape, seed=seed, config=config)

"""Drawn images to learn from: bacteria, rosettes and nuclei in volumes, made in parallel."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from sources import Example

from napari_pixel_embedding import prepare_samples
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.datasets.synthetic.nuclei3d import nuclei_volume
from napari_pixel_embedding.core.datasets.synthetic.rosettes import rosette_image
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sources import Part

    from napari_pixel_embedding import ModelConfig
    from napari_pixel_embedding.core.datasets.synthetic import SyntheticImage
    from napari_pixel_embedding.core.training.targets import Sample


@dataclass(frozen=True)
class Drawn:
    """Images that a function draws from seeds.

    ``number`` are learnt from; ``more`` others, as ``draw_others`` draws them where it is given,
    choose the parameters, and ``more`` again give the scores.
    """

    folder: str
    draw: Callable[[int], SyntheticImage]
    number: int
    more: int
    draw_others: Callable[[int], SyntheticImage] | None = None
    times: int = 1
    axes: str | None = None

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Draw what is learnt from."""
        drawn = in_parallel(partial(_sample, self.draw, config, self.axes), range(self.number))
        return [sample for sample in drawn if sample is not None] * self.times

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Draw others."""
        first = self.number + (self.more if part == "score" else 0)
        draw = self.draw_others if part == "score" and self.draw_others else self.draw
        drawn = in_parallel(draw, range(first, first + self.more))
        known = {} if self.axes is None else {"axes": self.axes}
        return [Example(image, labels, known) for image, labels in drawn if labels.any()]


@dataclass(frozen=True)
class OnlyScored:
    """A folder of real images that nothing is learnt from and nothing is chosen on."""

    folder: str

    def samples(self, data: Path, config: ModelConfig, everything: bool = False) -> list[Sample]:
        """Return nothing."""
        return []

    def examples(self, data: Path, config: ModelConfig, part: Part) -> list[Example]:
        """Read the images for the scores."""
        pairs = find_pairs(data / self.folder) if part == "score" else []
        return [Example(read_image(i).data, read_labels(m).data, {}) for i, m in pairs]


def _sample(
    draw: Callable[[int], SyntheticImage], config: ModelConfig, axes: str | None, seed: int
) -> Sample | None:
    image, labels = draw(seed)
    return prepare_samples([image], [labels], config, axes)[0] if labels.any() else None


def in_parallel(function: Callable[[int], Any], seeds: range) -> list[Any]:
    """Call a function with every seed, in as many processes as there are processors."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(function, seeds, chunksize=8))


def bacteria(seed: int) -> SyntheticImage:
    """Draw an image of bacteria, as large as a piece that is learnt from."""
    return bacteria_image((288, 288), seed)


def rosettes(seed: int) -> SyntheticImage:
    """Draw plants as the model for leaves learns from them."""
    return rosette_image((240, 240), seed, "glasshouse")


def other_rosettes(seed: int) -> SyntheticImage:
    """Draw plants of other kinds, in other places."""
    return rosette_image((240, 240), seed, "field")


def nuclei(seed: int) -> SyntheticImage:
    """Draw a volume of nuclei."""
    return nuclei_volume((64, 80, 80), seed)

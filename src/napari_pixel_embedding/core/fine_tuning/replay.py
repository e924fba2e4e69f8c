"""Replay samples of the bundled models' training data, against forgetting during fine-tuning.

They are crops of training images in ``sample_data/replay``, as ``images/KIND-NN.tif`` and
``masks/KIND-NN.tif``, chosen by ``scripts/make_replay_data.py``. Volumes, bacteria and leaves are
drawn, as those that their models have learnt from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding.core.datasets.samples import samples_folder
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.datasets.synthetic.rosettes import rosette_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.config import ModelConfig

_KINDS = {
    "nuclei-fluo": ("fluo",),
    "nuclei-cosine": ("fluo",),
    "nuclei-fast": ("fluo",),
    "nuclei-wnet": ("fluo",),
    "generic": ("fluo", "bright", "stained", "phase"),
    "cells-phase": ("phase",),
}
"""Kinds of training images of each bundled model."""


class Annotation(NamedTuple):
    """An image with axes YX, YXC or ZYX, and its label image, 0 is background."""

    image: NDArray[Any]
    labels: NDArray[Any]


def origin(config: ModelConfig) -> str:
    """Name of the bundled model that a model is or descends from, else of its first ancestor."""
    name, provenance = config.name, config.provenance
    while name not in {*_KINDS, *_DRAWN} and "parent" in provenance:
        name, provenance = provenance["parent"], provenance.get("parent_provenance", {})
    return str(name)


def bundled_replay(config: ModelConfig) -> list[Annotation]:
    """Load replay samples for a bundled model or one that descends from it.

    Returns
    -------
    list of Annotation
        Empty for models of other origin.
    """
    from napari_pixel_embedding.core.datasets.pairs import find_pairs
    from napari_pixel_embedding.core.io.images import read_image, read_labels

    first = origin(config)
    kinds = _KINDS.get(first, ())
    kept = [
        Annotation(read_image(pair.image).data, read_labels(pair.mask).data)
        for pair in (find_pairs(samples_folder() / "replay") if kinds else ())
        if pair.image.stem.split("-")[0] in kinds
    ]
    drawn = [draw(seed) for draw, number in _DRAWN.get(first, ()) for seed in range(number)]
    return kept + drawn


def _drawn_volume(seed: int) -> Annotation:
    """Draw touching ellipsoids, noisier with each seed, of the object size of ``volume``."""
    config = SyntheticConfig(diameter=16.0, noise=0.05 + 0.06 * seed)
    return Annotation(*synthetic_image("ellipses", (48, 64, 64), seed=seed, config=config))


def _drawn_bacteria(seed: int) -> Annotation:
    """Draw bacteria; the first six are of as many kinds and microscopes."""
    return Annotation(*bacteria_image((256, 256), seed))


def _drawn_leaves(seed: int) -> Annotation:
    """Draw a plant."""
    return Annotation(*rosette_image((240, 240), seed))


_DRAWN = {
    "bacteria": ((_drawn_bacteria, 6),),
    "leaves": ((_drawn_leaves, 6),),
    "volume": ((_drawn_volume, 6),),
    "generic": ((_drawn_bacteria, 4), (_drawn_leaves, 2)),
}
"""What is drawn for the bundled models that have learnt from drawings, and how many of each."""

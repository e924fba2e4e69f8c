"""Replay samples of the bundled models' training data, against forgetting during fine-tuning.

They are crops of training images in ``sample_data/replay``, as ``images/KIND-NN.tif`` and
``masks/KIND-NN.tif``, chosen by ``scripts/make_replay_data.py``. Volumes are synthetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding.core.datasets.samples import samples_folder
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.config import ModelConfig

_KINDS = {
    "nuclei-fluo": ("fluo",),
    "nuclei-cosine": ("fluo",),
    "nuclei-wnet": ("fluo",),
    "generic": ("fluo", "bright", "stained", "phase"),
    "cells-phase": ("phase",),
}
"""Kinds of training images of each bundled model."""

_VOLUMES = "volume"
_DRAWN = 6


class Annotation(NamedTuple):
    """An image with axes YX, YXC or ZYX, and its label image, 0 is background."""

    image: NDArray[Any]
    labels: NDArray[Any]


def origin(config: ModelConfig) -> str:
    """Name of the bundled model that a model is or descends from, else of its first ancestor."""
    name, provenance = config.name, config.provenance
    while name not in {*_KINDS, _VOLUMES} and "parent" in provenance:
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
    if first == _VOLUMES:
        return [_drawn_volume(seed) for seed in range(_DRAWN)]
    kinds = _KINDS.get(first, ())
    if not kinds:
        return []
    return [
        Annotation(read_image(pair.image).data, read_labels(pair.mask).data)
        for pair in find_pairs(samples_folder() / "replay")
        if pair.image.stem.split("-")[0] in kinds
    ]


def _drawn_volume(seed: int) -> Annotation:
    """Draw touching ellipsoids, noisier with each seed, of the object size of ``volume``."""
    config = SyntheticConfig(diameter=16.0, noise=0.05 + 0.06 * seed)
    return Annotation(*synthetic_image("ellipses", (48, 64, 64), seed=seed, config=config))

"""Make the pictures on the models' cards: what each bundled model finds in a shipped sample.

Usage: python scripts/make_model_thumbnails.py [MODEL …]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from skimage.segmentation import find_boundaries
from skimage.transform import resize

from napari_pixel_embedding import segment
from napari_pixel_embedding.core.datasets.samples import load_drawn_sample, load_sample
from napari_pixel_embedding.core.model.config import find_model, list_models

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 112
"""Pixels of a side of the picture."""
MOST_BYTES = 15_000
COLORS = 64


@dataclass(frozen=True)
class Part:
    """One part of a picture: a square of a sample, from ``start`` with ``side`` pixels."""

    sample: str
    start: tuple[int, int]
    side: int
    diameter: float | None = None


PARTS = {
    "nuclei-fluo": (Part("nuclei-field", (200, 250), 150),),
    "nuclei-cosine": (Part("nuclei-field", (60, 430), 150),),
    "nuclei-fast": (Part("nuclei-field", (300, 60), 150),),
    "nuclei-wnet": (Part("nuclei-field", (330, 90), 150),),
    "bacteria": (Part("bacteria-drawn", (100, 120), 150),),
    "leaves": (Part("leaves-drawn", (60, 60), 190),),
    "cells-phase": (Part("phase-contrast", (150, 150), 260),),
    "generic": (
        Part("nuclei-large", (20, 20), 200, 40.0),
        Part("phase-contrast", (150, 150), 260, 60.0),
    ),
    "volume": (Part("embryo-3d", (0, 0), 112, 20.0),),
}
"""By model. Two parts share the picture, left and right."""


def shown(model: str, part: Part) -> NDArray[np.uint8]:
    """Return a part of the sample in grey, with the outlines of what the model finds."""
    drawn = part.sample.endswith("-drawn")
    image = load_drawn_sample(part.sample)[0] if drawn else load_sample(part.sample)[0].data
    labels = segment(image, model, diameter=part.diameter)
    if image.shape[-1] == 3:
        image = image.mean(axis=-1)
    elif image.ndim == 3:
        image, labels = image.max(axis=0), labels.max(axis=0)
    square = tuple(slice(at, at + part.side) for at in part.start)
    image, labels = image[square], labels[square]
    low, high = np.percentile(image, (1, 99.8))
    grey = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    grey = resize(grey, (SIDE, SIDE), anti_aliasing=True)
    labels = resize(labels, (SIDE, SIDE), order=0, preserve_range=True, anti_aliasing=False)
    labels = labels.astype(int)
    picture = np.repeat((200 * grey[..., None]).astype(np.uint8), 3, axis=-1)
    edges = find_boundaries(labels, mode="inner")
    picture[edges] = (255, 200, 60)
    return picture


def thumbnail(model: str) -> bytes:
    """Return the picture of a model, as a PNG with few colours."""
    parts = [shown(model, part) for part in PARTS[model]]
    width = SIDE // len(parts)
    picture = np.concatenate([one[:, :width] for one in parts], axis=1)
    buffer = BytesIO()
    Image.fromarray(picture).quantize(COLORS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main(names: list[str]) -> None:
    """Write the picture of each model beside its file."""
    for name in names or list_models():
        content = thumbnail(name)
        if len(content) > MOST_BYTES:
            raise ValueError(f"{name}: {len(content)} bytes, at most {MOST_BYTES}: fewer COLORS.")
        find_model(name).with_suffix(".png").write_bytes(content)
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])

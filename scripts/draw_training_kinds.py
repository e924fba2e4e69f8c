"""Draw the picture of drawn bacteria and plants in the user guide.

python scripts/draw_training_kinds.py docs/images/drawn-kinds.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.datasets.synthetic.rosettes import rosette_image

SIDE = 200
BACTERIA = (3, 8, 10, 12, 6)
PLANTS = (3, 5, 8, 11, 14)


def main() -> None:
    """Put bacteria above and plants below."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    cells = [_grey(bacteria_image((SIDE, SIDE), seed).image) for seed in BACTERIA]
    plants = [rosette_image((SIDE, SIDE), seed).image for seed in PLANTS]
    picture = np.concatenate([np.concatenate(row, axis=1) for row in (cells, plants)])
    Image.fromarray(picture).save(path, quality=80, optimize=True)


def _grey(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (1, 99.8))
    scaled = np.clip((image - low) / max(high - low, 1), 0, 1)
    return np.repeat(np.round(255 * scaled).astype(np.uint8)[..., None], 3, axis=-1)


if __name__ == "__main__":
    main()

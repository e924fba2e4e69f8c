"""Draw the pictures of what is drawn to learn from: bacteria and plants, or stained sections.

python scripts/draw_training_kinds.py docs/images/drawn-kinds.jpg
python scripts/draw_training_kinds.py docs/images/sections.jpg --sections
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.datasets.synthetic.rosettes import rosette_image
from napari_pixel_embedding.core.datasets.synthetic.sections import as_section

SIDE = 200
BACTERIA = (3, 8, 10, 12, 6)
PLANTS = (3, 5, 8, 11, 14)
SECTIONS = (4, 8, 10, 12)


def main() -> None:
    """Put bacteria above and plants below; or nuclei, and beside them the sections they become."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--sections", action="store_true", help="nuclei as stained sections")
    options = parser.parse_args()
    rows = [_sections()] if options.sections else _bacteria_and_plants()
    picture = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    Image.fromarray(picture).save(options.path, quality=80, optimize=True)


def _bacteria_and_plants() -> list[list[np.ndarray]]:
    cells = [_grey(bacteria_image((SIDE, SIDE), seed).image) for seed in BACTERIA]
    plants = [rosette_image((SIDE, SIDE), seed).image for seed in PLANTS]
    return [cells, plants]


def _sections() -> list[np.ndarray]:
    nuclei = load_sample("nuclei-field")[0].data[60 : 60 + SIDE, 60 : 60 + SIDE]
    return [_grey(nuclei), *(as_section(nuclei, seed) for seed in SECTIONS)]


def _grey(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (1, 99.8))
    scaled = np.clip((image - low) / max(high - low, 1), 0, 1)
    return np.repeat(np.round(255 * scaled).astype(np.uint8)[..., None], 3, axis=-1)


if __name__ == "__main__":
    main()

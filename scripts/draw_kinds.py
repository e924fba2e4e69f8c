"""Draw the picture of the synthetic images in the user guide.

    python scripts/draw_kinds.py docs/images/drawn.jpg

Each kind in grey and in colours, and its label image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from napari_pixel_embedding import SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.datasets.synthetic import KINDS

_SHAPE = (220, 220)
_DIAMETERS = {"ellipses": 22.0, "rosette": 36.0, "filaments": 28.0, "bacteria": 22.0}


def main() -> None:
    """Put one column for each kind side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    gap = np.full((3 * _SHAPE[0] + 8, 4, 3), 255, np.uint8)
    columns = [part for kind in KINDS for part in (_column(kind), gap)][:-1]
    Image.fromarray(np.concatenate(columns, axis=1)).save(path, quality=85, optimize=True)


def _column(kind: str) -> np.ndarray:
    grey, colors = (
        synthetic_image(
            kind, _SHAPE, seed=8, config=SyntheticConfig(diameter=_DIAMETERS[kind], color=color)
        )
        for color in (False, True)
    )
    palette = np.random.default_rng(2).integers(70, 255, (grey.labels.max() + 1, 3), np.uint8)
    palette[0] = 0
    gap = np.full((4, _SHAPE[1], 3), 255, np.uint8)
    plain = np.repeat(grey.image[..., None], 3, axis=-1)
    return np.concatenate([plain, gap, colors.image, gap, palette[grey.labels]])


if __name__ == "__main__":
    main()

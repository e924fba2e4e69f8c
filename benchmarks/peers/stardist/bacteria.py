"""The images that the bundled ``bacteria`` has learnt from, as a folder for ``run.py --phase``.

    cd benchmarks/peers/stardist
    python bacteria.py OMNIPOSE FOLDER [--number 1200]
    python run.py train FOLDER --phase --env ENV --output RUN --steps 1500

``train`` of the folder is drawn, ``dev`` are the real images of the first folder.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import tifffile

from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image

SHAPE = (288, 288)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path, help="images/ and masks/ to be scored on")
    parser.add_argument("folder", type=Path, help="to write to")
    parser.add_argument("--number", type=int, default=1200)
    options = parser.parse_args()
    places = [options.folder / "train" / kind for kind in ("images", "masks")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for seed in range(options.number):
        drawn = bacteria_image(SHAPE, seed)
        if drawn.labels.any():
            for place, array in zip(places, (drawn.image, drawn.labels), strict=True):
                tifffile.imwrite(place / f"{seed:04}.tif", array, compression="zlib")
    shutil.copytree(options.real, options.folder / "dev", dirs_exist_ok=True)
    for split in ("train", "dev"):
        print(f"{split}: {len(find_pairs(options.folder / split))} images")


if __name__ == "__main__":
    main()

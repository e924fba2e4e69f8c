"""Make `sample_data/replay/`: what tuned models look at again, so as not to forget.

Usage: python scripts/make_replay_data.py DATA_FOLDER

DATA_FOLDER holds ``dsb2018`` and ``usiigaci_phase``. Only training images are taken, one of each
field of view, evenly over the sizes of their objects; of each the square that holds the most
objects. Phase contrast is resampled to a third first, as the bundled models saw it.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import tifffile
from skimage.segmentation import relabel_sequential
from skimage.transform import resize

TARGET = Path(__file__).parents[1] / "sample_data" / "replay"
SIDE = 192
COUNTS = {"fluo": 12, "bright": 3, "stained": 6}
TYPES = {"fluo": ("fluo",), "bright": ("grey_bright",), "stained": ("purple", "purple_white")}
PHASE = ("set02", "set09", "set15", "set21")
FEWEST = 8
"""Objects that an image must hold to be worth its bytes."""


def main(data: Path) -> None:
    """Choose, cut and write the images of each kind with their masks."""
    for number, name in enumerate(PHASE, start=1):
        _write_cut(f"phase-{number:02}", *_third(data / "usiigaci_phase" / "train", name))
    data = data / "dsb2018"
    with (data / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    for kind, count in COUNTS.items():
        candidates = [row for row in rows if row["type"] in TYPES[kind]]
        for number, name in enumerate(_chosen(candidates, count, data), start=1):
            image, mask = (
                tifffile.imread(data / "train" / part / f"{name}.tif")
                for part in ("images", "masks")
            )
            _write_cut(f"{kind}-{number:02}", image, mask)


def _third(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read an image and its mask at a third of their size, the image as eight bits."""
    image, mask = (tifffile.imread(folder / part / f"{name}.tif") for part in ("images", "masks"))
    shape = tuple(round(n / 3) for n in mask.shape)
    grey = resize(image.astype(float), shape, order=1, anti_aliasing=True)
    low, high = grey.min(), grey.max()
    return (255 * (grey - low) / (high - low)).round().astype(np.uint8), _nearest(mask, shape)


def _nearest(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return mask[np.ix_(*((np.arange(m) * n // m for n, m in zip(mask.shape, shape, strict=True))))]


def _write_cut(name: str, image: np.ndarray, mask: np.ndarray) -> None:
    cut = _fullest(mask)
    _write("images", name, image[cut])
    _write("masks", name, relabel_sequential(mask[cut])[0].astype(np.uint16))


def _chosen(rows: list[dict[str, str]], count: int, data: Path) -> list[str]:
    """Names of images of different fields, evenly over the sizes of their objects."""
    groups: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["name"]):
        if int(row["instances"]) >= FEWEST:
            groups.setdefault(row["group"], row["name"])
    names = sorted(groups.values(), key=lambda name: _median_size(name, data))
    places = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [names[place] for place in places]


def _median_size(name: str, data: Path) -> float:
    sizes = np.bincount(tifffile.imread(data / "train" / "masks" / f"{name}.tif").ravel())[1:]
    return float(np.median(sizes[sizes > 0]))


def _fullest(mask: np.ndarray) -> tuple[slice, slice]:
    """Find the square with the most objects, on a coarse grid."""
    corners = [
        (y, x)
        for y in range(0, max(mask.shape[0] - SIDE, 0) + 1, 32)
        for x in range(0, max(mask.shape[1] - SIDE, 0) + 1, 32)
    ]
    y, x = max(corners, key=lambda c: len(np.unique(mask[c[0] : c[0] + SIDE, c[1] : c[1] + SIDE])))
    return np.s_[y : y + SIDE, x : x + SIDE]


def _write(folder: str, name: str, array: np.ndarray) -> None:
    path = TARGET / folder / f"{name}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    color = {"photometric": "rgb"} if array.ndim == 3 else {"photometric": "minisblack"}
    tifffile.imwrite(
        path,
        np.ascontiguousarray(array),
        compression="zlib",
        compressionargs={"level": 9},
        predictor=2,
        metadata=None,
        **color,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds the data sets")
    main(parser.parse_args().data)

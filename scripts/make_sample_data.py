"""Make `sample_data/` from the full data sets, named as in `sample_data/README.md`.

Usage: python scripts/make_sample_data.py [DATA_FOLDER]

Without the folder, only the drawn samples are made anew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import tifffile
from skimage.segmentation import relabel_sequential

from napari_pixel_embedding.core.datasets.samples import DRAWN_SAMPLES, draw_sample

TARGET = Path(__file__).parents[1] / "sample_data"


@dataclass(frozen=True)
class Source:
    """One sample: where it comes from, what is cut out, and what a pixel is."""

    name: str
    folder: str
    stem: str
    axes: str = "YX"
    cut: tuple[slice, ...] = ()
    scale: tuple[float, ...] | None = None
    units: str = "pixel"


SOURCES = (
    Source("nuclei-field", "dsb2018/dev", "876423522bde"),
    Source("nuclei-small", "dsb2018/dev", "ed4b8e0d7568"),
    Source("nuclei-large", "dsb2018/dev", "a1777737270c"),
    Source("phase-contrast", "usiigaci_phase/dev", "set13", cut=(np.s_[256:768], np.s_[256:768])),
    Source("embryo-3d", "qcanet_embryo3d", "8_cell_stage", axes="ZYX", scale=(2.18, 1.0, 1.0)),
    Source(
        "nuclei-timelapse",
        "scratch_timelapse",
        "nuclei_h3342",
        axes="TYX",
        cut=(np.s_[::2], np.s_[:], np.s_[300:]),
        scale=(0.619, 0.619),
        units="µm",
    ),
)


def metadata(source: Source) -> dict[str, Any]:
    """Return the axes and, where known, the pixel size, as OME-TIFF wants them."""
    identifier = f"urn:uuid:{uuid5(NAMESPACE_URL, source.name)}"  # the default one holds the MAC
    entries: dict[str, Any] = {"axes": source.axes, "Name": source.name, "UUID": identifier}
    if source.scale is not None:
        for axis, size in zip(reversed(source.axes), reversed(source.scale), strict=False):
            entries[f"PhysicalSize{axis}"] = size
            entries[f"PhysicalSize{axis}Unit"] = source.units
    return entries


def write(folder: str, array: np.ndarray, source: Source) -> None:
    """Write one image or label image, losslessly compressed."""
    path = TARGET / folder / f"{source.name}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 9}}
    tifffile.imwrite(path, array, ome=True, metadata=metadata(source), predictor=2, **options)


def draw(target: Path) -> None:
    """Write every drawn sample, losslessly compressed; the same bytes each time."""
    for sample in DRAWN_SAMPLES:
        image, labels = draw_sample(sample.name)
        for folder, array in (("images", image), ("masks", labels.astype(np.uint16))):
            path = target / folder / f"{sample.name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            colors = "rgb" if array.ndim > labels.ndim else "minisblack"
            options: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 9}}
            tifffile.imwrite(path, array, photometric=colors, predictor=2, **options)


def main(data: Path) -> None:
    """Cut, relabel and write every sample."""
    for source in SOURCES:
        image, labels = (
            tifffile.imread(next((data / source.folder / kind).glob(f"{source.stem}*.tif")))
            for kind in ("images", "masks")
        )
        write("images", np.ascontiguousarray(image[source.cut]), source)
        labels, _, _ = relabel_sequential(labels[source.cut])
        write("masks", labels.astype(np.uint16), source)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder that holds the data sets")
    chosen = parser.parse_args().data
    draw(TARGET / "drawn")
    if chosen is not None:
        main(chosen)

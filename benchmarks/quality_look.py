"""How often the quality look after a run is right: false alarms, and wrong models that are caught.

    python benchmarks/quality_look.py DATA [--every 4]

DATA holds `dsb2018/dev` with its `index.csv`, and `usiigaci_phase/dev`. Each line is a model on a
kind of images: how many results are usable (AP@0.5 of 0.5 or more), how many of those raise a
finding (false alarms), how many of the others do, and the range of the confidence of both.
`CONFIDENT` in `core/inference/quality.py` was chosen from this table.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding import load_model
from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import image_diameter, usual_params
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import embed_frames
from napari_pixel_embedding.core.inference.quality import find_problem, measure_quality
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

_USABLE = 0.5
_CASES = (
    ("nuclei-fluo", None, "fluo"),
    ("generic", 20.0, "fluo"),
    ("generic", 20.0, "purple"),
    ("cells-phase", None, "phase"),
    ("generic", 60.0, "phase"),
    ("generic", 20.0, "phase"),
    ("generic", 60.0, "fluo"),
    ("nuclei-fluo", None, "purple"),
    ("nuclei-fluo", None, "phase"),
    ("cells-phase", None, "fluo"),
)


class Result(NamedTuple):
    """Average precision, confidence and finding for one image."""

    precision: float
    confidence: float
    finding: str | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=4, help="use one of so many nuclei images")
    arguments = parser.parse_args()
    print(f"{'model':12} {'diameter':>8} {'images':7} usable  false alarms  caught")
    every: list[Result] = []
    for name, diameter, kind in _CASES:
        model = load_model(name)
        paths = images(arguments.data, kind, arguments.every)
        results = [looked_at(model, path, diameter) for path in paths]
        every += results
        print(f"{name:12} {diameter or 'own':>8} {kind:7} {line(results)}", flush=True)
    print(f"{'all':29} {line(every)}")


def images(data: Path, kind: str, every: int) -> list[Path]:
    """Images of a kind that no model was trained on."""
    if kind == "phase":
        return sorted((data / "usiigaci_phase/dev/images").glob("*.tif"))
    with (data / "dsb2018/index.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == "dev" and kind in r["type"]]
    step = every if kind == "fluo" else 1
    return [data / f"dsb2018/dev/images/{row['name']}.tif" for row in rows[::step]]


def looked_at(model: Any, path: Path, diameter: float | None) -> Result:
    """Segment an image with the parameters a first run has, and judge the result."""
    image = read_image(path)
    truth = read_labels(path.parents[1] / "masks" / path.name).data
    stack = read_stack(image.data, model.config)
    (emap,) = embed_frames(model, stack, PredictOptions("cpu", diameter))
    labels = build_cluster_index(emap).cut(usual_params(model.config, diameter))
    quality = measure_quality(labels, emap.distance, drifts=emap.drifts)
    finding = find_problem(quality, image_diameter(model.config, diameter))
    return Result(average_precision(truth, labels), quality.confidence or 0.0, finding)


def line(results: list[Result]) -> str:
    """Summarise results of one case."""
    good = [one for one in results if one.precision >= _USABLE]
    bad = [one for one in results if one.precision < _USABLE]
    return f"{len(good):3}/{len(results):3} {_share(good):>16} {_share(bad):>16}"


def _share(results: list[Result]) -> str:
    if not results:
        return "–"
    found = sum(one.finding is not None for one in results)
    return f"{found}/{len(results)} {_range(one.confidence for one in results)}"


def _range(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"({ordered[0]:.2f}–{ordered[-1]:.2f})"


if __name__ == "__main__":
    main()

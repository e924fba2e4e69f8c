"""How many objects to correct: AP on other images against the number of corrected objects.

    python benchmarks/fine_tuning_curve.py DATA [--only phase dense 60 seed0] [--jobs 8]

An annotator is simulated by taking corrections from true masks, as in ``fine_tuning.py``. DATA
holds ``usiigaci_phase`` and ``dsb2018``, each with ``train`` and ``dev``, and
``omnipose_bacteria``. Two transfers are measured, each with three seeds:

phase      ``nuclei-fluo`` to phase contrast: corrections on ``train``, scored on ``dev``
bacteria   ``generic`` to bacteria: corrections on two images, scored on the three others

dense      neighbouring objects of one region; the next image begins where one is used up
scattered  objects drawn from all over an image, at most half of them; then the next image

Images are resampled to the objects' median diameter, which is measured in each one's masks, or to
the one given by ``--diameter``.

Every finished run is one JSON line of the file given by ``--out``; what stands there is not run
again, so that the benchmark can be stopped at any time and goes on where it was. Seconds are wall
time of the fine-tuning alone, beside as many others as ``--jobs`` says. In the end a table is
printed, and with ``--picture`` drawn.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from fine_tuning import (
    Annotated,
    annotate,
    centres,
    changed,
    errors,
    read_nuclei,
    read_pairs,
    with_diameter,
)

from napari_pixel_embedding import FineTuneConfig, fine_tune, load_model

COUNTS = (60, 30, 100, 10, 200)
"""Numbers of corrected objects, those that matter most first."""
LAYOUTS = ("scattered", "dense")
SEEDS = (0, 1, 2)
_MOST = 0.5
"""Largest share of an image's objects that scattered corrections take."""
_CORRECTED_BACTERIA = ("e1t1_crop", "Sample000193")
_PARENTS = {"phase": "nuclei-fluo", "bacteria": "generic"}


@dataclass(frozen=True)
class Run:
    """One fine-tuning: what from, what on, and with which settings."""

    transfer: str
    layout: str
    objects: int
    seed: int
    settings: str = ""
    diameter: float | None = None

    @property
    def words(self) -> set[str]:
        """What ``--only`` can choose it by."""
        return {self.transfer, self.layout, str(self.objects), f"seed{self.seed}"}


class _Data(NamedTuple):
    """Images to correct, images to score on, and images of what the parent knows."""

    corrected: list[Annotated]
    scored: list[Annotated]
    nuclei: list[Annotated]


def main() -> None:
    options = _options()
    done = _read_results(options.out)
    wanted = [run for run in _runs(options) if _key(run) not in done]
    print(f"{len(wanted)} runs to do, {len(done)} done before", flush=True)
    _measure_all(wanted, options)
    results = list(_read_results(options.out).values())
    print(_table(results))
    if options.picture:
        _draw(results, options.picture)


def _measure_all(wanted: list[Run], options: argparse.Namespace) -> None:
    """Measure runs side by side, until all are done or the time is up; one that fails is told."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(options.jobs, mp_context=context)
    task = partial(_measure, data=options.data, models=options.models, device=options.device)
    waiting = {pool.submit(task, run): run for run in wanted}
    try:
        for finished in as_completed(waiting, 60 * options.minutes if options.minutes else None):
            if error := finished.exception():
                print(f"{waiting[finished]} failed: {error!r}", flush=True)
            else:
                _append(options.out, finished.result() | {"jobs": options.jobs})
    except TimeoutError:
        print("the time is up", flush=True)
    finally:
        working = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in working:
            process.kill()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("fine-tuning-curve.jsonl"))
    parser.add_argument("--only", nargs="+", default=[], help="phase, dense, 60, seed0 …")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--minutes", type=float, help="ends then; what is not done can follow")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--models", type=Path, help="a folder with model files to tune")
    parser.add_argument("--steps", type=int, help="other than usual, for a trial")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings")
    parser.add_argument("--diameter", type=float, help="of all images, not measured in each")
    parser.add_argument("--picture", type=Path, help="a PNG to draw")
    return parser.parse_args()


def _runs(options: argparse.Namespace) -> list[Run]:
    steps = [f"steps={options.steps}"] if options.steps else []
    settings = " ".join([*options.set, *steps])
    before = [Run(transfer, "before", 0, 0, "", options.diameter) for transfer in _PARENTS]
    found = [
        Run(transfer, layout, objects, seed, settings, options.diameter)
        for seed, objects, transfer, layout in product(SEEDS, COUNTS, _PARENTS, LAYOUTS)
    ]
    return [run for run in (*before, *found) if _is_wanted(run, options.only)]


def _is_wanted(run: Run, only: list[str]) -> bool:
    """Whether each kind of word in ``only`` that says something of a run names this one."""
    kinds = [set(_PARENTS), {*LAYOUTS, "before"}, {str(n) for n in COUNTS}, {"seed0"}]
    kinds[-1] = {f"seed{seed}" for seed in SEEDS}
    named = [kind & set(only) for kind in kinds]
    if run.layout == "before":
        named = named[:1]
    return all(not names or names & run.words for names in named)


def _key(run: Run) -> str:
    return json.dumps(asdict(run), sort_keys=True)


def _read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Read what was measured before; the last line may be torn."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            result = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[_key(Run(**result["run"]))] = result
    return found


def _append(path: Path, result: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    shown = {name: result[name] for name in ("ap50", "nuclei", "seconds")}
    print(" ".join(str(value) for value in result["run"].values()), shown, flush=True)


# ------------------------------------------------------------------------------------ one run


def _measure(run: Run, data: Path, models: Path | None, device: str) -> dict[str, Any]:
    """Fine-tune as a run says, and score the result on other images."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    read = _read(run, data)
    name = _PARENTS[run.transfer]
    model = with_diameter(load_model(models / f"{name}.safetensors" if models else name))
    seconds, corrected = 0.0, 0
    if run.objects:
        chosen = _choose(read.corrected, run)
        corrections = [annotate(model, one, ids, device) for one, ids in chosen]
        corrected = sum(len(ids) for _, ids in chosen)
        config = replace(changed(FineTuneConfig(), run.settings.split()), seed=run.seed)
        start = time.perf_counter()
        images, sizes = [one.image for one, _ in chosen], [one.diameter for one, _ in chosen]
        steps = fine_tune(
            model, images, corrections, config, axes="YX", diameter=sizes, device=device
        )
        *_, last = steps
        seconds, model = time.perf_counter() - start, last.model
    each = [errors(model, [one], device=device) for one in read.scored]
    return {
        "run": asdict(run),
        "corrected": corrected,
        "ap50": sum(each[1:], each[0]).ap50,
        "errors": asdict(sum(each[1:], each[0])),
        "ap50_of_each": [one.ap50 for one in each],
        "nuclei": errors(model, read.nuclei, scaled=False, device=device).ap50,
        "seconds": seconds,
        "device": device,
        "cluster": model.config.cluster,
    }


def _read(run: Run, data: Path) -> _Data:
    nuclei = read_nuclei(data / "dsb2018")
    if run.transfer == "phase":
        both = [read_pairs(data / "usiigaci_phase" / split) for split in ("train", "dev")]
        corrected, scored = both
    else:
        folder = data / "omnipose_bacteria"
        names = {path.stem for path in (folder / "images").iterdir()}
        corrected = [one for name in _CORRECTED_BACTERIA for one in read_pairs(folder, {name})]
        scored = read_pairs(folder, names - set(_CORRECTED_BACTERIA))
    if run.diameter:
        corrected, scored = (
            [replace(one, diameter=run.diameter) for one in part] for part in (corrected, scored)
        )
    return _Data(corrected, scored, nuclei)


def _choose(images: list[Annotated], run: Run) -> list[tuple[Annotated, list[int]]]:
    """Choose the objects that are corrected, image by image, until there are enough."""
    rng = np.random.default_rng((run.seed, 1))
    order = rng.permutation(len(images)) if run.transfer == "phase" else range(len(images))
    chosen, left = [], run.objects
    most = _largest_share([len(centres(one.truth)) for one in images], run.objects)
    for n in order:
        middles = centres(images[n].truth)
        ids = list(middles)
        if run.layout == "dense":
            start = np.array(middles[ids[rng.integers(len(ids))]])
            ids.sort(key=lambda k: ((np.array(middles[k]) - start) ** 2).sum())
        else:
            ids = rng.permutation(ids)[: round(most * len(ids))].tolist()
        chosen.append((images[n], ids[:left]))
        left -= len(ids[:left])
        if left == 0:
            return chosen
    return chosen


def _largest_share(counts: list[int], wanted: int) -> float:
    """Share of an image's objects that scattered corrections take: more where they must."""
    return max(_MOST, min(wanted / sum(counts) + 0.01, 1.0))


# ------------------------------------------------------------------------------------ results


class _Point(NamedTuple):
    """Mean and range over the seeds."""

    mean: float
    low: float
    high: float


def _points(results: list[dict[str, Any]], name: str) -> dict[tuple[str, str, int], _Point]:
    """Gather one figure of the runs with usual settings by transfer, layout and objects."""
    found = defaultdict(list)
    for result in results:
        run = Run(**result["run"])
        if not run.settings and run.diameter is None:
            found[run.transfer, run.layout, run.objects].append(result[name])
    return {key: _Point(float(np.mean(v)), min(v), max(v)) for key, v in found.items()}


def _table(results: list[dict[str, Any]]) -> str:
    ap, nuclei, seconds = (_points(results, name) for name in ("ap50", "nuclei", "seconds"))
    lines = [
        "| transfer | objects | AP@0.5 dense | scattered | nuclei kept | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for transfer in _PARENTS:
        before = (transfer, "before", 0)
        if before in ap:
            lines.append(
                f"| {transfer} | 0 | {ap[before].mean:.3f} | | {nuclei[before].mean:.3f} |"
            )
        for objects in sorted(COUNTS):
            keys = [(transfer, layout, objects) for layout in ("dense", "scattered")]
            there = [key for key in keys if key in ap]
            if not there:
                continue
            kept = np.mean([nuclei[key].mean for key in there])
            share = f"{kept / nuclei[before].mean:.0%}" if before in nuclei else f"{kept:.3f}"
            took = np.mean([seconds[key].mean for key in there])
            scores = " | ".join(_shown(ap.get(key)) for key in keys)
            lines.append(f"| {transfer} | {objects} | {scores} | {share} | {took:.0f} |")
    return "\n".join(lines)


def _shown(point: _Point | None) -> str:
    if point is None:
        return ""
    return f"{point.mean:.3f} ({point.low:.2f}–{point.high:.2f})"


# ------------------------------------------------------------------------------------ picture

_COLORS = {"dense": "#0072b2", "scattered": "#d55e00"}
_TITLES = {
    "phase": "nuclei-fluo to phase contrast",
    "bacteria": "generic to bacteria",
}


def _draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw mean and range of the scores over the number of objects, a plot for each transfer."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import pyqtgraph as pg

    pg.setConfigOptions(background="w", foreground="#222222", antialias=True)
    app = pg.mkQApp()
    board = pg.GraphicsLayoutWidget(size=(1200, 460))
    points = _points(results, "ap50")
    for column, transfer in enumerate(_PARENTS):
        plot = board.addPlot(0, column, title=f"<span>{_TITLES[transfer]}</span>")
        plot.setLabel("bottom", "corrected objects")
        plot.setLabel("left", "AP@0.5 on other images")
        plot.setLogMode(x=True)
        plot.setYRange(0, 1, padding=0)
        plot.setXRange(np.log10(min(COUNTS) / 1.2), np.log10(max(COUNTS) * 1.2), padding=0)
        plot.getAxis("bottom").setTicks([[(np.log10(n), str(n)) for n in sorted(COUNTS)]])
        plot.showGrid(y=True, alpha=0.2)
        plot.addLegend(offset=(-12, -12), labelTextSize="10pt")
        for layout, color in _COLORS.items():
            _add_curve(plot, points, transfer, layout, color)
    path.parent.mkdir(parents=True, exist_ok=True)
    board.show()
    app.processEvents()  # lays the plots out
    board.grab().save(str(path))
    board.close()


def _add_curve(
    plot: Any,
    points: dict[tuple[str, str, int], _Point],
    transfer: str,
    layout: str,
    color: str,
) -> None:
    import pyqtgraph as pg

    counts = [n for n in sorted(COUNTS) if (transfer, layout, n) in points]
    found = [points[transfer, layout, n] for n in counts]
    if not found:
        return
    pen = pg.mkPen(color, width=2)
    mean, low, high = (np.array(values) for values in zip(*found, strict=True))
    plot.plot(counts, mean, pen=pen, symbol="o", symbolBrush=color, symbolPen=None, name=layout)
    bars = {"top": high - mean, "bottom": mean - low, "beam": 0.02}
    plot.addItem(pg.ErrorBarItem(x=np.log10(counts), y=mean, pen=pen, **bars))


if __name__ == "__main__":
    main()

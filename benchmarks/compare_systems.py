"""Train recipes one after another and print one table of what they reach.

    python benchmarks/compare_systems.py DATA --runs FOLDER [--recipes FILE …] [--steps N]

DATA is what the recipes take: for the committed ones a folder with ``index.csv``, ``train/`` and
``dev/``, the latter two with ``images/`` and ``masks/``. Models are kept in FOLDER under their
recipe's name; an interrupted run goes on where it stopped, and a finished one is only scored. The
bandwidth of each row is the best of seven on training images; ``dev`` gives the scores alone. One
that is marked *end* is the largest or smallest that was tried, so that the best may lie beyond.

With ``--recipes benchmarks/recipes/ablations/*.toml`` the table is that of the ablations.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding import (
    Scores,
    average_precision,
    build_cluster_index,
    evaluate_folder,
    load_model,
    load_recipe,
    predict_embedding,
    train_from_folder,
)
from napari_pixel_embedding.cli.console import follow, print_line
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed
from napari_pixel_embedding.core.clustering.params import ClusterParams, bandwidth_range
from napari_pixel_embedding.core.datasets.annotated import read_pairs, sample_evenly
from napari_pixel_embedding.core.evaluation.evaluate import IOU_THRESHOLDS
from napari_pixel_embedding.core.training.train_folder import choose_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding import EmbeddingMap, EmbeddingModel, ModelConfig, Recipe

    Cut = Callable[[ClusterParams], np.ndarray]

_RECIPES = Path(__file__).parent / "recipes"
_BANDWIDTHS = 7
_TUNED_ON = 24
_VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    "8 views": {"augment": 8},
    "mutex watershed": {"method": "mutex"},
    "without distance seeds": {"distance_seeds": False},
}
"""How each model is scored: options of ``evaluate_folder``."""
_COLUMNS = ("AP@0.5", "AP@0.75", "mean AP", "SBD", r"\|DiC\|", "s an image")


@dataclass(frozen=True)
class Row:
    """One model scored in one way."""

    name: str
    bandwidth: float
    at_the_end: bool
    scores: Scores

    @property
    def cells(self) -> str:
        """Cells of a table in Markdown."""
        s, end = self.scores, " (end)" if self.at_the_end else ""
        values = (s.ap50, s.ap75, s.ap, s.sbd, s.dic, s.seconds)
        return " | ".join([self.name, f"{self.bandwidth:.2f}{end}", *(f"{v:.3f}" for v in values)])


def main() -> None:
    options = _options()
    recipes = [load_recipe(path) for path in options.recipes]
    if options.steps:
        recipes = [with_steps(recipe, options.steps) for recipe in recipes]
    rows = []
    for recipe in recipes:
        model = trained(recipe, options.data, options.runs, options.device)
        rows += list(scored(model, recipe, options))
    print_table(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that the recipes take")
    parser.add_argument("--runs", type=Path, required=True, help="folder to keep models in")
    parser.add_argument("--recipes", type=Path, nargs="+", default=sorted(_RECIPES.glob("*.toml")))
    parser.add_argument("--steps", type=int, help="another number of steps for all of them")
    parser.add_argument("--dev", default="dev", help="folder in DATA that gives the scores")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    return parser.parse_args()


def with_steps(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, training=replace(recipe.training, steps=steps))


def trained(recipe: Recipe, data: Path, runs: Path, device: str) -> EmbeddingModel:
    """Train a recipe, or what is left of its steps, and return the model."""
    path = runs / f"{recipe.name}.safetensors"
    unfinished = path.with_suffix(".training").exists()
    if unfinished or not path.exists() or _steps(path) != recipe.training.steps:
        print_line(f"{recipe.name}: training {recipe.training.steps} steps")
        follow(train_from_folder(output=path, device=device, **recipe.arguments(data)))
    return load_model(path)


def _steps(path: Path) -> int:
    return int(load_model(path).config.provenance.get("steps", 0))


def scored(model: EmbeddingModel, recipe: Recipe, options: argparse.Namespace) -> list[Row]:
    """Score a model in every variant, each at its own best bandwidth."""
    names = recipe.data.names(options.data)
    rows = []
    for variant, how in _VARIANTS.items():
        if how.get("method") == "mutex" and find_spec("bioimage_cpp") is None:
            print_line("mutex watershed is left out: it needs the package bioimage-cpp")
            continue
        params = best_params(model, recipe, options.data, how)
        scores = evaluate_folder(
            options.data / options.dev,
            model=model,
            params=params,
            names=names,
            device=options.device,
            **how,
        )
        title = f"{recipe.name}, {variant}" if variant else recipe.name
        tried = tried_bandwidths(model.config)
        at_the_end = params.bandwidth in (tried[0], tried[-1])
        rows.append(Row(title, params.bandwidth, at_the_end, scores))
        end = ", the end of the range" if at_the_end else ""
        print_line(f"{title}: AP@0.5 {scores.ap50:.3f} at bandwidth {params.bandwidth:.2f}{end}")
    return rows


def best_params(
    model: EmbeddingModel, recipe: Recipe, data: Path, how: dict[str, Any]
) -> ClusterParams:
    """Choose the bandwidth by the mean AP on some images that were learnt from, in one view."""
    usual = model.config.cluster_params()
    pairs = choose_pairs(data / recipe.data.folder, names=recipe.data.names(data), hold_back=0)
    read = read_pairs(sample_evenly(pairs.train, _TUNED_ON), model.config)
    maps = [predict_embedding(model, image, axes=read.axes) for image in read.images]
    cuts = [_cut_of(emap, how) for emap in maps]
    tried = [replace(usual, bandwidth=b) for b in tried_bandwidths(model.config)]

    def quality(params: ClusterParams) -> float:
        found = [cut(params) for cut in cuts]
        return float(np.mean(average_precision(read.labels, found, IOU_THRESHOLDS)))

    return max(tried, key=quality)


def tried_bandwidths(config: ModelConfig) -> list[float]:
    """Bandwidths over the whole range of the slider, its ends included."""
    ends = bandwidth_range(config.space, config.delta_var)
    return [float(b) for b in np.geomspace(*ends, _BANDWIDTHS)]


def _cut_of(emap: EmbeddingMap, how: dict[str, Any]) -> Cut:
    """Prepare one map for cuts at several bandwidths."""
    if how.get("method") == "mutex":
        return partial(mutex_watershed, emap)
    seeds = how.get("distance_seeds", True)
    return build_cluster_index(emap if seeds else replace(emap, distance=None)).cut


def print_table(rows: list[Row]) -> None:
    """Print a table in Markdown, for docs/methods.md."""
    print(f"| system | bandwidth | {' | '.join(_COLUMNS)} |")
    print(f"|---|{'---:|' * (1 + len(_COLUMNS))}")
    for row in rows:
        print(f"| {row.cells} |")


if __name__ == "__main__":
    main()

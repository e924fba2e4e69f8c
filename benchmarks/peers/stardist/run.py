"""StarDist on the same images, scored with the same code.

    cd benchmarks/peers/stardist
    python run.py train DATA --env ENV --output RUN [--steps 3500] [--decay] [--phase]
    python run.py score DATA --env ENV --output RUN [--phase]
    python run.py ours DATA --output RUN [--steps 200] [--preset euclidean] [--phase]
    python run.py time --env ENV --output RUN [--model nuclei-fluo]

ENV is a folder for StarDist's own environment, made at the first time (some 1.5 GB); RUN one for
the model and its label images. ``train`` takes fluorescence images of the split ``train`` of a
folder like dsb2018 (``index.csv`` with name and type, ``train/`` and ``dev/``), or, with
``--phase``, all of a folder without types. 32 rays, grid 2, batches of 4 × 256²; every tenth
training image is held back for the thresholds, never one of ``dev``. It ends with what ``score``
does: labels for ``dev``, and a row of a table.

``ours`` trains one of ``benchmarks/recipes`` on the same images. CPU seconds are counted alike:
those of all threads, from the call that trains to its last step, without reading files, without
validation, and without the choice of thresholds or cluster parameters. What StarDist spends on
validation and thresholds stands in columns of its own. ``time`` compares ``predict_instances``
with network, index and cut on one image of 1024², turn by turn in one run.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
import torch
from environment import call

from napari_pixel_embedding import (
    EmbeddingModel,
    build_cluster_index,
    load_model,
    load_recipe,
    predict_embedding,
    prepare_samples,
)
from napari_pixel_embedding import train as train_model
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.evaluate import score
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.core.model.presets import PRESETS

if TYPE_CHECKING:
    from napari_pixel_embedding.core.datasets.pairs import Pair

HOLD_BACK = 10
RECIPES = Path(__file__).parents[2] / "recipes"


def main() -> None:
    options = _options()
    options.output = options.output.resolve()
    options.run(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run in (
        ("train", train),
        ("score", score_dev),
        ("ours", train_ours),
        ("time", measure),
    ):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name != "ours":
            command.add_argument("--env", type=Path, required=True, help="StarDist's environment")
        command.add_argument("--output", type=Path, required=True, help="folder of the run")
        command.add_argument("--threads", type=int, default=2)
        if name == "time":
            command.add_argument("--model", default="nuclei-fluo", help="ours")
            command.add_argument("--size", type=int, default=1024)
            command.add_argument("--rounds", type=int, default=3)
            continue
        command.add_argument("data", type=Path)
        command.add_argument("--phase", action="store_true", help="all images, not only fluo")
        command.add_argument("--images", type=int, help="so many of each split, for a trial")
        if name == "train":
            command.add_argument("--steps", type=int, default=3500)
            command.add_argument("--decay", action="store_true", help="learning rate on a cosine")
        if name == "ours":
            command.add_argument("--steps", type=int, default=200)
            command.add_argument("--preset", choices=list(PRESETS), default="euclidean")
    return parser.parse_args()


def train(options: argparse.Namespace) -> None:
    """Train StarDist, keep the figures, and score."""
    learnt_from, held_back = divided(options)
    figures = call(
        options.env,
        options.threads,
        do="train",
        model=str(options.output / "model"),
        train=[[str(pair.image), str(pair.mask)] for pair in learnt_from],
        held_back=[[str(pair.image), str(pair.mask)] for pair in held_back],
        steps=options.steps,
        decay=options.decay,
    )
    figures["decay"] = options.decay
    (options.output / "training.json").write_text(json.dumps(figures), encoding="utf-8")
    score_dev(options)


def score_dev(options: argparse.Namespace) -> None:
    """Segment ``dev`` with the trained model and print a row with this project's scores."""
    pairs = chosen(options, "dev")
    folder = options.output / "labels"
    predicted = call(
        options.env,
        options.threads,
        do="predict",
        model=str(options.output / "model"),
        images=[str(pair.image) for pair in pairs],
        output=str(folder),
    )
    truth = [read_labels(pair.mask).data for pair in pairs]
    scores = score(truth, [read_labels(folder / pair.image.name).data for pair in pairs])
    training = json.loads((options.output / "training.json").read_text(encoding="utf-8"))
    rate = "cosine" if training["decay"] else "on plateaus"
    print(
        "| steps | rate | images | AP@0.5 | AP@0.75 | AP@0.5:0.95 | CPU s learning "
        "| validation | thresholds | CPU s / Mpx |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {training['steps']} | {rate} | {scores.images} | {scores.ap50:.3f} | {scores.ap75:.3f} "
        f"| {scores.ap:.3f} | {training['cpu_seconds']:.0f} "
        f"| {training['cpu_seconds_of_validation']:.0f} "
        f"| {training['cpu_seconds_of_thresholds']:.0f} "
        f"| {predicted['cpu_seconds_a_megapixel']:.1f} |"
    )


def train_ours(options: argparse.Namespace) -> None:
    """Train a recipe's network where StarDist learns, and print its CPU seconds."""
    recipe = load_recipe(RECIPES / f"{options.preset}.toml")
    config, training = recipe.model_config(), replace(recipe.training, steps=options.steps)
    torch.set_num_threads(options.threads)
    pairs, _ = divided(options)
    images = [read_image(pair.image).data for pair in pairs]
    labels = [read_labels(pair.mask).data for pair in pairs]
    model = EmbeddingModel.untrained(config)
    started = time.process_time()
    samples = prepare_samples(images, labels, config)
    for _ in train_model(model, samples, training, device="cpu"):
        pass
    seconds = time.process_time() - started
    print("| preset | steps | CPU s learning | CPU s a step |")
    print("|---|---|---|---|")
    print(f"| {options.preset} | {options.steps} | {seconds:.0f} | {seconds / options.steps:.3f} |")


def divided(options: argparse.Namespace) -> tuple[list[Pair], list[Pair]]:
    """Training pairs to learn from, and those held back for StarDist's validation."""
    pairs = chosen(options, "train")
    held_back = pairs[::HOLD_BACK]
    return [pair for pair in pairs if pair not in held_back], held_back


def chosen(options: argparse.Namespace, split: str) -> list[Pair]:
    """Pairs of a split: those of type ``fluo``, or all of them."""
    pairs = find_pairs(options.data / split)
    if not options.phase:
        with (options.data / "index.csv").open(encoding="utf-8") as table:
            fluo = {row["name"] for row in csv.DictReader(table) if row["type"] == "fluo"}
        pairs = [pair for pair in pairs if pair.image.stem in fluo]
    return pairs[: options.images]


@dataclass(frozen=True)
class Timing:
    """Seconds of one image and how many objects were found."""

    wall: float
    cpu: float
    objects: int


def measure(options: argparse.Namespace) -> None:
    """Time both on one image, turn by turn, and print the ratio of each round."""
    torch.set_num_threads(options.threads)
    field = load_sample("nuclei-field")[0].data
    image = np.tile(field, [-(-options.size // n) for n in field.shape])
    image = np.ascontiguousarray(image[: options.size, : options.size])
    path = options.output / "mosaic.tif"
    tifffile.imwrite(path, image)
    print(f"{options.size}² pixels, {options.threads} threads, CPU seconds (wall seconds)")
    for _ in range(options.rounds):
        figures = call(
            options.env,
            options.threads,
            do="time",
            model=str(options.output / "model"),
            image=str(path),
            repeats=3,
        )
        peer = Timing(figures["wall_seconds"], figures["cpu_seconds"], figures["objects"])
        own = time_ours(options.model, image)
        print(
            f"StarDist {peer.cpu:6.2f} ({peer.wall:.2f}), {peer.objects} objects; "
            f"{options.model} {own.cpu:6.2f} ({own.wall:.2f}), {own.objects} objects; "
            f"ratio {peer.cpu / own.cpu:.2f} ({peer.wall / own.wall:.2f})"
        )


def time_ours(name: str, image: np.ndarray) -> Timing:
    """Network, index and cut after one run that warms up, median of three."""
    model = load_model(name)
    params = model.config.cluster_params()
    labels = build_cluster_index(predict_embedding(model, image, device="cpu")).cut(params)
    walls, cpus = [], []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        build_cluster_index(predict_embedding(model, image, device="cpu")).cut(params)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timing(float(np.median(walls)), float(np.median(cpus)), np.unique(labels).size - 1)


if __name__ == "__main__":
    main()

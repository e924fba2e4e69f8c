"""The ``pixel-embedding`` command, and what it does with images and models."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari_pixel_embedding as npe
from napari_pixel_embedding import __version__
from napari_pixel_embedding.cli.console import bar, follow, percent_bar, print_line, print_report
from napari_pixel_embedding.cli.datasets import add_dataset_commands
from napari_pixel_embedding.cli.options import (
    add_augment,
    add_cluster_params,
    add_command,
    add_config,
    add_device,
    add_diameter,
    add_model,
    add_option,
    add_selection,
    read_cluster_params,
    read_config,
    selected_names,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 when all went well, 1 when something failed (said in one line on stderr), 2 for arguments
    that do not fit, 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ValueError, OSError, FloatingPointError) as error:
        print_line(f"pixel-embedding: error: {' '.join(str(error).split())}")
        return FAILED
    except KeyboardInterrupt:
        print_line("pixel-embedding: interrupted; finished files are complete.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pixel-embedding",
        description="Segment dense objects in microscopy images with pixel embeddings.",
        epilog="Each command explains itself: pixel-embedding segment --help",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_segment(commands)
    _add_train(commands)
    _add_finetune(commands)
    _add_evaluate(commands)
    add_dataset_commands(commands)
    _add_demo(commands)
    return parser


def _add_segment(commands: Any) -> None:
    parser = add_command(
        commands,
        "segment",
        _segment,
        "Find the objects in images and write a label image for each.",
        "pixel-embedding segment plate1/ --output labels/",
    )
    parser.add_argument("images", nargs="+", type=Path, help="image files or folders")
    parser.add_argument(
        "--output", type=Path, help="folder for NAME_labels.tif (default: beside each image)"
    )
    parser.add_argument("--axes", help="axes of the images, such as YX, YXC, TYX or ZYX")
    add_model(parser)
    add_diameter(parser)
    add_device(parser)
    add_augment(parser)
    add_cluster_params(parser)


def _segment(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.workflows.segment import segment_files

    model = npe.load_model(options.model)
    params = read_cluster_params(options, model.config)
    failures = 0
    results = segment_files(
        options.images,
        options.output,
        model=model,
        params=params,
        method=options.method,
        axes=options.axes,
        diameter=options.diameter,
        augment=options.augment,
        device=options.device,
    )
    for result in bar(results, "images", _count_images(options.images)):
        if result.error is None:
            print_line(f"{result.labels}: {result.objects} objects in {result.seconds:.1f} s")
        else:
            failures += 1
            print_line(f"pixel-embedding: error: {result.image}: {' '.join(result.error.split())}")
    return FAILED if failures else OK


def _count_images(paths: Sequence[Path]) -> int:
    from napari_pixel_embedding.workflows.segment import images_to_segment

    return len(images_to_segment(paths))


def _add_train(commands: Any) -> None:
    from napari_pixel_embedding.core.model.presets import NETWORK_SIZES, PRESETS
    from napari_pixel_embedding.core.training.config import TrainConfig

    parser = add_command(
        commands,
        "train",
        _train,
        "Train a model on a folder with images/ and masks/ of the same names. "
        "An interrupted training goes on when the same command is given again.",
        "pixel-embedding train my_data/ --output my_model.safetensors",
    )
    parser.add_argument("folder", type=Path, help="folder that holds images/ and masks/")
    parser.add_argument("--output", type=Path, required=True, help="model file to write")
    parser.add_argument(
        "--recipe",
        type=Path,
        help="a TOML file that describes a training whole; other options go before it",
    )
    group = parser.add_argument_group("model (default: the recipe's, or what is said here)")
    add_option(
        group,
        "preset",
        "Euclidean discriminative embedding, cosine embedding with local constraints, or the "
        "latter on distance features (default: euclidean)",
        choices=PRESETS,
    )
    add_option(group, "size", "of the network (default: base)", choices=list(NETWORK_SIZES))
    add_option(group, "start", "a bundled model or a model file to go on from (default: none)")
    add_option(
        group,
        "coordinates",
        "add position divided by this many pixels to the embedding, about half an "
        "object's radius; makes the Euclidean system learn faster",
        type=float,
        metavar="PIXELS",
        dest="coordinate_scale",
    )
    add_option(group, "embedding-dim", "components of a vector (default: 16)", type=int)
    add_option(group, "base-width", "features at full resolution (default: the size's)", type=int)
    add_option(group, "name", "name of the model (default: the output's name)")
    add_option(group, "description", "a line about the model")
    add_option(group, "licence", "licence of the model")
    add_option(
        group,
        "validation",
        "another such folder, to choose the best step by (default: every tenth pair)",
        type=Path,
    )
    add_selection(parser)
    add_device(parser)
    add_config(parser, TrainConfig)


_MODEL_OPTIONS = (
    "preset",
    "size",
    "start",
    "coordinate_scale",
    "embedding_dim",
    "base_width",
    "name",
    "description",
    "licence",
    "validation",
)


def _train(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.core.model.model_file import model_path
    from napari_pixel_embedding.core.training.recipe import Recipe, load_recipe
    from napari_pixel_embedding.core.training.train_folder import train_from_folder

    recipe = Recipe() if options.recipe is None else load_recipe(options.recipe)
    if recipe.name == Recipe.name:
        recipe = replace(recipe, name=options.output.stem)
    recipe = replace(recipe, training=read_config(options, recipe.training))
    given = {name: getattr(options, name) for name in _MODEL_OPTIONS if name in options}
    if options.index is not None or options.where:
        given["names"] = selected_names(options)
    arguments = {**recipe.arguments(options.folder), **given}
    follow(train_from_folder(output=options.output, device=options.device, **arguments))
    print_line(f"{model_path(options.output)}: trained.")
    return OK


def _add_finetune(commands: Any) -> None:
    from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig

    parser = add_command(
        commands,
        "finetune",
        _finetune,
        "Tune a model on a few corrected images. Corrections are label images; pixels of value "
        "−1 are not corrected and are ignored.",
        "pixel-embedding finetune --image a.tif --corrections a_labels.tif --output mine",
    )
    parser.set_defaults(refuse=parser.error)
    parser.add_argument(
        "folder", nargs="?", type=Path, help="folder that holds images/ and, as corrections, masks/"
    )
    parser.add_argument("--image", nargs="+", type=Path, help="image files, in place of a folder")
    parser.add_argument(
        "--corrections", nargs="+", type=Path, help="one label image for each image file"
    )
    parser.add_argument(
        "--replay-data",
        type=Path,
        metavar="FOLDER",
        help="folder that holds images/ and masks/ of what the model is not to forget (default: "
        "the samples that come with the bundled model it descends from)",
    )
    parser.add_argument("--output", type=Path, required=True, help="model file to write")
    parser.add_argument("--axes", help="axes of the images, such as YX, YXC, TYX or ZYX")
    add_model(parser)
    add_diameter(parser)
    add_device(parser)
    add_config(parser, FineTuneConfig)


def _finetune(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
    from napari_pixel_embedding.core.model.model_file import model_path
    from napari_pixel_embedding.workflows.fine_tune import fine_tune_files

    images, corrections = _files_to_learn_from(options)
    run = fine_tune_files(
        images,
        corrections,
        options.output,
        model=options.model,
        config=read_config(options, FineTuneConfig()),
        axes=options.axes,
        diameter=options.diameter,
        device=options.device,
        replay=options.replay_data,
    )
    last = follow(run)
    if last is not None and last.report is not None:
        print_report(last.report)
    print_line(f"{model_path(options.output)}: tuned.")
    return OK


def _files_to_learn_from(options: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    from napari_pixel_embedding.core.datasets.pairs import find_pairs

    by_name = options.image is not None and options.corrections is not None
    if (options.folder is not None) == by_name or (options.image is None) != (
        options.corrections is None
    ):
        options.refuse("expected a folder, or else --image and --corrections")
    if by_name:
        return options.image, options.corrections
    images, masks = zip(*find_pairs(options.folder), strict=True)
    return list(images), list(masks)


def _add_evaluate(commands: Any) -> None:
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        "Score a model on a folder with images/ and masks/ of the same names.",
        "pixel-embedding evaluate dsb2018/dev --index dsb2018/index.csv --where type=fluo",
    )
    parser.add_argument("folder", type=Path, help="folder that holds images/ and masks/")
    add_selection(parser)
    add_model(parser)
    add_diameter(parser)
    add_device(parser)
    parser.add_argument(
        "--no-distance-seeds",
        action="store_true",
        help="cluster the embedding alone, without seeds from the distance map",
    )
    add_augment(parser)
    add_cluster_params(parser)


def _evaluate(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.workflows.evaluate import evaluate_folder

    model = npe.load_model(options.model)
    with percent_bar("evaluate") as progress:
        scores = evaluate_folder(
            options.folder,
            model=model,
            params=read_cluster_params(options, model.config),
            method=options.method,
            names=selected_names(options),
            diameter=options.diameter,
            augment=options.augment,
            device=options.device,
            progress=progress,
            distance_seeds=not options.no_distance_seeds,
        )
    for name, value in (
        ("images", scores.images),
        ("AP@0.5", f"{scores.ap50:.3f}"),
        ("AP@0.75", f"{scores.ap75:.3f}"),
        ("AP@0.5:0.95", f"{scores.ap:.3f}"),
        ("SBD", f"{scores.sbd:.3f}"),
        ("|DiC|", f"{scores.dic:.2f}"),
        ("PQ", f"{scores.pq:.3f}"),
        ("seconds an image", f"{scores.seconds:.2f}"),
    ):
        sys.stdout.write(f"{name:18}{value}\n")
    return OK


def _add_demo(commands: Any) -> None:
    parser = add_command(
        commands,
        "demo",
        _demo,
        "Open napari on a sample, segmented by the bundled model.",
        "pixel-embedding demo",
    )
    parser.add_argument("--sample", default="nuclei-field", help="which sample to open")
    parser.add_argument(
        "--screenshot",
        type=Path,
        help="drive the window through one round of work, write a picture of it, and leave",
    )


def _demo(options: argparse.Namespace) -> int:
    import importlib.util

    if importlib.util.find_spec("napari") is None:
        raise ValueError("expected napari, found none: pip install 'napari-pixel-embedding[gui]'")
    demo = importlib.import_module("napari_pixel_embedding._napari.demo")
    return int(demo.run_demo(screenshot=options.screenshot, sample=options.sample) or OK)

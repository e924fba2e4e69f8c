"""The commands that make folders of images and masks: ``synthesise`` and ``import-cvppp``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.cli.console import bar, print_line
from napari_pixel_embedding.cli.options import add_command, add_config, read_config

if TYPE_CHECKING:
    import argparse

OK = 0


def add_dataset_commands(commands: Any) -> None:
    """Declare the commands."""
    _add_synthesise(commands)
    _add_import_cvppp(commands)


def _add_synthesise(commands: Any) -> None:
    from napari_pixel_embedding.core.datasets.synthetic.config import KINDS, SyntheticConfig

    parser = add_command(
        commands,
        "synthesise",
        _synthesise,
        "Draw images of dense objects with exact masks, to try things or to train with.",
        "pixel-embedding synthesise rosette --count 50 --shape 512 512 --output leaves/",
    )
    parser.add_argument("kind", choices=KINDS, help="what to draw")
    parser.add_argument("--output", type=Path, required=True, help="folder for images/ and masks/")
    parser.add_argument("--count", type=int, default=10, help="number of images")
    parser.add_argument(
        "--shape",
        type=int,
        nargs="+",
        default=[256, 256],
        metavar="PIXELS",
        help="pixels along Y X, or Z Y X for volumes",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first image")
    add_config(parser, SyntheticConfig)
    parser.add_argument("--color", action="store_true", help="draw red, green and blue")


def _synthesise(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig
    from napari_pixel_embedding.workflows.datasets import synthesise_folder

    pairs = synthesise_folder(
        options.output,
        options.kind,
        options.count,
        options.shape,
        seed=options.seed,
        config=read_config(options, SyntheticConfig()),
    )
    written = len(list(bar(pairs, "images", options.count)))
    print_line(f"{options.output}: {written} images with masks.")
    return OK


def _add_import_cvppp(commands: Any) -> None:
    parser = add_command(
        commands,
        "import-cvppp",
        _import_cvppp,
        "Import the leaf images of the CVPPP challenge (NAME_rgb.png, NAME_label.png), split into "
        "train/ and dev/ with images/ and masks/, and index.csv.",
        "pixel-embedding import-cvppp CVPPP2017_LSC_training/ --output leaves/",
    )
    parser.add_argument("source", type=Path, help="the unpacked download, or a subset such as A1")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--group",
        metavar="REGEX",
        help="images whose names agree in what this matches (or its first bracket) stay on one "
        "side of the split, such as days of one plant",
    )
    parser.add_argument("--dev-share", type=float, default=0.2, help="share kept for development")
    parser.add_argument("--seed", type=int, default=0, help="of the split")


def _import_cvppp(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.core.datasets.cvppp import find_leaf_images
    from napari_pixel_embedding.workflows.datasets import count_splits, import_cvppp

    images = import_cvppp(
        options.source,
        options.output,
        group=options.group,
        dev_share=options.dev_share,
        seed=options.seed,
    )
    total = len(find_leaf_images(options.source))
    for (subset, split), count in count_splits(list(bar(images, "images", total))).items():
        print_line(
            f"{options.output / split}: {count} images {f'of {subset}' if subset else ''}".rstrip()
        )
    return OK

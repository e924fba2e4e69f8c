"""The commands that make folders of images and masks: ``synthesise`` and ``import-cvppp``."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from napari_pixel_embedding.cli.console import bar, print_line
from napari_pixel_embedding.cli.options import takes_fields
from napari_pixel_embedding.core.datasets.synthetic.config import Kind, SyntheticConfig


@takes_fields(SyntheticConfig)
def synthesise(
    kind: Annotated[Kind, Argument(help="What to draw.")],
    output: Annotated[Path, Option(help="Folder for images/ and masks/.")],
    count: Annotated[int, Option(help="Number of images.")] = 10,
    shape: Annotated[
        list[int], Option(metavar="PIXELS...", help="Pixels along Y X, or Z Y X for volumes.")
    ] = [256, 256],  # noqa: B006 - typer reads it, nothing writes it
    seed: Annotated[int, Option(help="Of the first image.")] = 0,
    color: Annotated[bool, Option("--color", help="Draw red, green and blue.")] = False,
    **drawing: Any,
) -> None:
    """Draw images of dense objects with exact masks, to try things or to train with.

    Example: pixel-embedding synthesise rosette --count 50 --shape 512 512 --output leaves/
    """
    from napari_pixel_embedding.workflows.datasets import synthesise_folder

    config = SyntheticConfig(color=color, **drawing)
    pairs = synthesise_folder(output, kind, count, shape, seed=seed, config=config)
    written = len(list(bar(pairs, "images", count)))
    print_line(f"{output}: {written} images with masks.")


def import_cvppp(
    source: Annotated[Path, Argument(help="The unpacked download, or a subset of it such as A1.")],
    output: Annotated[Path, Option(help="Folder to write to.")],
    group: Annotated[
        str | None,
        Option(
            metavar="REGEX",
            help="Images whose names agree in what this matches, or in its first bracket, stay on "
            "one side of the split, such as the days of one plant.",
        ),
    ] = None,
    dev_share: Annotated[float, Option(help="Share kept for development.")] = 0.2,
    seed: Annotated[int, Option(help="Of the split.")] = 0,
) -> None:
    """Import the leaf images of the CVPPP challenge.

    They are NAME_rgb.png and NAME_label.png, and are split into train/ and dev/, each with images/
    and masks/, and listed in index.csv.

    Example: pixel-embedding import-cvppp CVPPP2017_LSC_training/ --output leaves/
    """
    from napari_pixel_embedding.core.datasets.cvppp import find_leaf_images
    from napari_pixel_embedding.workflows import datasets

    images = datasets.import_cvppp(source, output, group=group, dev_share=dev_share, seed=seed)
    imported = list(bar(images, "images", len(find_leaf_images(source))))
    for (subset, split), count in datasets.count_splits(imported).items():
        print_line(f"{output / split}: {count} images {f'of {subset}' if subset else ''}".rstrip())

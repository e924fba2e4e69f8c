"""The commands about model files: ``pixel-embedding models export``."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

import napari_pixel_embedding as npe
from napari_pixel_embedding.cli import console
from napari_pixel_embedding.core.model.config import list_models


def export_model(
    model: Annotated[
        str, Argument(help=f"A bundled model ({', '.join(list_models())}) or a .safetensors file.")
    ],
    output: Annotated[Path, Option(help="Package to write, a .zip file.")],
    author: Annotated[
        list[str] | None,
        Option(
            metavar="NAME...",
            help="Who made the model.",
            show_default="the developers of this program",
        ),
    ] = None,
    licence: Annotated[
        str | None, Option(help="SPDX name, such as CC-BY-4.0.", show_default="the model's own")
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write a model as a BioImage.IO package, which other programs of that collection take.

    Example: pixel-embedding models export nuclei-fluo --output nuclei-fluo.zip
    """
    from napari_pixel_embedding.core.exchange.bioimageio import DEVELOPERS, export_bioimageio

    target = output.with_suffix(".zip") if output.suffix == "" else output
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already: give --overwrite to replace it.")
    written = export_bioimageio(
        npe.load_model(model), output, authors=author or (DEVELOPERS,), licence=licence
    )
    console.print_line(f"{written}: written.")

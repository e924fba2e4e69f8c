"""The commands that take results further: tables of measurements, and other formats."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from napari_pixel_embedding.cli import console, options
from napari_pixel_embedding.core.exchange.formats import Format

Units = Annotated[str | None, Option(help="Unit of --spacing: µm (or um), nm, mm.")]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace an existing file.")]


def measure(
    labels: Annotated[list[Path], Argument(help="Label images, also OME-Zarr.")],
    output: Annotated[Path, Option(help="Table to write: .csv or .parquet.")],
    image: Annotated[
        list[Path] | None,
        Option(
            metavar="PATH...",
            help="An image for each label image; or several images of one label image.",
        ),
    ] = None,
    axes: Annotated[str | None, Option(help="Axes of the labels: YX, TYX, ZYX or TZYX.")] = None,
    spacing: options.Spacing = None,
    units: Units = None,
    property: Annotated[
        list[str] | None,
        Option(metavar="NAME...", help="Further properties of scikit-image, such as orientation."),
    ] = None,
    no_shape: Annotated[
        bool, Option("--no-shape", help="Leave out axes, perimeter, solidity and extent.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure size, place, shape and intensity of every object into a table.

    Example: pixel-embedding measure cells_labels.tif --image cells.tif --output cells.csv
    """
    from napari_pixel_embedding.workflows.measure import measure_files

    with console.percent_bar("measure") as progress:
        table = measure_files(
            labels,
            output,
            images=image or (),
            axes=axes,
            spacing=options.sizes(spacing),
            units=units,
            properties=property or (),
            shape=not no_shape,
            overwrite=overwrite,
            progress=progress,
        )
    console.print_line(f"{output}: {len(table)} objects, {len(table.columns)} columns")


def export(
    labels: Annotated[Path, Argument(help="Label image, also OME-Zarr.")],
    output: Annotated[Path, Option(help="File to write, or folder for OME-Zarr.")],
    format: Annotated[
        Format | None,
        Option(
            help="Format to write.",
            show_default="as the output ends: .tif .zarr .geojson .zip .png",
        ),
    ] = None,
    image: Annotated[Path | None, Option(help="The image, for overlay and OME-Zarr.")] = None,
    axes: Annotated[str | None, Option(help="Axes of the labels: YX, TYX, ZYX or TZYX.")] = None,
    spacing: options.Spacing = None,
    units: Units = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a label image for QuPath, Fiji and other programs.

    Example: pixel-embedding export cells_labels.tif --output cells.geojson
    """
    from napari_pixel_embedding.workflows.export import export_file

    with console.percent_bar("export") as progress:
        written = export_file(
            labels,
            output,
            format,
            image=image,
            axes=axes,
            spacing=options.sizes(spacing),
            units=units,
            overwrite=overwrite,
            progress=progress,
        )
    console.print_line(f"{written}: written.")

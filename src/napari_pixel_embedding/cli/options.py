"""What the commands of ``pixel-embedding`` share: how a command and an option are declared."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari_pixel_embedding as npe

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.model.config import ModelConfig


def add_command(commands: Any, name: str, run: Any, summary: str, example: str) -> Any:
    """Declare a command; ``run`` takes the parsed options and returns the exit code."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"Example: {example}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def flag(name: str) -> str:
    """Option for a field: ``min_size`` becomes ``--min-size``."""
    return "--" + name.replace("_", "-")


def escaped(text: str) -> str:
    """Help text in which argparse finds nothing to fill in."""
    return text.replace("%", "%%")


def add_option(parser: Any, name: str, help: str, **kind: Any) -> None:
    """Add an option that is absent unless it is given."""
    parser.add_argument(f"--{name}", default=argparse.SUPPRESS, help=help, **kind)


def add_model(parser: Any) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model",
        default="nuclei-fluo",
        help=f"a bundled model ({', '.join(npe.list_models())}) or a .safetensors file",
    )


def add_diameter(parser: Any) -> None:
    """Add ``--diameter``."""
    parser.add_argument(
        "--diameter",
        type=float,
        metavar="PIXELS",
        help="typical diameter of an object in the images; they are resampled to the one that "
        "the model knows (default: as the model's configuration says)",
    )


def add_device(parser: Any) -> None:
    """Add ``--device``."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def add_augment(parser: Any) -> None:
    """Add ``--augment``."""
    parser.add_argument(
        "--augment",
        type=int,
        choices=(1, 4, 8),
        default=1,
        help="look at each image so many times, flipped and (8) turned, and average: a little "
        "better at so many times the cost",
    )


def add_selection(parser: Any) -> None:
    """Add ``--index`` and ``--where``, which choose pairs of a folder."""
    parser.add_argument("--index", type=Path, help="a CSV table with a column 'name'")
    parser.add_argument(
        "--where",
        nargs="+",
        default=[],
        metavar="COLUMN=VALUE",
        help="use only the pairs whose row in the table has these values",
    )


def selected_names(options: argparse.Namespace) -> list[str] | None:
    """Names of the pairs that were chosen; None for all of them.

    Raises
    ------
    ValueError
        When ``--where`` is not COLUMN=VALUE or has no table to look in.
    """
    from napari_pixel_embedding.core.datasets.pairs import names_where

    if options.index is None:
        if options.where:
            raise ValueError("--where needs --index, the table to look in.")
        return None
    unequal = [text for text in options.where if "=" not in text]
    if unequal:
        raise ValueError(f"--where expects COLUMN=VALUE, found {unequal[0]!r}.")
    return names_where(options.index, dict(text.split("=", 1) for text in options.where))


def add_cluster_params(parser: Any) -> None:
    """Add the method and each cluster parameter; what is not given is the model's own."""
    from napari_pixel_embedding.core.clustering import ClusterParams

    group = parser.add_argument_group("clustering (default: the model's own)")
    group.add_argument(
        "--method",
        choices=("mean_shift", "mutex"),
        default="mean_shift",
        help="connected mean shift, or mutex watershed, which needs the extra [mutex]",
    )
    for spec in fields(ClusterParams):
        group.add_argument(
            flag(spec.name),
            type=type(spec.default),
            default=argparse.SUPPRESS,
            help=escaped(spec.metadata["tooltip"]),
        )


def read_cluster_params(options: argparse.Namespace, config: ModelConfig) -> ClusterParams | None:
    """Change a model's own cluster parameters where the command line says so; None where not."""
    from napari_pixel_embedding.core.inference.object_scale import usual_params

    usual = usual_params(config, options.diameter)
    params: ClusterParams = read_config(options, usual)
    return None if params == usual else params


def add_config(parser: Any, config: type[Any]) -> None:
    """Add an option for each field of ``config`` that describes itself in its metadata."""
    for spec in fields(config):
        if spec.metadata and spec.default is not MISSING:
            tooltip = escaped(spec.metadata["tooltip"])
            described = f"{tooltip} (default: {spec.default})"
            options = {"type": type(spec.default), "choices": spec.metadata.get("choices")}
            add_option(parser, spec.name.replace("_", "-"), described, **options)


def read_config(options: argparse.Namespace, config: Any) -> Any:
    """Change a configuration where the command line says so."""
    given = {f.name: getattr(options, f.name) for f in fields(config) if f.name in options}
    return replace(config, **given)

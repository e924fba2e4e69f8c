"""The ``pixel-embedding`` command: arguments, errors and exit codes."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from napari_pixel_embedding import __version__
from napari_pixel_embedding.cli import batch
from napari_pixel_embedding.cli.console import FAILED, INTERRUPTED, OK, print_error, print_line
from napari_pixel_embedding.cli.datasets import import_cvppp, synthesise
from napari_pixel_embedding.cli.models import demo, evaluate, finetune, info, segment, train
from napari_pixel_embedding.cli.packages import export_model
from napari_pixel_embedding.cli.results import export, measure
from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects

_SPLIT = (
    "Give --split-masks to make every piece an object, or --keep-masks to take the ids as they are."
)


class _Commands(TyperGroup):
    """A group of commands that reports errors in one line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UnseparatedObjects as error:
            print_error(f"{error.found} {_SPLIT}")
            raise typer.Exit(FAILED) from error
        except (ValueError, OSError, FloatingPointError) as error:
            print_error(str(error))
            raise typer.Exit(FAILED) from error
        except KeyboardInterrupt as interruption:
            print_line("pixel-embedding: interrupted; finished files are complete.")
            raise typer.Exit(INTERRUPTED) from interruption


class _Command(TyperCommand):
    """A command whose options for lists take all values that follow, such as those of ``*.tif``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        lists = {flag for p in self.params if getattr(p, "multiple", False) for flag in p.opts}
        return super().parse_args(ctx, _with_repeated_flags(args, lists))


def _with_repeated_flags(arguments: list[str], lists: set[str]) -> list[str]:
    """Spell ``--where a=1 b=2`` as ``--where a=1 --where b=2``."""
    spelt: list[str] = []
    current = ""
    for argument in arguments:
        if argument.startswith("-"):
            current = argument if argument in lists else ""
        elif current and spelt[-1] != current:
            spelt.append(current)
        spelt.append(argument)
    return spelt


app = typer.Typer(
    cls=_Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for _command in (
    *(segment, measure, export, train, finetune, evaluate),
    *(synthesise, import_cvppp, demo, info),
):
    app.command(cls=_Command)(_command)

models = typer.Typer(help="Model files: write a model as a BioImage.IO package.")
models.command("export", cls=_Command)(export_model)
app.add_typer(models, name="models")

batches = typer.Typer(help="Runs over slides, volumes, plates and folders, on one machine or many.")
for _step in (batch.plan, batch.run, batch.status, batch.resume, batch.keys):
    batches.command(cls=_Command)(_step)
app.add_typer(batches, name="batch")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Segment dense objects in microscopy images with pixel embeddings.

    Each command explains itself: pixel-embedding segment --help
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 for success, 1 for a failure (reported in one line on stderr), 2 for invalid arguments, 130
    when interrupted.
    """
    try:
        typer.main.get_command(app)(args=arguments, prog_name="pixel-embedding")
    except SystemExit as end:
        return int(end.code or OK)
    return OK

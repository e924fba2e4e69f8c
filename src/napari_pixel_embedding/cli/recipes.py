"""What the command ``segment`` does with recipes: options, and which of them count."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Context, Option

from napari_pixel_embedding.cli import console
from napari_pixel_embedding.core.clustering.params import LocalBandwidth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_pixel_embedding.workflows.segment import SegmentedFile

RecipeFile = Annotated[
    Path | None,
    Option(
        help="Recipe of a segmentation, a .recipe.json or a label file of this program: segment as "
        "it says; options override it.",
    ),
]
AllowOther = Annotated[
    bool,
    Option(
        "--allow-other-model",
        help="With --recipe: take the model even if it is not the one of the recipe.",
    ),
]
SaveRecipe = Annotated[
    bool, Option("--save-recipe", help="Write the recipe beside each label file, too.")
]
Tile = Annotated[
    int | None,
    Option(
        metavar="PIXELS",
        help="Largest side of the tiles that the network takes.",
        show_default="as memory allows",
    ),
]
OneObject = Annotated[
    list[str] | None,
    Option(
        metavar="PIXEL=BANDWIDTH...",
        help="Bandwidth of the one object at a pixel: Y,X=B or Z,Y,X=B; FRAME:Y,X=B in a series.",
    ),
]
JsonLines = Annotated[
    bool, Option("--json", help="Print a line of JSON for each image to standard output.")
]
SETTINGS = ("axes", "channel", "diameter", "device", "augment", "method", "tile", "spacing")
"""Options that are fields of a recipe too."""
_PLACE = re.compile(r"(?:(\d{1,9}):)?(\d{1,9}(?:,\d{1,9}){1,2})=(\S{1,40})")


def local_bandwidths(texts: Sequence[str] | None) -> tuple[tuple[LocalBandwidth, ...], ...]:
    """Read bandwidths of single objects, for each frame up to the last that has one.

    Raises
    ------
    ValueError
        When a text is not PIXEL=BANDWIDTH.

    Examples
    --------
    >>> [len(frame) for frame in local_bandwidths(["1:10,20=0.8"])]
    [0, 1]
    """
    found: dict[int, list[LocalBandwidth]] = {}
    for text in texts or ():
        frame, one = _place(text)
        found.setdefault(frame, []).append(one)
    return tuple(tuple(found.get(n, ())) for n in range(max(found, default=-1) + 1))


def _place(text: str) -> tuple[int, LocalBandwidth]:
    match = _PLACE.fullmatch(text)
    try:
        frame, point, bandwidth = match.groups()  # type: ignore[union-attr]
        at = tuple(int(n) for n in point.split(","))
        return int(frame or 0), LocalBandwidth(at, float(bandwidth))
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"--local-bandwidth expects Y,X=B, Z,Y,X=B or FRAME:Y,X=B, found {text!r}."
        ) from error


def by_recipe(
    context: Context,
    path: Path,
    images: Sequence[Path],
    output: Path | None,
    settings: dict[str, Any],
    cluster: dict[str, Any],
    **how: Any,
) -> Iterator[SegmentedFile]:
    """Segment files as a recipe and the options given beside it say; say which options count.

    Parameters
    ----------
    context : Context
        Tells which options were given.
    path : Path
        Of the recipe.
    images, output
        As in the command.
    settings, cluster : dict
        Values of :data:`SETTINGS` and of the cluster parameters that were given.
    **how
        Further arguments of :func:`~.workflows.recipe.apply_recipe_to_files`; ``model`` counts only
        if it was given.
    """
    from napari_pixel_embedding.core.recipe.recipe_file import recipe_of
    from napari_pixel_embedding.workflows.recipe import apply_recipe_to_files

    recipe = recipe_of(path)
    if _is_given(context, "local_bandwidth"):
        raise ValueError("--local-bandwidth is for a segmentation without --recipe.")
    changes = {name: settings[name] for name in SETTINGS if _is_given(context, name)} | cluster
    named = [*changes, *(["model"] if _is_given(context, "model") else [])]
    if named:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in named)
        console.print_line(f"{path}: overridden by {listed}.")
    if changes:
        recipe = recipe.changed(**changes)
    if not _is_given(context, "model"):
        how["model"] = None
    return apply_recipe_to_files(recipe, images, output, **how)


def _is_given(context: Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def print_json(result: SegmentedFile, done: int, count: int) -> None:
    """Write a result to standard output as a line of JSON, with the number of images so far."""
    line = asdict(result) | {"done": done, "count": count}
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()

"""A recipe as Python code and as a command, both of which run as they are.

Whatever text a recipe holds goes into them as a quoted literal, so that none of it is run.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.io.files import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe

_DEFAULTS = {
    "channel": None,
    "spacing": None,
    "diameter": None,
    "augment": 1,
    "device": "auto",
    "tile": None,
    "method": "mean_shift",
}
"""Arguments that are left out where they have these values."""
NO_FILE = "image.tif"
"""Name of the file in the text where the image has none."""


def as_python(recipe: SegmentationRecipe, image: str | os.PathLike[str] | None = None) -> str:
    """Return Python code that makes the labels of a recipe again.

    Parameters
    ----------
    recipe : SegmentationRecipe
    image : path, optional
        File of the image; without one that can be read, a name to replace.

    Raises
    ------
    ValueError
        When the model was never saved to a file.

    Examples
    --------
    >>> print(as_python(recipe, "cells.tif"))  # doctest: +SKIP
    """
    path, note = _image(image)
    names = ["ClusterParams", "read_image", "segment"]
    if _local(recipe):
        names.append("LocalBandwidth")
    lines = [
        *(f"# {sentence}" for sentence in (*_facts(recipe), *note)),
        f"from napari_pixel_embedding import {', '.join(sorted(names))}",
        "",
        f"image = read_image({_text(path)}).data",
        "labels = segment(",
        "    image,",
        f"    {_text(_source(recipe))},",
        *(f"    {name}={value}," for name, value in _arguments(recipe)),
        ")",
    ]
    return "\n".join(lines) + "\n"


def as_command(
    recipe: SegmentationRecipe,
    image: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
) -> str:
    """Return a command line that makes the labels of a recipe again.

    It is quoted for the shell of this system: POSIX, or Windows.

    Parameters
    ----------
    recipe, image
        As in :func:`as_python`.
    output : path, optional
        Folder to write to.

    Raises
    ------
    ValueError
        When the model was never saved to a file.
    """
    path = _image(image)[0]
    words = ["pixel-embedding", "segment", f"./{path}" if path.startswith("-") else path]
    if output is not None:
        words += ["--output", str(output)]
    words += ["--model", _source(recipe), "--axes", recipe.axes]
    for name in _changed(recipe):
        value = getattr(recipe, name)
        text = ",".join(map(repr, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{name}", text]
    for name, value in asdict(recipe.clustering).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    places = list(_places(recipe))
    if places:
        words += ["--local-bandwidth", *places]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _source(recipe: SegmentationRecipe) -> str:
    if recipe.model.source is None:
        raise ValueError(
            "the model of this recipe was never saved to a file: save it, choose its file, and run "
            "again."
        )
    return recipe.model.source


def _image(image: str | os.PathLike[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return the path of the image, and what is to be said where it has none."""
    if image is not None and Path(image).suffix.lower() in IMAGE_SUFFIXES:
        return str(image), ()
    return NO_FILE, (f"The image has no file that can be named here: save it as {NO_FILE}.",)


def _facts(recipe: SegmentationRecipe) -> Iterator[str]:
    """Yield sentences about a recipe, in one line each."""
    version = recipe.versions.get("napari-pixel-embedding", "")
    yield f"napari-pixel-embedding {_one_line(version)}".rstrip()
    model = recipe.model
    yield f"Model {_one_line(model.name)}, fingerprint {model.fingerprint}."
    if recipe.image.region is not None:
        yield "Made on a part of a large image: labels of the whole differ a little at seams."
    if recipe.image.corrected:
        yield f"Objects corrected by hand, which are not repeated: {recipe.image.corrected}."


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:100]


def _text(value: str) -> str:
    return json.dumps(value) if value.isprintable() else repr(value)


def _changed(recipe: SegmentationRecipe) -> Iterator[str]:
    return (name for name, usual in _DEFAULTS.items() if getattr(recipe, name) != usual)


def _arguments(recipe: SegmentationRecipe) -> Iterator[tuple[str, str]]:
    """Yield the keyword arguments of ``segment`` with their code."""
    params = ", ".join(f"{name}={value!r}" for name, value in asdict(recipe.clustering).items())
    yield "params", f"ClusterParams({params})"
    yield "axes", _text(recipe.axes)
    for name in _changed(recipe):
        value = getattr(recipe, name)
        yield name, _text(value) if isinstance(value, str) else repr(value)
    if _local(recipe):
        frames: Any = recipe.image.local_bandwidths
        code = [[f"LocalBandwidth({o.point!r}, {o.bandwidth!r})" for o in one] for one in frames]
        yield "local_bandwidths", f"[{', '.join('[' + ', '.join(one) + ']' for one in code)}]"


def _local(recipe: SegmentationRecipe) -> bool:
    return any(recipe.image.local_bandwidths) and recipe.image.region is None


def _places(recipe: SegmentationRecipe) -> Iterator[str]:
    """Yield the single objects' bandwidths as the option takes them."""
    if _local(recipe):
        for frame, several in enumerate(recipe.image.local_bandwidths):
            for one in several:
                yield f"{frame}:{','.join(map(str, one.point))}={one.bandwidth!r}"

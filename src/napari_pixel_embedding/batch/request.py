"""What a run is to do, as one checked value in the run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.parameters import configuration, read_configuration
from napari_pixel_embedding.core.recipe.recipe import MAX_BYTES, SegmentationRecipe
from napari_pixel_embedding.core.runs.folder import REQUEST

if TYPE_CHECKING:
    from pathlib import Path

_Path = Annotated[str, Field(max_length=4096)]
_MOST_BYTES = 2 * MAX_BYTES
NAME = "objects"
"""Name of labels that lie beside their image."""


@configuration
class BatchRequest:
    """A run over a data set.

    Parameters
    ----------
    data : str
        Absolute path of an image, a folder, or an OME-Zarr image or plate.
    recipe : SegmentationRecipe
        How images are segmented.
    model : str, optional
        Where the recipe's model is now.
    allow_other_model : bool
        Whether the model may be another one than the recipe was made with.
    level : int
        Of pyramids, 0 is the finest.
    recursive : bool
        Whether the images of subfolders belong to a folder.
    block : int, optional
        Side of a block along Y and X; as memory allows by default.
    halo : int, optional
        Pixels that neighbouring blocks share on each side; by default twice an object's diameter.
    beside : bool
        Whether labels go into OME-Zarr images as ``labels/objects``, not into the run's folder.
    embedding : bool
        Whether the embedding is kept too, as float16.
    measure : bool
        Whether objects are measured.
    version : {"0.5", "0.4"}
        Of OME-Zarr.

    Raises
    ------
    ValueError
        When a value is out of range.
    """

    data: _Path
    recipe: SegmentationRecipe
    model: _Path | None = None
    allow_other_model: bool = False
    level: Annotated[int, Field(ge=0, le=64)] = 0
    recursive: bool = False
    block: Annotated[int | None, Field(ge=64, le=2**15, multiple_of=64)] = None
    halo: Annotated[int | None, Field(ge=0, le=2**12)] = None
    beside: bool = False
    embedding: bool = False
    measure: bool = True
    version: Literal["0.5", "0.4"] = "0.5"

    def save(self, folder: Path) -> None:
        """Write the request to a run's folder."""
        content = TypeAdapter(BatchRequest).dump_json(self, indent=1)
        if len(content) > _MOST_BYTES:
            raise ValueError("the recipe is too large: too many objects have their own bandwidth.")
        with open_atomically(folder / REQUEST) as file:
            file.write(content)


def read_request(folder: Path) -> BatchRequest:
    """Read the request of a run's folder.

    Raises
    ------
    ValueError
        When there is none, or it cannot be used.
    """
    path = folder / REQUEST
    try:
        content = read_whole(path, _MOST_BYTES)
    except FileNotFoundError:
        raise ValueError(
            f"Expected the folder of a run, found no {REQUEST} in {folder}. Check the path."
        ) from None
    try:
        return read_configuration(BatchRequest, content, echo=False)
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from None


def differences(before: BatchRequest, now: BatchRequest) -> list[str]:
    """Name what differs between two requests, a phrase each."""
    adapter = TypeAdapter(BatchRequest)
    one, other = (_flat(adapter.dump_python(r, mode="json")) for r in (before, now))
    changed = sorted(name for name in one | other if one.get(name) != other.get(name))
    return [
        f"{name.removeprefix('recipe.')} was {one.get(name)}, is {other.get(name)}"
        for name in changed
        if not name.startswith(("recipe.versions", "recipe.image.name"))
    ]


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix.rstrip("."): values}
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.")
    return found

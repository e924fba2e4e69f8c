"""The user's own models: files in the folder ``models`` of the user data folder."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.io.leftovers import PREFIX
from napari_pixel_embedding.core.io.user_folder import user_folder
from napari_pixel_embedding.core.model.declaration import SUFFIX as ONNX
from napari_pixel_embedding.core.model.declaration import ForeignConfig, write_declaration
from napari_pixel_embedding.core.model.file_check import check_model_file
from napari_pixel_embedding.core.model.package import is_package, unpack_model

if TYPE_CHECKING:
    import os

_OURS = ".safetensors"
FOLDER = "models"
"""Name of the folder in the user data folder."""


def models_folder() -> Path:
    """Return the folder of the user's models; it may not exist yet."""
    return user_folder() / FOLDER


def list_user_models() -> list[Path]:
    """Return the model files in the user's folder, by name; their contents are not checked."""
    found = (path for kind in (_OURS, ONNX) for path in models_folder().glob(f"*{kind}"))
    return sorted(path for path in found if path.is_file())


def add_user_model(path: str | os.PathLike[str], declared: ForeignConfig | None = None) -> Path:
    """Copy a model file into the user's folder, and return the copy.

    A file of the same name stays: the copy is numbered, unless both have the same content. Of a
    BioImage.IO package the model file in it is copied, and an ONNX file comes with its declaration:
    ``declared``, or else the one beside it.

    Raises
    ------
    ModelFileError
        When it is no model file, see :func:`~.file_check.check_model_file`.
    OSError
        When it cannot be copied.
    """
    source = Path(path)
    if is_package(source):
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            return add_user_model(unpack_model(source, folder))
    config = declared or check_model_file(source)
    target = _free_place(source)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, open_atomically(target) as write:
            shutil.copyfileobj(read, write)
    if isinstance(config, ForeignConfig):
        write_declaration(config, target.with_suffix(".toml"))
    return target


def remove_user_model(path: str | os.PathLike[str]) -> None:
    """Delete a model file of the user's folder.

    Raises
    ------
    ValueError
        When the file is not in that folder.
    OSError
        When it cannot be deleted.
    """
    found = Path(path)
    if found not in list_user_models():
        raise ValueError(
            f"{found.name} is not in the folder of your models, {models_folder()}: only what is "
            "there is removed."
        )
    found.unlink()
    if found.suffix == ONNX:
        found.with_suffix(".toml").unlink(missing_ok=True)


def _free_place(source: Path) -> Path:
    """Return where the copy of a file goes: an existing file only where both are equal."""
    kind = ONNX if source.suffix == ONNX else _OURS
    target, number = models_folder() / f"{source.stem}{kind}", 1
    while target.exists() and not filecmp.cmp(source, target, shallow=False):
        number += 1
        target = target.with_name(f"{source.stem}-{number}{kind}")
    return target

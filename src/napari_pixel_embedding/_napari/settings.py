"""The page of settings in napari's preferences, declared in the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from napari import settings as napari_settings
from napari.utils.notifications import show_warning

from napari_pixel_embedding._napari.tabs import PLUGIN

T = TypeVar("T")
DEVICES = ("auto", "cpu", "cuda", "mps")
_TILES = (64, 8192)
"""Smallest and largest side of a tile in pixels."""
_MODELS = "*.safetensors"
_WHERE = "Change it in File > Preferences > Pixel Embedding."


@dataclass(frozen=True)
class Settings:
    """What the user has set for all sessions.

    Parameters
    ----------
    device : str
        Where networks run, one of :data:`DEVICES`.
    model_folder : path, optional
        Its model files are offered beside the bundled models.
    tile : int, optional
        Largest side of a tile along Y and X, in the network's pixels; None for the usual one.
    autosave : bool
        Whether corrections are saved after every change.
    remember : bool
        Whether model, device, views, method and effort are chosen as they were last.
    """

    device: str = "auto"
    model_folder: Path | None = None
    tile: int | None = None
    autosave: bool = True
    remember: bool = True

    def model_files(self) -> list[Path]:
        """Return the model files in the folder, in the order of their names."""
        return [] if self.model_folder is None else sorted(self.model_folder.glob(_MODELS))


def read_settings() -> Settings:
    """Return the settings; a value that cannot be used is refused, and its default is taken."""
    found = _page()
    return Settings(
        device=_device(getattr(found, "device", "auto")),
        model_folder=_folder(getattr(found, "model_folder", "")),
        tile=read_tile(),
        autosave=bool(getattr(found, "autosave", True)),
        remember=bool(getattr(found, "remember", True)),
    )


def read_tile() -> int | None:
    """Return the tile size alone, which counts from the next run on."""
    return _tile(getattr(_page(), "tile", 0))


def _page() -> Any:
    """Return the page's values; None for the defaults, or in a napari without such pages."""
    read: Any = getattr(napari_settings, "get_plugin_settings", None)
    if read is None or _unchanged():
        return None
    try:
        return read(PLUGIN).general
    except (KeyError, AttributeError):  # the plugin is not registered, or an older one is
        return None


def _unchanged() -> bool:
    """Whether the user has never changed the page: napari writes a file with the first change.

    To read the page, napari first looks through the manifests of all plugins again, some 10 ms of
    each, while the window waits.
    """
    file: Any = napari_settings.NapariSettings.model_fields["config_path"].default
    return file is not None and not (Path(file).parent / f"{PLUGIN}.yaml").exists()


def _device(value: str) -> str:
    if value in DEVICES:
        return value
    return _refuse("Device", f"one of {', '.join(DEVICES)}", value, "auto")


def _folder(value: str) -> Path | None:
    if not value.strip():
        return None
    folder = Path(value.strip()).expanduser()
    if folder.is_dir():
        return folder
    return _refuse("Model folder", "a folder that exists", value, None)


def _tile(value: int) -> int | None:
    if value == 0:
        return None
    low, high = _TILES
    if low <= value <= high:
        return value
    return _refuse("Tile size", f"0, or {low} to {high:,} pixels", value, None)


def _refuse(title: str, expected: str, found: object, default: T) -> T:
    show_warning(
        f"The setting {title} was left out: expected {expected}, found “{found}”. {_WHERE}"
    )
    return default

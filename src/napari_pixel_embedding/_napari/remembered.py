"""What was chosen last, kept for the next start in a small file among the user's."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding._napari.settings import DEVICES
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.io.user_folder import user_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_pixel_embedding.core.fine_tuning.config import Effort
    from napari_pixel_embedding.core.segmentation.segment import Method

FILE = "choices.json"
_VIEWS = (1, 4, 8)
_METHODS = {"mean_shift": None, "mutex": "bioimage_cpp"}
"""Methods, and the package that one needs."""
_EFFORTS = ("quick", "normal", "thorough")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choices:
    """What was chosen last; None where nothing was.

    Parameters
    ----------
    model : str, optional
        Name or path of the model.
    device : str, optional
        One of :data:`~.settings.DEVICES`.
    views : int, optional
        Orientations that predictions are averaged over: 1, 4 or 8.
    method : str, optional
        Clustering method.
    effort : str, optional
        Of a fine-tuning: "quick", "normal" or "thorough".
    """

    model: str | None = None
    device: str | None = None
    views: int | None = None
    method: Method | None = None
    effort: Effort | None = None


def read_choices() -> Choices:
    """Return what was chosen last; what cannot be used now, or is damaged, is left out."""
    try:
        found: Any = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Choices()
    if not isinstance(found, dict):
        return Choices()
    usable = {name: found[name] for name, fits in _FITS.items() if fits(found.get(name))}
    return Choices(**usable)


def remember(**chosen: Any) -> None:
    """Keep choices for the next start, beside those kept before; a full disk is no error here."""
    before = read_choices()
    after = replace(before, **chosen)
    if after == before:
        return
    try:
        with open_atomically(_file()) as file:
            file.write(json.dumps(asdict(after), indent=1).encode())
    except OSError as error:
        _log.warning("The choices could not be kept in %s: %s", _file(), error)


def _file() -> Path:
    return user_folder() / FILE


def _is_method(value: Any) -> bool:
    package = _METHODS.get(value, "") if isinstance(value, str) else ""
    return package is None or bool(package and find_spec(package))


_FITS: dict[str, Callable[[Any], bool]] = {
    "model": lambda value: isinstance(value, str) and bool(value),
    "device": lambda value: value in DEVICES,
    "views": lambda value: type(value) is int and value in _VIEWS,
    "method": _is_method,
    "effort": lambda value: value in _EFFORTS,
}

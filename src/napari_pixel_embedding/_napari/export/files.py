"""Files that are offered for results, and the question about one that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_pixel_embedding._napari.workspace import Workspace


def beside_image(workspace: Workspace, name: str) -> Path:
    """Return a path beside the file of the session's image, or else in the user's folder."""
    image = workspace.session.image
    folder = Path.home() if image is None or not image.path else Path(image.path).parent
    return folder / name.replace("/", "_")


def may_replace(parent: QWidget, path: Path) -> bool:
    """Ask whether a file that is there already may be replaced."""
    question = f"{path.name} is there already. Replace it?"
    answer = QMessageBox.question(parent, parent.windowTitle() or "Save", question)
    return bool(answer == QMessageBox.StandardButton.Yes)

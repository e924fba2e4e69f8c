"""Export of a model from its card: a BioImage.IO package, written in a thread."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QInputDialog, QWidget

from napari_pixel_embedding._napari.qt_jobs import ThreadExecutor
from napari_pixel_embedding.session.jobs import JobQueue, without_report

if TYPE_CHECKING:
    from napari_pixel_embedding.core.model.card import ModelCard

_LICENCES = ("CC-BY-4.0", "CC0-1.0", "BSD-3-Clause", "MIT", "Apache-2.0")
_WHICH = "The model does not say its licence, without which nobody may use it. Licence:"


class PackageExport(QObject):
    """Asks where a model's package goes, and writes it.

    Parameters
    ----------
    parent : QWidget
        The dialogue over which it asks.

    Attributes
    ----------
    told : Signal of str
        What is under way, was written, or went wrong.
    """

    told = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._asks = parent
        self._queue: JobQueue | None = None

    def ask(self, card: ModelCard, source: Any) -> None:
        """Ask for a file, and for the licence if the model does not say it; then write."""
        name = f"{Path(card.title).stem}.zip"
        path, _ = QFileDialog.getSaveFileName(
            self._asks, "Export a model", name, "BioImage.IO packages (*.zip)"
        )
        licence = card.config.licence
        if path and not licence:
            licence, sure = QInputDialog.getItem(self._asks, "Licence", _WHICH, _LICENCES)
            path = path if sure else ""
        if path:
            self._start(source, path, licence)

    def _start(self, source: Any, path: str, licence: str) -> None:
        queue = self._queue or JobQueue(ThreadExecutor(self), "first in, first out")
        self._queue = queue
        self.told.emit("Exporting … this takes some seconds.")
        queue.start(
            without_report(_export, source, path, licence),
            done=lambda written: self.told.emit(f"{written} was written."),
            failed=partial(self._failed, path),
        )

    def _failed(self, path: str, error: Exception) -> None:
        self.told.emit(f"{Path(path).name} was not written: {error}")


def _export(source: Any, path: str, licence: str) -> Path:
    from napari_pixel_embedding.core.exchange.bioimageio import export_bioimageio
    from napari_pixel_embedding.core.model.model_file import load_model

    model = load_model(source) if isinstance(source, str) else source
    return export_bioimageio(model, path, licence=licence)

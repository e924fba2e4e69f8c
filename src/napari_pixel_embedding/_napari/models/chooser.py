"""The choice of a model: bundled ones, the user's own, opened files, and the tuned one in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog

from napari_pixel_embedding._napari.models.declaration_dialog import MODEL_FILES, take_file
from napari_pixel_embedding._napari.widgets.choosers import Choice
from napari_pixel_embedding.core.features.source import NAME, features_named
from napari_pixel_embedding.core.model.config import DEFAULT_MODEL, ModelFileError, list_models
from napari_pixel_embedding.core.model.declaration import SUFFIX
from napari_pixel_embedding.core.model.file_check import check_model_file
from napari_pixel_embedding.core.model.library import list_user_models
from napari_pixel_embedding.core.model.package import is_package

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_pixel_embedding._napari.models.cards import ModelsDialog
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

    Source = str | EmbeddingModel

_TOOLTIP = (
    "The model to run: a bundled one, or a file of yours: .safetensors, .zip of BioImage.IO, or "
    ".onnx of another program."
)
_FILE = "Open file …"
_MANAGE = "Manage models…"
_FEATURES = "Channels as features"
_FEATURES_TOOLTIP = (
    "No network: the channels of the layer are the embedding, such as features of a vision "
    "transformer, flows, or principal components. They are clustered as they are."
)


class ModelChooser(Choice):
    """Bundled models, the user's, opened files, and the tuned model in use.

    Parameters
    ----------
    files : sequence of path
        More model files to offer, such as those of the folder in the settings.

    A file is checked when it is chosen. One that cannot be used is not taken into the list: the
    earlier model stays, and ``refused`` says why until another choice is made.

    Attributes
    ----------
    changed : Signal
        Another model was chosen, or one was refused.
    refused : str, optional
        Why the last choice could not be taken; None after a good one.
    """

    changed = Signal()

    def __init__(self, files: Sequence[Path] = ()) -> None:
        super().__init__(_TOOLTIP)
        self._files = tuple(files)
        self.setAccessibleName("Model")
        self.refused: str | None = None
        self._dialog: ModelsDialog | None = None
        self._opened: list[tuple[str, Source]] = []
        self._last: Any = DEFAULT_MODEL if DEFAULT_MODEL in list_models() else None
        self.reload()
        self.activated.connect(self._activated)

    @property
    def source(self) -> Source | None:
        """Name, path or model that is chosen; None when there is none."""
        source: Source | None = self._last
        return source

    @property
    def sources(self) -> list[tuple[str, Source]]:
        """Title and source of all models that are offered."""
        return [*self._stored, *self._opened]

    def reload(self) -> None:
        """Read again which models there are; a file that is gone is not chosen any more."""
        every = dict.fromkeys([*list_user_models(), *self._files])
        own = [path for path in every if _reason(str(path)) is None]
        self._stored: list[tuple[str, Source]] = [(name, name) for name in list_models()]
        self._stored += [(path.name, str(path)) for path in own]
        kept = {path for _, path in self._stored if isinstance(path, str)}
        self._opened = [
            (title, source)
            for title, source in self._opened
            if not isinstance(source, str) or (source not in kept and _reason(source) is None)
        ]
        before = self._last
        self._fill()
        if self._last is not before:
            self.changed.emit()

    def add(self, title: str, source: Source) -> None:
        """Offer one more model, and choose it."""
        self._opened = [item for item in self._opened if item[0] != title]
        self._opened.append((title, source))
        self._take(source)

    def add_file(self, path: str) -> None:
        """Offer a model file, and choose it; a file that cannot be used is refused.

        Of a package, and of a network without a declaration, a copy among the user's models is
        offered.
        """
        if is_package(path) or _is_undeclared(path):
            try:
                taken = take_file(path, self)
            except (ValueError, OSError) as error:
                self._refuse(str(error))
                return
            if taken is None:
                return
            self.reload()
            path = str(taken)
        reason = _reason(path)
        if reason is not None:
            self._refuse(reason)
        elif path in (source for _, source in self.sources if isinstance(source, str)):
            self._take(path)
        else:
            self.add(path.replace("\\", "/").rsplit("/", 1)[-1], path)

    def show_source(self, source: Source) -> None:
        """Show the session's chosen model."""
        if features_named(source) is not None:
            if self._last != NAME or self.refused is not None:
                self._take(NAME)
        elif isinstance(source, str):
            if source and (source != self._last or self.refused is not None):
                self.add_file(source)
        elif source is not self._last:
            self.add(source.config.name, source)

    def recall(self, source: str) -> None:
        """Choose a model that was chosen in an earlier start, if it can still be used."""
        if _reason(source) is None:
            self.add_file(source)

    def choose(self, source: Source) -> None:
        """Choose a model that is offered."""
        if source == NAME:
            self._take(NAME)
        elif isinstance(source, str):
            self.add_file(source)
        else:
            self._take(source)

    def manage(self) -> None:
        """Show all models as cards, to choose one, and to add or remove files."""
        from napari_pixel_embedding._napari.models.cards import ModelsDialog

        self.reload()
        if self._dialog is None:
            self._dialog = ModelsDialog(lambda: self.sources, self)
            self._dialog.chosen.connect(self.choose)
            self._dialog.folder_changed.connect(self.reload)
        else:
            self._dialog.refresh()
        self._dialog.show()
        self._dialog.raise_()

    def showPopup(self) -> None:
        """Show the list, as the models' folder is now, with a card for each model."""
        self.reload()
        for index, (title, source) in enumerate(self.sources):
            self.setItemData(index, _card_tooltip(title, source), Qt.ItemDataRole.ToolTipRole)
        features = self.findData(NAME)
        self.setItemData(features, _FEATURES_TOOLTIP, Qt.ItemDataRole.ToolTipRole)
        super().showPopup()

    def event(self, event: QEvent | None) -> bool:
        """Show the chosen model's card as the tooltip."""
        if event is not None and event.type() == QEvent.Type.ToolTip and self._last is not None:
            self.setToolTip(_card_tooltip(self.currentText(), self._last))
        return super().event(event)

    def _take(self, source: Source) -> None:
        self._last, self.refused = source, None
        self._fill()
        self.changed.emit()

    def _refuse(self, reason: str) -> None:
        self.reload()
        instead = f" {self.currentText()} is chosen instead: choose it again to use it, or another."
        self.refused = reason if self._last is None else reason + instead
        self.changed.emit()

    def _fill(self) -> None:
        """Show the models, and the chosen one; the default where that is gone."""
        offered = [*(source for _, source in self.sources), NAME]
        if not any(source is self._last or source == self._last for source in offered):
            self._last = DEFAULT_MODEL if DEFAULT_MODEL in offered else None
        placeholder = [] if self.sources else [("no bundled model", None)]
        entries = [(_FEATURES, NAME), (_FILE, _FILE), (_MANAGE, _MANAGE)]
        self.refill([*self.sources, *placeholder, *entries], self._last)

    def _activated(self, index: int) -> None:
        source = self.itemData(index)
        if source not in (_FILE, _MANAGE):
            if source is not None:
                self.choose(source)
            return
        self._fill()
        if source == _MANAGE:
            self.manage()
            return
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", "", MODEL_FILES)
        if path:
            self.add_file(path)


def _is_undeclared(path: str) -> bool:
    """Whether a file is a network of another program, without a declaration beside it."""
    file = Path(path)
    return file.suffix == SUFFIX and file.is_file() and not file.with_suffix(".toml").is_file()


def _reason(source: str) -> str | None:
    """Return why a bundled model or a file cannot be used; None if it can."""
    try:
        check_model_file(source)
    except ModelFileError as error:
        return str(error)
    return None


def _card_tooltip(title: str, source: Source) -> str:
    if source == NAME:
        return _FEATURES_TOOLTIP
    from napari_pixel_embedding._napari.models.cards import card_html, card_of

    try:
        return card_html(card_of(title, source), with_picture=True)
    except ModelFileError as error:
        return str(error)

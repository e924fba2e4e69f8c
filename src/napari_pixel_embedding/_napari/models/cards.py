"""Models as cards, and the dialogue that shows them all and manages the user's own."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QUrl, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QDesktopServices, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_pixel_embedding._napari.models.declaration_dialog import MODEL_FILES, take_file
from napari_pixel_embedding._napari.models.export import PackageExport
from napari_pixel_embedding._napari.widgets.controls import button, row, set_enabled, text
from napari_pixel_embedding.core.model.card import config_card, read_card
from napari_pixel_embedding.core.model.config import ModelFileError
from napari_pixel_embedding.core.model.library import (
    list_user_models,
    models_folder,
    remove_user_model,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.model.card import ModelCard, Score
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

    Source = str | EmbeddingModel

_SHOWN_SCORES = ("AP@0.5", "AP@0.5:0.95", "SBD", "PQ")
_SIDE = 112
_SIZE = (720, 600)
_ADD = (
    "Copy a model into the folder of your models, where every window offers it: .safetensors, a "
    "BioImage.IO package of ours, or a network of another program as .onnx."
)
_EXPORT = "Write the model as a BioImage.IO package, which other programs of that collection take."
_OPEN = "Open the folder of your models in the system's file browser."


def card_of(title: str, source: Source) -> ModelCard:
    """Return the card of a model name, a file's path, or a model; raises ModelFileError."""
    return read_card(source) if isinstance(source, str) else config_card(source.config, title)


def card_html(card: ModelCard, *, with_picture: bool = False) -> str:
    """Return a card as rich text: name, use, input, object size, licence, scores, origin."""
    facts = [card.dimensions]
    if card.diameter:
        facts.append(f"objects of {card.diameter}")
    if card.config.licence:
        facts.append(f"licence {card.config.licence}")
    lines = [f"<b>{escape(card.title)}</b>", escape(card.purpose), escape(" · ".join(facts))]
    lines += [f"{escape(name)}: {escape(value)}" for name, value in card.origin]
    content = "<br>".join(line for line in lines if line) + _scores_html(card.scores)
    if with_picture and card.thumbnail is not None:
        picture = f'<img src="{escape(card.thumbnail.as_posix())}">'
        content = (
            f'<table><tr><td>{picture}</td><td style="padding-left:8px">{content}</td></tr></table>'
        )
    return f"<qt>{content}</qt>"


def _scores_html(scores: Sequence[Score]) -> str:
    """Return a table of scores on images that the model has not learnt from."""
    if not scores:
        return ""
    names = [name for name in _SHOWN_SCORES if name in scores[0].values]
    rows = [["scores on", "images", *names]]
    rows += [[one.images, one.count, *(one.values[name] for name in names)] for one in scores]
    cell = '<td style="padding-right:10px">'
    made = ("".join(f"{cell}{escape(part)}</td>" for part in line) for line in rows)
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in made) + "</table>"


class ModelsDialog(QDialog):
    """All models as cards, each with *Choose*; the user's own can be added and removed.

    Parameters
    ----------
    sources : callable
        Returns title and source of the models to show. Files in the user's folder that cannot be
        used are shown too, with the reason.
    parent : QWidget
        Closes the dialogue with itself.

    Attributes
    ----------
    chosen : Signal
        A model's source, when its *Choose* is pressed; the dialogue closes.
    folder_changed : Signal
        A file was added to the user's folder, or removed.
    """

    chosen = Signal(object)
    folder_changed = Signal()

    def __init__(self, sources: Callable[[], list[tuple[str, Source]]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.resize(*_SIZE)
        self._sources = sources
        self.cards: dict[str, QFrame] = {}
        self.export = PackageExport(self)
        self.export.told.connect(self._say)
        self.message = text()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.add_button = button("Add file…", _ADD, self.add_file)
        self.folder_button = button("Open folder", _OPEN, self.open_folder)
        buttons = row(self.add_button, self.folder_button)
        buttons.addStretch()
        buttons.addWidget(button("Close", "Close this window.", self.reject))
        whole = QVBoxLayout(self)
        whole.addWidget(self.area, 1)
        whole.addWidget(self.message)
        whole.addLayout(buttons)
        self.refresh()

    def refresh(self) -> None:
        """Show the models that there are now."""
        body, self.cards = QWidget(), {}
        column = QVBoxLayout(body)
        own = {str(path) for path in list_user_models()}
        sources: dict[Any, str] = {source: title for title, source in self._sources()}
        sources |= {path: Path(path).name for path in sorted(own - sources.keys())}
        for source, title in sources.items():
            frame = self._frame(title, source, removable=source in own)
            self.cards[title] = frame
            column.addWidget(frame)
        column.addStretch()
        self.area.setWidget(body)
        self._say("")

    def add_file(self) -> None:
        """Ask for a file and copy it into the user's folder."""
        path, _ = QFileDialog.getOpenFileName(self, "Add a model", "", MODEL_FILES)
        if path:
            self._change_folder(lambda: take_file(path, self))

    def remove(self, source: str) -> None:
        """Ask, and delete a file of the user's folder."""
        name = Path(source).name
        answer = QMessageBox.question(
            self, "Remove a model", f"Delete {name} from your models? The file is deleted."
        )
        if answer == QMessageBox.StandardButton.Yes:
            self._change_folder(lambda: remove_user_model(source))

    def open_folder(self) -> None:
        """Open the user's folder in the system's file browser; it is made if missing."""
        folder = models_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._say(f"The folder {folder} cannot be made: {error.strerror or error}.")
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _change_folder(self, change: Callable[[], Any]) -> None:
        try:
            change()
        except (ValueError, OSError) as error:
            self._say(str(error))
            return
        self.folder_changed.emit()
        self.refresh()

    def _say(self, message: str) -> None:
        self.message.setText(message)
        self.message.setVisible(bool(message))

    def _frame(self, title: str, source: Source, *, removable: bool) -> QFrame:
        """Make one card: picture, text, buttons."""
        frame = QFrame()
        frame.setFrameShape(QFrame.Shape.StyledPanel)
        line = QHBoxLayout(frame)
        described, picture = text(), QLabel()
        picture.setFixedWidth(_SIDE)
        described.setTextFormat(Qt.TextFormat.RichText)
        line.addWidget(picture)
        line.addWidget(described, 1)
        column = QVBoxLayout()
        line.addLayout(column)
        try:
            card = card_of(title, source)
        except ModelFileError as error:
            described.setText(f"<b>{escape(title)}</b><br>✖ {escape(str(error))}")
        else:
            described.setText(card_html(card))
            if card.thumbnail is not None:
                picture.setPixmap(QPixmap(str(card.thumbnail)))
            column.addWidget(
                button("Choose", f"Choose {title}, and close.", lambda: self._choose(source))
            )
            export = button("Export…", _EXPORT, lambda: self.export.ask(card, source))
            set_enabled(export, _EXPORT, card.config.untrainable or None)
            column.addWidget(export)
        if removable and isinstance(source, str):
            path = source
            column.addWidget(
                button("Remove", f"Delete {title} from your models.", lambda: self.remove(path))
            )
        column.addStretch()
        return frame

    def _choose(self, source: Source) -> None:
        self.accept()
        self.chosen.emit(source)

"""The embedding as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QHBoxLayout

from napari_pixel_embedding._napari.widgets import Panel, allow, button, group

if TYPE_CHECKING:
    from napari import Viewer

_REFIT = "Choose the colours anew, so that this image uses all of them."


class EmbeddingPanel(Panel):
    """Turns the colour layer on and off."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        box, column = group("Embedding as colours")
        self.shown = QCheckBox("Show as a layer")
        self.shown.setToolTip(
            "An RGB layer under the objects: three principal components of the embedding, dark "
            "where the model sees background. Pixels of one colour become one object; the "
            "colours stay the same for one model."
        )
        self.shown.toggled.connect(self.controller.show_colors)
        self.refit = button("Re-fit colours", _REFIT, self.controller.refit_colors)
        row = QHBoxLayout()
        row.addWidget(self.shown, 1)
        row.addWidget(self.refit)
        column.addLayout(row)
        self.column.addWidget(box)
        self.column.addStretch()
        self.follow(self.session.events.colors_wanted, self._refresh)
        self.follow(self.session.events.embedding_rgb, self._refresh)
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        session = self.session
        if self.shown.isChecked() != session.colors_wanted:
            self.shown.blockSignals(True)
            self.shown.setChecked(session.colors_wanted)
            self.shown.blockSignals(False)
        missing = session.embedding_rgb is None
        allow(self.refit, _REFIT, "Show the embedding of a result first." if missing else None)

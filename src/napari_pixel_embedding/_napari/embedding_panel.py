"""The embedding as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox

from napari_pixel_embedding._napari.widgets import Panel, allow, button, group, text

if TYPE_CHECKING:
    from napari import Viewer

_REFIT = "Choose the colours anew, so that this image uses all of them."


class EmbeddingPanel(Panel):
    """Turns the colour layer on and off."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        box, column = group("Embedding as colours")
        self.shown = QCheckBox("Show the embedding layer")
        self.shown.setToolTip(
            "An RGB layer under the objects: the first three principal components of the "
            "embedding, darkened where the model sees background."
        )
        self.shown.toggled.connect(self.controller.show_colors)
        self.refit = button("Re-fit colours", _REFIT, self.controller.refit_colors)
        column.addWidget(self.shown)
        column.addWidget(
            text(
                "Pixels of one colour have similar vectors and become one object; two colours "
                "side by side become two. Colours stay the same for one model."
            )
        )
        column.addWidget(self.refit)
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

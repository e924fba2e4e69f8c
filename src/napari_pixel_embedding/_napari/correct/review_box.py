"""The review queue in the Correct dock: progress, reason, and buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget
from superqt.utils import qdebounced

from napari_pixel_embedding._napari.correct.icons import draw_icons, icon_button
from napari_pixel_embedding._napari.layers.shortcuts import KEYS, key_text
from napari_pixel_embedding._napari.widgets.panel import NO_RESULT, button, row, set_enabled, text
from napari_pixel_embedding.session.correct.review import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.correct.review import Review

_SETTLE_MS = 100
"""A moving slider sorts the queue at every tick; it is shown once the slider stops."""

_NEXT = (
    "Go to the most uncertain object not reviewed yet: one that a slightly different bandwidth "
    "would merge or split, of weak foreground, or of an unusual size. Pieces at the image's border "
    "come last."
)
_ACCEPT = "This object is right: lock it as it is and go to the next one."
_DELETE = (
    "This is no object: delete it and go to the next one. Its pixels stay background. "
    "Can be undone."
)
_SPLIT = (
    "This is more than one object: choose the tool Split, then click a seed in each part, or draw "
    "a line across."
)
_SKIP = "Skip this object for now and go to the next one."
_STOP = "End the review; your decisions stay."
_IDLE = "The most uncertain objects come first."


class ReviewBox(QWidget):
    """Review progress, the current object, and its buttons.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    review : Review
        The review that is shown and controlled.
    split : callable
        Chooses the tool that splits objects.
    """

    def __init__(self, workspace: Workspace, review: Review, split: Callable[[], Any]) -> None:
        super().__init__()
        self._session = workspace.session
        self._review = review
        self.progress = QProgressBar()
        self.note = text()
        actions = (
            ("accept", review.accept),
            ("delete", review.delete),
            ("split", split),
            ("skip", review.skip),
            ("next", review.next),
        )
        self.strip = {
            name: icon_button(name.capitalize(), key_text(KEYS[name]), action)
            for name, action in actions
        }
        self.accept, self.delete, self.split, self.skip, self.next = self.strip.values()
        self.stop = button("Stop", _STOP, review.stop)
        self.refresh_later = qdebounced(self.refresh, timeout=_SETTLE_MS, parent=self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.note)
        strip = row(*self.strip.values())
        strip.setSpacing(3)
        column.addLayout(strip)
        line = QHBoxLayout()
        line.addWidget(self.progress, 1)
        line.addWidget(self.stop)
        column.addLayout(line)
        self.note.setMinimumHeight(2 * self.note.fontMetrics().lineSpacing() + 2)

    @property
    def keys(self) -> dict[str, Callable[[], Any]]:
        """Return the action of each key that is no tool's."""
        review = self._review
        return {KEYS["next"]: review.next, KEYS["skip"]: review.skip}

    @property
    def decisions(self) -> dict[str, Callable[[], bool]]:
        """Return what the key of a tool does while an object is under review."""
        return {"accept": self._review.accept, "delete": self._review.delete}

    def follow_theme(self, theme: str) -> None:
        """Draw the icons in the colours of a theme."""
        draw_icons(self.strip, theme)

    def refresh(self, *_: Any) -> None:
        """Show the current state of the review."""
        state = self._review.state
        total, counts = len(state.targets), state.counts
        self.progress.setVisible(state.wanted and total > 0)
        self.progress.setMaximum(max(total, 1))
        done = total - counts[OPEN]
        self.progress.setValue(done)
        self.progress.setFormat(f"{done:,} of {total:,} reviewed")
        told_counts = ", ".join(f"{counts[name]:,} {name}" for name in sorted(counts))
        self.progress.setToolTip(f"Objects by their state: {told_counts}.")
        self.note.setText(state.note or _IDLE)
        none = None if state.current is not None else "Press Next first."
        set_enabled(self.next, _NEXT, None if self._session.labels is not None else NO_RESULT)
        for made, tooltip in (
            (self.accept, _ACCEPT),
            (self.delete, _DELETE),
            (self.split, _SPLIT),
            (self.skip, _SKIP),
        ):
            set_enabled(made, tooltip, none)
        set_enabled(self.stop, _STOP, None if state.wanted else "No review is under way.")
        self.stop.setVisible(state.wanted)

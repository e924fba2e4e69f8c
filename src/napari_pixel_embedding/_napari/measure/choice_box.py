"""What is measured: the layer, images for intensities, groups of columns; and the button."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QVBoxLayout

from napari_pixel_embedding._napari.export.labels_chooser import LabelsChooser
from napari_pixel_embedding._napari.measure.images import Intensity, intensities
from napari_pixel_embedding._napari.widgets.panel import (
    Section,
    button,
    named_rows,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.session.measure.table import Columns, MeasureRequest, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding._napari.export.labels_source import LabelsSource
    from napari_pixel_embedding._napari.workspace import Workspace

_IMAGES = (
    "Images whose mean, minimum, maximum, standard deviation and sum are measured over each "
    "object. Those of the labels' pixels are offered."
)
_NO_IMAGES = "No image has the pixels of these labels."
_SHAPE = (
    "Axes, eccentricity, perimeter, solidity and extent. In volumes, this is what takes longest."
)
_VECTOR = "The mean vector of the embedding, a column for each component."
_CERTAINTY = (
    "Mean foreground, uncertainty, and the bandwidths at which an object merges with a neighbour "
    "or splits."
)
_NO_RUN = "Only a run in this window knows the embedding."
_MEASURE = "Measure every object, in the background; the layer's features get the table too."
_NO_LABELS = "There are no labels yet: run a model, or open labels."
_MOST_BY_ITSELF = 4
"""Channels of the image that are chosen at first."""
_OUTDATED = "color: #d98a1f;"


class ChoiceBox(Section):
    """Chooses what is measured.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    guide : str
        Heading of its section in the user guide.
    measure : callable
        Called when the button is pressed.
    """

    def __init__(self, workspace: Workspace, guide: str, measure: Callable[[], Any]) -> None:
        super().__init__("What to measure", guide)
        self._workspace = workspace
        self._session = workspace.session
        self.labels = LabelsChooser(workspace)
        self.images = QPushButton()
        self.images.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self.images)
        self.images.setMenu(self.menu)
        self.shape, self.certainty, self.vector = map(
            QCheckBox, ("Shape", "Certainty", "Mean vector")
        )
        columns = Columns()
        self.shape.setChecked(columns.shape)
        self.certainty.setChecked(columns.certainty)
        self.vector.setChecked(columns.embedding)
        self.shape.setToolTip(_SHAPE)
        self.button = button("Measure", _MEASURE, measure)
        self.note = text()
        lines = 2 * self.note.fontMetrics().lineSpacing() + 2
        self.note.setMinimumHeight(lines)  # so that nothing moves when the table is outdated
        self._offered: list[Intensity] = []
        self._wanted: dict[str, bool] = {}
        self._lay_out()
        self.labels.changed.connect(self.refresh)
        self.refresh()

    def close_choices(self) -> None:
        """Stop following the viewer."""
        self.labels.close()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 10, 8, 8)
        column.setSpacing(4)
        which = row(self.labels.layers, self.labels.axes)
        which.setStretch(0, 1)
        rows = named_rows(("Intensity of", self.images))
        rows.setVerticalSpacing(4)
        column.addLayout(which)
        column.addLayout(rows)
        column.addLayout(row(self.shape, self.certainty, self.vector))
        line = QHBoxLayout()
        line.addWidget(self.button)
        line.addWidget(self.note, 1)
        column.addLayout(line)
        self.labels.layers.setAccessibleName("Labels")
        self.labels.axes.setAccessibleName("Axes of the labels")

    # ------------------------------------------------------------------------------- chosen

    def request(self, source: LabelsSource) -> MeasureRequest:
        """Return what is chosen, for these labels."""
        layout, roi, live = source.layout, source.roi, self.labels.live
        size = source.pixel_size(source.frames_axes)
        session = self._session
        return MeasureRequest(
            session.labels if live else source.lifted(),
            source.frames_axes,
            source.name,
            size.scale,
            size.units,
            {one.name: one.data for one in self.chosen_images()},
            Columns(self.shape.isChecked(), self.vector.isChecked(), self.certainty.isChecked()),
            Origin.of(session) if live and session.embedding_maps else None,
            layout.frame_axes,
            layout.frame_shape,
            0 if roi is None else roi.frame or 0,
            () if roi is None else roi.start,
            live,
        )

    def chosen_images(self) -> list[Intensity]:
        """Return the images whose intensities are wanted."""
        return [one for one in self._offered if self._is_wanted(one)]

    def _is_wanted(self, one: Intensity) -> bool:
        image = self._workspace.layers.follower.image
        of_image = [other for other in self._offered if other.layer is image]
        usual = one.layer is image and len(of_image) <= _MOST_BY_ITSELF
        return self._wanted.get(one.title, usual or len(self._offered) == 1)

    # -------------------------------------------------------------------------- what is shown

    def refresh(self, *_: Any) -> None:
        """Offer what the viewer has now."""
        try:
            source = self.labels.source()
            problem = None if source is not None else _NO_LABELS
        except ValueError as error:
            source, problem = None, str(error)
        viewer = self._workspace.viewer
        self._offered = [] if source is None else intensities(viewer, source)
        self._fill_menu()
        set_enabled(self.images, _IMAGES, None if self._offered else _NO_IMAGES)
        set_enabled(self.button, _MEASURE, problem)
        known = None if self.labels.live else _NO_RUN
        set_enabled(self.certainty, _CERTAINTY, known)
        set_enabled(self.vector, _VECTOR, known)

    def show_note(self, note: str, outdated: bool) -> None:
        """Show how many objects were measured, or why the table no longer holds."""
        self.note.setText(note)
        self.note.setStyleSheet(_OUTDATED if outdated else "")
        self.button.setText("Measure again" if outdated else "Measure")

    def _fill_menu(self) -> None:
        self.menu.clear()
        for one in self._offered:
            action: Any = self.menu.addAction(one.title)
            action.setCheckable(True)
            action.setChecked(self._is_wanted(one))
            action.toggled.connect(partial(self._want, one.title))
        self._show_images()

    def _want(self, title: str, wanted: bool) -> None:
        self._wanted[title] = wanted
        self._show_images()

    def _show_images(self) -> None:
        chosen = [one.title for one in self.chosen_images()]
        some = chosen[0] if len(chosen) == 1 else f"{len(chosen)} of {len(self._offered)} channels"
        self.images.setText(some if chosen else "none")

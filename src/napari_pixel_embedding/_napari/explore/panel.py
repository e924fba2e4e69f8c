"""The Explore dock: embedding as colours, similarity to a pixel, scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from napari_pixel_embedding._napari.explore.exploration_layers import ExplorationLayers
from napari_pixel_embedding._napari.widgets.choosers import Choice
from napari_pixel_embedding._napari.widgets.panel import Panel, button, group, set_enabled, text
from napari_pixel_embedding._napari.widgets.plot_colors import follow_theme
from napari_pixel_embedding.core.embedding.scatter import POSITION, disc_radius
from napari_pixel_embedding.session.explore.exploration import Exploration

if TYPE_CHECKING:
    from napari import Viewer

    from napari_pixel_embedding.session.explore.exploration import ExplorationState
    from napari_pixel_embedding.session.explore.views import Scatter, Selection

_SHOWN = (
    "An RGB layer under the objects: three principal components of the embedding, dark where the "
    "model sees background. Pixels of one colour become one object; the colours stay the same "
    "for one model."
)
_REFIT = "Fit the colours to this image, so that it uses all of them."
_SIMILAR = (
    "A layer that is bright where a pixel's vector is similar to that of the pixel under the "
    "cursor, and dark beyond the bandwidth's range. Its values are distances; pixels within the "
    "bandwidth can become one object."
)
_HELD = "Keep comparing with this pixel. A click on the image holds the clicked pixel."
_PLOTTED = "Scatter plot of the foreground vectors; each object forms a cloud."
_PLANE = "Axes of the plot: two of the three colours, or the predicted position."
_CLEAR = "Clear the selection."
_NO_RESULT = "Run a model first."
_PLANES: dict[str, tuple[int, int] | None] = {
    "Colours 1, 2": (0, 1),
    "Colours 1, 3": (0, 2),
    "Colours 2, 3": (1, 2),
    "Position": POSITION,
}


class EmbeddingPanel(Panel):
    """Colour layer, similarity layer and plot, each turned on and off."""

    NAME = "Explore"
    GUIDE = "Explore"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.exploration = Exploration(self.session, self.workspace.executor)
        self.layers = ExplorationLayers(self.workspace, self.exploration)
        self.plot: Any = None
        self.shown = QCheckBox("Show as a layer")
        self.refit = button("Re-fit colours", _REFIT, self.controller.colors.refit)
        self.similar = QCheckBox("Similarity to the pixel under the cursor")
        self.held = QCheckBox("Hold")
        self.reading = text()
        self.plotted = QCheckBox("Show")
        self.plane = Choice(_PLANE)
        self.clear = button("Deselect", _CLEAR, lambda: self.exploration.lasso(()))
        self.caption = text()
        self._lay_out()
        self._connect()
        self._refresh()
        self._show_reading()

    def retire(self) -> None:
        """Remove layers and close the plot too: pyqtgraph's menus outlive an unclosed plot."""
        self.layers.close()
        self.exploration.close()
        if self.plot is not None:
            self.plot.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        box, column = group("Embedding as colours", self.GUIDE)
        column.addLayout(_row(self.shown, self.refit))
        self.column.addWidget(box)
        box, column = group("Similarity", self.GUIDE)
        column.addWidget(self.similar)
        column.addLayout(_row(self.reading, self.held))
        self.column.addWidget(box)
        box, self._scatter = group("Scatter", self.GUIDE)
        row = QHBoxLayout()
        row.addWidget(self.plotted)
        row.addWidget(self.plane, 1)
        row.addWidget(self.clear)
        self._scatter.addLayout(row)
        self._scatter.addWidget(self.caption)
        self.column.addWidget(box)
        self.column.addStretch()

    def _connect(self) -> None:
        self.shown.toggled.connect(self.controller.colors.show)
        self.similar.toggled.connect(self.exploration.show_similarity)
        self.held.toggled.connect(self.exploration.hold)
        self.plotted.toggled.connect(self._show_plot)
        self.plane.activated.connect(self._choose_plane)
        session, state = self.session.events, self.exploration.state.events
        for signal in (session.colors_wanted, session.embedding_rgb, session.embedding_maps):
            self.follow(signal, self._refresh)
        for signal in (state.similarity_wanted, state.scatter_wanted, state.held):
            self.follow(signal, self._refresh)
            self.follow(signal, self._show_reading)
        for signal in (state.pick, state.cursor_distance, state.frame):
            self.follow(signal, self._show_reading)
        for signal in (state.pick, session.cluster_params, state.scatter):
            self.follow(signal, self._show_circle)
        self.follow(state.pick, self._refresh_held)
        self.follow(state.scatter, self._show_scatter)
        self.follow(state.selection, self._show_selection)
        self.follow(session.cluster_params, self._show_reading)

    # ---------------------------------------------------------------------- from the widgets

    def _show_plot(self, wanted: bool) -> None:
        """Make the plot when it is first wanted: the dock opens without pyqtgraph."""
        if wanted and self.plot is None:
            from napari_pixel_embedding._napari.explore.scatter_plot import ScatterPlot

            self.plot = ScatterPlot()
            follow_theme(self, self.plot)
            self.plot.lassoed.connect(self.exploration.lasso)
            self._scatter.insertWidget(1, self.plot)
        self.exploration.show_scatter(wanted)
        if self.plot is not None:
            self.plot.setVisible(wanted)

    def _choose_plane(self, index: int) -> None:
        self.exploration.set_components(_PLANES[self.plane.itemText(index)])

    # ------------------------------------------------------------------- following the session

    def _refresh(self, *_: Any) -> None:
        session, state = self.session, self.exploration.state
        _check(self.shown, session.colors_wanted)
        _check(self.similar, state.similarity_wanted)
        _check(self.plotted, state.scatter_wanted)
        _check(self.held, state.held)
        missing = None if session.embedding_maps else _NO_RESULT
        nothing = session.embedding_rgb is None and state.scatter is None
        set_enabled(self.shown, _SHOWN, None)
        set_enabled(
            self.refit, _REFIT, "Show the embedding of a result first." if nothing else None
        )
        set_enabled(self.similar, _SIMILAR, missing)
        set_enabled(self.plotted, _PLOTTED, missing)
        self._refresh_held()
        self._refresh_scatter(missing)

    def _refresh_held(self, *_: Any) -> None:
        state = self.exploration.state
        disabled_reason = None
        if not self.session.embedding_maps:
            disabled_reason = _NO_RESULT
        elif not (state.similarity_wanted or state.scatter_wanted):
            disabled_reason = "Show the similarity or the scatter first."
        elif state.pick is None:
            disabled_reason = "Move the cursor over the image first."
        set_enabled(self.held, _HELD, disabled_reason)

    def _refresh_scatter(self, missing: str | None) -> None:
        state, maps = self.exploration.state, self.session.embedding_maps
        unseen = missing or (None if state.scatter_wanted else "Show the scatter first.")
        position = bool(maps) and maps[0].position_channels >= 2
        names = [n for n, plane in _PLANES.items() if position or plane is not POSITION]
        chosen = next(n for n, plane in _PLANES.items() if plane == state.components)
        self.plane.refill([(name, name) for name in names], chosen)
        set_enabled(self.plane, _PLANE, unseen)
        none = None if state.choice is not None else "Nothing is selected."
        set_enabled(self.clear, _CLEAR, unseen or none)

    def _show_reading(self, *_: Any) -> None:
        state, params = self.exploration.state, self.session.cluster_params
        looking = state.similarity_wanted or state.scatter_wanted
        if not (looking and self.session.embedding_maps):
            self.reading.setText("")
        elif state.pick is None:
            self.reading.setText("Move the cursor over the image.")
        elif not state.held:
            self.reading.setText(f"Pixel {_place(state)}. Click to hold it.")
        elif state.cursor_distance is None or params is None:
            self.reading.setText(f"Pixel {_place(state)} is held.")
        else:
            side = "within" if state.cursor_distance <= params.bandwidth else "beyond"
            self.reading.setText(
                f"{_place(state)} to cursor: {state.cursor_distance:.2f}, {side} the bandwidth"
            )

    def _show_scatter(self, scatter: Scatter | None) -> None:
        if self.plot is not None:
            self.plot.show_scatter(scatter)
        self._refresh()
        self._show_caption()

    def _show_circle(self, *_: Any) -> None:
        state, params = self.exploration.state, self.session.cluster_params
        if self.plot is None:
            return
        center, radius = None, 0.0
        if state.pick is not None and state.scatter is not None and params is not None:
            center = state.scatter.place(state.pick)
            radius = disc_radius(state.scatter.emap.space, params.bandwidth)
        self.plot.show_circle(center, radius)
        self._show_caption()

    def _show_selection(self, selection: Selection | None) -> None:
        if self.plot is not None:
            lasso = () if selection is None else selection.choice.lasso
            self.plot.show_marks(None if selection is None else selection.marks)
            self.plot.show_lasso(lasso)
        self._refresh()
        self._show_caption()

    def _show_caption(self) -> None:
        state, params = self.exploration.state, self.session.cluster_params
        scatter, selection = state.scatter, state.selection
        self.caption.setVisible(scatter is not None)
        if scatter is None:
            return
        if scatter.cloud.count == 0:
            self.caption.setText("No foreground: the model sees background only.")
            return
        lines = [f"{scatter.cloud.count:,} pixels"]
        if selection is not None:
            objects = len(selection.ids)
            plural = "" if objects == 1 else "s"
            lines = [f"{selection.pixel_count:,} pixels, {objects:,} object{plural} selected"]
        if state.pick is not None and params is not None:
            lines.append(f"circle: bandwidth {params.bandwidth:.2f}")
        self.caption.setText(" · ".join(lines))
        self.caption.setToolTip(_circle_meaning(scatter))


def _circle_meaning(scatter: Scatter) -> str:
    """Describe the circle: the plane has fewer directions than the embedding."""
    lines = [
        "The circle is the bandwidth around the picked pixel. All pixels within the bandwidth lie "
        "in it; others may too, because they can differ in directions that the plot does not show."
    ]
    if scatter.emap.space == "cosine":
        lines.append("Vectors have length one here; the radius is the chord √(2 · bandwidth).")
    if scatter.emap.position_channels and scatter.components is not None:
        lines.append(
            "Positions repeat after a few objects, as the colours do: choose the plane Position "
            "to tell far objects apart."
        )
    return "\n\n".join(lines)


def _place(state: ExplorationState) -> str:
    """Return the picked pixel's index as text, with its frame when another one is in view."""
    if state.pick is None:
        return ""
    frame = f" of frame {state.pick.frame}" if state.pick.frame != state.frame else ""
    return f"({', '.join(map(str, state.pick.index))}){frame}"


def _check(box: QCheckBox, checked: bool) -> None:
    """Set a check box without emitting a signal."""
    box.blockSignals(True)
    box.setChecked(checked)
    box.blockSignals(False)


def _row(first: QWidget, *others: QWidget) -> QHBoxLayout:
    """Lay widgets in a row, the first as wide as there is room."""
    row = QHBoxLayout()
    row.addWidget(first, 1)
    for widget in others:
        row.addWidget(widget)
    return row

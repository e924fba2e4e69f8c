"""Tools on a labels layer: clicks, lines, wheel, keys, and the overlay of marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding._napari.layers.object_picker import MODIFIER, pixel_at
from napari_pixel_embedding._napari.layers.overlay import Overlay
from napari_pixel_embedding._napari.layers.placement import Alignment
from napari_pixel_embedding._napari.layers.shortcuts import ESCAPE, KEYS, Shortcuts
from napari_pixel_embedding.session.correct.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.correct.toolbox import Picks, Preview, Toolbox
    from napari_pixel_embedding.session.correct.tools import Tool

_CLICK = 4
"""Canvas pixels that the mouse may move during a click."""

_AT_REST = "pan_zoom"
_DOT = 2
"""Half the side of the square that marks a seed, in pixels of the image."""

_FAINT, _STRONG = 1, 2

Index = tuple[int, ...]


class ToolLayer(QObject):
    """Connects a toolbox to the current labels layer of a workspace.

    A tool works while the labels layer is the active one and in its "pan and zoom" mode: choosing
    another layer, or napari's own brush, deselects the tool. Only callbacks and keys of the layer
    are used, and all of them are removed again.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    toolbox : Toolbox
        Receives clicks; its state is shown.
    actions : mapping of str to callable
        Actions of further keys.
    decisions : mapping of str to callable
        For some tools, what their key does instead of choosing them, if it returns True.
    """

    def __init__(
        self,
        workspace: Workspace,
        toolbox: Toolbox,
        actions: Mapping[str, Callable[[], Any]],
        decisions: Mapping[str, Callable[[], bool]],
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._viewer = workspace.viewer
        self._session = workspace.session
        self._toolbox = toolbox
        self._layer: Labels | None = None
        self._keys: Shortcuts | None = None
        self._escape: Shortcuts | None = None
        self._line: tuple[Index, ...] = ()
        self._marked: tuple[int, tuple[slice, ...]] | None = None
        self.overlay = Overlay(
            self._viewer,
            self._session,
            workspace.layers.follower,
            "tool",
            0,
            np.uint8,
            colormap="yellow",
            blending="additive",
            contrast_limits=(0, _STRONG),
            opacity=0.8,
        )
        tools = {
            KEYS[tool.name]: _choosing(self, tool.name, decisions.get(tool.name)) for tool in TOOLS
        }
        self._actions = {**tools, **actions}
        self._checking = QTimer(self)
        self._checking.setSingleShot(True)
        self._checking.timeout.connect(self._check_active)
        for signal, slot in self._signals():
            signal.connect(slot)
        self._follow_labels()

    def _signals(self) -> list[tuple[Any, Any]]:
        events, layers = self._toolbox.state.events, self._viewer.layers
        return [
            (events.tool, self._follow_tool),
            (events.picks, self._draw),
            (events.preview, self._draw),
            (self._session.events.embedding_maps, self._forget_marks),
            (self._session.events.labels, self._follow_labels),
            (layers.events.removed, self._follow_labels),
            (self._viewer.dims.events.ndisplay, self._let_drags_draw),
            (layers.selection.events.active, self._active_changed),
        ]

    def close(self) -> None:
        """Deselect the tool, and disconnect from layer and viewer."""
        self._toolbox.choose(None)
        self._checking.stop()
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._watch(None)
        self.overlay.remove()

    def choose(self, name: str | None) -> None:
        """Select a tool and the labels layer; None, or the same tool again, deselects it."""
        state = self._toolbox.state
        if name is None or (state.tool is not None and state.tool.name == name):
            self._toolbox.choose(None)
        else:
            self.take(name)

    def take(self, name: str) -> None:
        """Select a tool and the labels layer."""
        layer = self._workspace.layers.select_labels()
        if layer is not None:
            layer.mode = _AT_REST
            self._toolbox.choose(name)

    # ------------------------------------------------------------------------ the labels layer

    def _follow_labels(self, *_: Any) -> None:
        layer = self._workspace.layers.labels_layer
        self._watch(layer if layer in self._viewer.layers else None)

    def _watch(self, layer: Labels | None) -> None:
        if layer is self._layer:
            return
        if self._layer is not None:
            self._leave_layer(self._layer)
        self._layer = layer
        if layer is not None:
            layer.mouse_drag_callbacks.insert(0, self._pressed)
            layer.mouse_wheel_callbacks.insert(0, self._wheeled)
            layer.mouse_move_callbacks.append(self._moved)
            layer.events.mode.connect(self._mode_changed)
            self._keys = Shortcuts(layer, self._actions)

    def _leave_layer(self, layer: Labels) -> None:
        self._toolbox.choose(None)
        layer.mouse_drag_callbacks.remove(self._pressed)
        layer.mouse_wheel_callbacks.remove(self._wheeled)
        layer.mouse_move_callbacks.remove(self._moved)
        layer.events.mode.disconnect(self._mode_changed)
        if self._keys is not None:
            self._keys.close()
            self._keys = None

    def _active_changed(self, event: Any) -> None:
        self._checking.start()  # adding a layer of ours makes it active for a moment

    def _check_active(self) -> None:
        if self._viewer.layers.selection.active is not self._layer:
            self._toolbox.choose(None)

    def _mode_changed(self, event: Any) -> None:
        if self._layer is not None and self._layer.mode != _AT_REST:
            self._toolbox.choose(None)

    def _follow_tool(self, tool: Tool | None) -> None:
        """Let drags draw if the tool draws, and Escape leave the tool."""
        if self._escape is not None:
            self._escape.close()
            self._escape = None
        if self._layer is not None:
            self._let_drags_draw()
            if tool is not None:
                self._escape = Shortcuts(self._layer, {ESCAPE: self._toolbox.leave})
        if tool is None:
            self._forget_marks()

    def _let_drags_draw(self, *_: Any) -> None:
        """Disable panning by drags while the tool draws; 3-D views still rotate."""
        tool = self._toolbox.state.tool
        draws = tool is not None and tool.drags and self._viewer.dims.ndisplay == 2
        if self._layer is not None:
            self._layer.mouse_pan = self._layer.mode == _AT_REST and not draws

    # -------------------------------------------------------------------------------- the mouse

    def _pressed(self, layer: Labels, event: Any) -> Iterator[None]:
        tool = self._toolbox.state.tool
        if tool is None or event.button != 1:
            return
        event.handled = True
        start, more = np.asarray(event.pos, float), MODIFIER in event.modifiers
        point, line = pixel_at(layer, event), [self._index(layer, event)]
        drags = tool.drags and self._viewer.dims.ndisplay == 2
        yield
        far = False
        while event.type == "mouse_move":
            far = far or _far(start, event)
            if drags:
                line.append(self._index(layer, event))
                self._show_line(line)
            yield
        self._show_line([])
        line.append(self._index(layer, event))  # napari reports a fast move in parts
        if drags and (far or _far(start, event)):
            self._finish_line(line, more)
        elif point is not None and not far:
            frame, pixel = self._place(Alignment.of(self._session).lift_index(point))
            self._toolbox.click(frame, pixel, more)

    def _finish_line(self, line: list[Index], more: bool) -> None:
        traced = _traced(line)
        frame = self._place(traced[0])[0]
        self._toolbox.draw(frame, [self._place(index)[1] for index in traced], more)

    def _moved(self, layer: Labels, event: Any) -> None:
        tool = self._toolbox.state.tool
        if tool is not None and tool.name == "add":
            point = pixel_at(layer, event)
            if point is None:
                self._toolbox.hover(0, None)
            else:
                self._toolbox.hover(*self._place(Alignment.of(self._session).lift_index(point)))

    def _wheeled(self, layer: Labels, event: Any) -> None:
        tool = self._toolbox.state.tool
        if tool is not None and tool.name == "add" and tuple(event.modifiers) == (MODIFIER,):
            event.handled = True
            self._toolbox.turn(float(np.clip(np.sum(event.delta), -1, 1)))

    def _index(self, layer: Labels, event: Any) -> Index:
        """Index ([t,] [z,] y, x) under the cursor, also beside the image."""
        index = np.round(np.asarray(layer.world_to_data(event.position))).astype(int)
        return Alignment.of(self._session).lift_index(tuple(index.tolist()))

    def _place(self, index: Index) -> tuple[int, Index]:
        return (index[0], index[1:]) if self._session.has_frames else (0, index)

    # ---------------------------------------------------------------------------- the marks

    def _show_line(self, line: list[Index]) -> None:
        self._line = tuple(_traced(line)) if line else ()
        self._draw()

    def _draw(self, *_: Any) -> None:
        """Show what a click would add, the clicks so far, and the line being drawn."""
        state = self._toolbox.state
        if state.tool is None or not self._session.embedding_maps:
            return
        marked, self._marked = self._marked, None
        if marked is not None and marked[0] < len(self._session.embedding_maps):
            self.overlay.show(*marked, np.zeros(1, np.uint8))
        found = _marks(self._shape, state.preview, state.picks, self._pixels_of_line())
        if found is not None:
            frame, region, values = found
            self._marked = (frame, region)
            self.overlay.show(frame, region, values)

    def _forget_marks(self, *_: Any) -> None:
        """Remove the marks: they belong to another ROI or image."""
        self._marked = None
        self.overlay.remove()

    def _pixels_of_line(self) -> tuple[int, list[Index]]:
        places = [self._place(index) for index in self._line]
        return (places[0][0] if places else 0), [pixel for _, pixel in places]

    @property
    def _shape(self) -> Index:
        return tuple(self._session.embedding_maps[0].shape)


def _choosing(tools: ToolLayer, name: str, decide: Callable[[], bool] | None) -> Callable[[], None]:
    def run() -> None:
        if decide is None or not decide():
            tools.choose(name)

    return run


def _far(start: NDArray[np.float64], event: Any) -> bool:
    """Whether the mouse has moved too far for a click."""
    return bool(np.abs(np.asarray(event.pos, float) - start).max() > _CLICK)


def _traced(line: list[Index]) -> list[Index]:
    """Fill the gaps between positions of a fast mouse move."""
    traced = [line[0]]
    for end in line[1:]:
        start = np.array(traced[-1])
        count = int(np.abs(end - start).max()) + 1
        steps = np.round(np.linspace(start, end, count)).astype(int)[1:]
        traced.extend(map(tuple, steps.tolist()))
    return traced


def _marks(
    shape: Index,
    preview: Preview | None,
    picks: Picks,
    line: tuple[int, list[Index]],
) -> tuple[int, tuple[slice, ...], NDArray[np.uint8]] | None:
    """Draw marks into the smallest region that holds them: frame, region and values."""
    if preview is not None:
        return preview.frame, preview.box, _FAINT * preview.mask.astype(np.uint8)
    dots = [pixel for stroke in picks.strokes for pixel in stroke]
    frame = line[0] if line[1] else picks.frame
    pixels = np.array([p for p in [*dots, *line[1]] if _within(p, shape)], int)
    if not len(pixels):
        return None
    low = np.maximum(pixels.min(axis=0) - _DOT, 0)
    high = np.minimum(pixels.max(axis=0) + _DOT + 1, shape)
    values = np.zeros(high - low, np.uint8)
    for pixel, reach in [*((p, _DOT) for p in dots), *((p, 0) for p in line[1])]:
        if _within(pixel, shape):
            values[_square(np.array(pixel) - low, reach)] = _STRONG
    region = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    return frame, region, values


def _square(middle: NDArray[np.int64], reach: int) -> tuple[slice, ...]:
    """Return a square around a pixel, in its plane."""
    *planes, y, x = middle.tolist()
    sides = (slice(max(n - reach, 0), n + reach + 1) for n in (y, x))
    return (*(slice(z, z + 1) for z in planes), *sides)


def _within(pixel: Index, shape: Index) -> bool:
    return all(0 <= n < size for n, size in zip(pixel, shape, strict=True))

"""State of the tools: the chosen tool, the clicks so far, and the edits that they make."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.core.clustering.params import bandwidth_range, default_bandwidth
from napari_pixel_embedding.core.corrections.embedding_edits import grow_like
from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.correct.tools import BY_NAME
from napari_pixel_embedding.session.jobs import JobQueue, without_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.session.correct.edits import Comparison, Edit, Pixel
    from napari_pixel_embedding.session.correct.tools import Tool
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.session import Session

SIMILARITY_STEP = 1.1
"""Factor on the similarity threshold for each notch of the mouse wheel."""

_WIDEST = 4.0
"""Largest similarity threshold, in default bandwidths."""


@dataclass(frozen=True, eq=False)
class Picks:
    """Clicked pixels or drawn strokes of one frame."""

    frame: int = 0
    strokes: tuple[tuple[Pixel, ...], ...] = ()

    def plus(self, frame: int, stroke: Sequence[Pixel]) -> Picks:
        """Add a stroke; in another frame it replaces the earlier ones."""
        earlier = self.strokes if frame == self.frame else ()
        return Picks(frame, (*earlier, tuple(stroke)))


@dataclass(frozen=True, eq=False)
class Preview:
    """Object that a click with the tool "add" would add."""

    frame: int
    box: tuple[slice, ...]
    mask: NDArray[np.bool_]


@dataclass
class ToolState:
    """State of the tools. Only :class:`Toolbox` writes it.

    Parameters
    ----------
    tool : Tool, optional
        The chosen one.
    picks : Picks
        Clicks with it so far.
    similarity_threshold : float
        Largest distance, in embedding space, from an added object's pixels to the clicked one.
    preview : Preview, optional
        Of the pixel under the cursor.
    comparison : Comparison, optional
        Of the two pixels that were clicked last.
    hint : str
        What to click next.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators=dict.fromkeys(("tool", "picks", "preview"), operator.is_)
    )

    tool: Tool | None = None
    picks: Picks = field(default_factory=Picks)
    similarity_threshold: float = 0.0
    preview: Preview | None = None
    comparison: Comparison | None = None
    hint: str = ""


class Toolbox:
    """Turns clicks into edits, one tool at a time.

    Parameters
    ----------
    session : Session
        Only ``edit_status`` is written.
    edit : callable
        Called with every edit.
    executor : Executor
        Runs the jobs of previews and comparisons.
    """

    def __init__(self, session: Session, edit: Callable[[Edit], None], executor: Executor) -> None:
        self.state = ToolState()
        self._edit = edit
        self._session = session
        self._previews = JobQueue(executor, "newest waits")
        self._comparisons = JobQueue(executor, "newest waits")
        self._under: tuple[int, Pixel] | None = None
        self._session.events.embedding_maps.connect(self._begin)
        self._session.events.labels.connect(self._update_preview)
        self._begin()

    def close(self) -> None:
        """Deselect the tool and disconnect from the session."""
        self._session.events.embedding_maps.disconnect(self._begin)
        self._session.events.labels.disconnect(self._update_preview)
        self.choose(None)

    # -------------------------------------------------------------------------- intentions

    def choose(self, name: str | None) -> None:
        """Select a tool; None deselects it."""
        self.state.tool = None if name is None else BY_NAME[name]
        self._session.edit_status = ""
        self._restart()

    def leave(self) -> None:
        """Clear the clicks so far; if there are none, deselect the tool."""
        if self.state.picks.strokes:
            self._restart()
        else:
            self.choose(None)

    def click(self, frame: int, pixel: Pixel, more: bool = False) -> None:
        """Use the tool on a pixel.

        Parameters
        ----------
        frame : int
            Index of the embedding map.
        pixel : tuple of int
            ([z,] y, x), within the frame.
        more : bool
            Whether more seeds of the same split will follow.
        """
        tool = self.state.tool
        if tool is None or self._map(frame) is None:
            return
        if tool.name in ("merge", "split", "compare"):
            self._pick(tool, frame, (pixel,), more)
        elif tool.name == "add":
            self._edit(edits.add(frame, pixel, self.state.similarity_threshold))
        else:
            self._edit(_ON_OBJECT[tool.name](frame, pixel))

    def draw(self, frame: int, line: Sequence[Pixel], more: bool = False) -> None:
        """Use the tool along a line, whose pixels may lie outside the image.

        A line that starts and ends in one object is a seed of a split; any other line cuts.
        """
        tool, emap = self.state.tool, self._map(frame)
        if tool is None or emap is None:
            return
        inside = [p for p in line if _within(p, emap.shape)]
        if tool.name == "merge" and inside:
            self._restart()
            self._edit(edits.merge(frame, inside))
        elif tool.name == "split" and self._is_seed(frame, line):
            self._pick(tool, frame, inside, more)
        elif tool.name == "split":
            self._restart()
            self._edit(edits.cut(frame, line))

    def hover(self, frame: int, pixel: Pixel | None) -> None:
        """Update the preview for the pixel under the cursor; None outside the image."""
        self._under = None if pixel is None else (frame, pixel)
        self._update_preview()

    def set_similarity_threshold(self, similarity_threshold: float) -> None:
        """Set the largest distance from an added object's pixels to the clicked one."""
        low, high = self.similarity_range
        self.state.similarity_threshold = min(max(similarity_threshold, low), high)
        self._update_preview()

    def turn(self, notches: float) -> None:
        """Change the similarity threshold by wheel notches; up adds pixels."""
        self.set_similarity_threshold(self.state.similarity_threshold * SIMILARITY_STEP**notches)

    @property
    def similarity_range(self) -> tuple[float, float]:
        """Return the smallest and largest similarity threshold for the current embedding."""
        emap = self._map(0)
        if emap is None:
            return 0.0, 0.0
        usual = default_bandwidth(emap.space, emap.delta_var)
        return usual / 20, max(_WIDEST * usual, bandwidth_range(emap.space, emap.delta_var)[1])

    # ------------------------------------------------------------------------------- picks

    def _pick(self, tool: Tool, frame: int, stroke: Sequence[Pixel], more: bool) -> None:
        picks = self.state.picks.plus(frame, stroke)
        if len(picks.strokes) < 2 or (more and tool.name == "split"):
            self._show(picks)
            return
        if tool.name == "merge":
            self._edit(edits.merge(frame, [s[0] for s in picks.strokes]))
            self._show(Picks(frame, picks.strokes[:1]))  # further clicks join the first object
        elif tool.name == "split":
            self._edit(edits.split(frame, picks.strokes))
            self._restart()
        else:
            self._compare(frame, picks.strokes[0][0], picks.strokes[1][0])
            self._restart()

    def _is_seed(self, frame: int, line: Sequence[Pixel]) -> bool:
        labels: Any = self._session.labels
        labels = labels[frame] if self._session.has_frames else labels
        ends = [int(labels[p]) if _within(p, labels.shape) else 0 for p in (line[0], line[-1])]
        return ends[0] > 0 and ends[0] == ends[1]

    def _show(self, picks: Picks) -> None:
        state, tool = self.state, self.state.tool
        state.picks = picks
        count = len(picks.strokes)
        state.hint = "" if tool is None else tool.hints[min(count, len(tool.hints) - 1)]

    def _restart(self) -> None:
        self._show(Picks())
        self._update_preview()

    def _begin(self, *_: Any) -> None:
        """Clear what belongs to the previous embedding."""
        self._comparisons.cancel()
        self.state.comparison, self._under = None, None
        emap = self._map(0)
        if emap is not None:
            params = self._session.cluster_params
            usual = default_bandwidth(emap.space, emap.delta_var)
            self.state.similarity_threshold = usual if params is None else params.bandwidth
        self._restart()

    def _map(self, frame: int) -> EmbeddingMap | None:
        maps = self._session.embedding_maps
        return maps[frame] if 0 <= frame < len(maps) else None

    # -------------------------------------------------------------------------------- work

    def _compare(self, frame: int, first: Pixel, second: Pixel) -> None:
        session, params = self._session, self._session.cluster_params
        if params is None:
            return
        self._comparisons.start(
            without_report(
                edits.compare,
                session.embedding_maps[frame],
                session.cluster_indices[frame],
                params,
                frame,
                first,
                second,
            ),
            done=partial(setattr, self.state, "comparison"),
            failed=self._say,
        )

    def _update_preview(self, *_: Any) -> None:
        state, under, labels = self.state, self._under, self._session.labels
        adding = state.tool is not None and state.tool.name == "add"
        if not adding or under is None or labels is None:
            self._previews.cancel()
            state.preview = None
            return
        frame, pixel = under
        emap, fixed = self._session.embedding_maps[frame], self._session.corrections
        at: Any = frame if self._session.has_frames else ...
        self._previews.start(
            without_report(
                _preview,
                frame,
                partial(
                    grow_like,
                    emap,
                    labels[at],
                    pixel,
                    state.similarity_threshold,
                    None if fixed is None else fixed[at],
                ),
            ),
            done=partial(setattr, state, "preview"),
            failed=self._no_preview,
        )

    def _no_preview(self, error: Exception) -> None:
        self.state.preview = None

    def _say(self, error: Exception) -> None:
        self._session.edit_status = str(error)


_ON_OBJECT: dict[str, Callable[[int, Pixel], Edit]] = {
    "delete": edits.delete,
    "fill": edits.fill,
    "smooth": edits.smooth,
    "accept": edits.lock,
    "unlock": edits.unlock,
}


def _preview(frame: int, grow: Callable[[], Any]) -> Preview:
    box, mask = grow()
    return Preview(frame, box, mask)


def _within(pixel: Pixel, shape: tuple[int, ...]) -> bool:
    return all(0 <= n < size for n, size in zip(pixel, shape, strict=True))

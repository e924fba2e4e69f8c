"""Exploring an embedding: similarity to a pixel, and a scatter plot of the vectors."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.core.embedding.similarity import vector_at
from napari_pixel_embedding.session.explore import views
from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.session import Session

_BY_IDENTITY = ("pick", "similarity", "scatter", "choice", "selection")


@dataclass
class ExplorationState:
    """What is explored, and the results. Only :class:`Exploration` writes it.

    Parameters
    ----------
    similarity_wanted, scatter_wanted : bool
        Intention: whether ``similarity``, and ``scatter``, are kept up to date.
    held : bool
        Intention: whether the pick stays where it is when the cursor moves.
    frame : int
        Intention: index of the embedding map that is explored.
    region : tuple of slice, optional
        Intention: the pixels of that frame in view, ([Z,] Y, X); None for all.
    components : tuple of int, optional
        Intention: the plane of the scatter.
    choice : Choice, optional
        Intention: the selection, a lasso or objects.
    pick : Pick, optional
        The pixel that others are compared with.
    cursor_distance : float, optional
        Distance from the vector under the cursor to the picked one.
    similarity : Similarity, optional
    scatter : Scatter, optional
    selection : Selection, optional
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators=dict.fromkeys(_BY_IDENTITY, operator.is_)
    )

    similarity_wanted: bool = False
    scatter_wanted: bool = False
    held: bool = False
    frame: int = 0
    region: tuple[slice, ...] | None = None
    components: tuple[int, int] | None = (0, 1)
    choice: views.Choice | None = None
    pick: views.Pick | None = None
    cursor_distance: float | None = None
    similarity: views.Similarity | None = None
    scatter: views.Scatter | None = None
    selection: views.Selection | None = None


class Exploration:
    """Keeps an :class:`ExplorationState` in step with a session.

    Parameters
    ----------
    session : Session
        Observed; only its colour basis is written, which colours and plot share.
    executor : Executor
        Runs the jobs.
    """

    def __init__(self, session: Session, executor: Executor) -> None:
        self.state = ExplorationState()
        self._session = session
        self._messages = Messages(session)
        self._similarities = JobQueue(executor, "newest waits")
        self._scatters = JobQueue(executor, "newest waits")
        self._selections = JobQueue(executor, "newest waits")
        session.events.embedding_maps.connect(self._follow_maps)
        session.events.color_basis.connect(self._follow_basis)
        session.events.labels.connect(self._update_selection)

    def close(self) -> None:
        """Disconnect from the session."""
        events = self._session.events
        events.embedding_maps.disconnect(self._follow_maps)
        events.color_basis.disconnect(self._follow_basis)
        events.labels.disconnect(self._update_selection)
        self._cancel()

    # -------------------------------------------------------------------------- intentions

    def show_similarity(self, wanted: bool) -> None:
        """Turn the distances to the picked pixel on or off; while on, they are kept up to date."""
        self.state.similarity_wanted = wanted
        self._update_similarity()

    def show_scatter(self, wanted: bool) -> None:
        """Turn the plot on or off; turning it off drops its selection too."""
        self.state.scatter_wanted = wanted
        if not wanted:
            self.state.choice = None
        self._update_scatter()

    def set_components(self, components: tuple[int, int] | None) -> None:
        """Choose the plane of the plot; drops a lasso, which belongs to one plane."""
        if components != self.state.components:
            self.state.components = components
            self._drop_lasso()
            self._update_scatter()

    def look_at(self, frame: int, region: tuple[slice, ...] | None = None) -> None:
        """Explore another frame, or another region of it; a held pick stays."""
        state = self.state
        moved, state.frame = frame != state.frame, frame
        if moved or region != state.region:
            state.region = region
            self._update_similarity()
        if moved:
            self._update_scatter()

    def hover(self, frame: int, index: Sequence[int]) -> None:
        """Handle a cursor move: pick its pixel unless one is held, and compare it with the pick."""
        if not self.state.held:
            self._pick(frame, index)
        self.state.cursor_distance = self._distance_to(frame, index)

    def hold(self, held: bool) -> None:
        """Hold the pick, or let it follow the cursor again."""
        self.state.held = held

    def pin(self, frame: int, index: Sequence[int]) -> None:
        """Pick a pixel and hold it."""
        if self._pick(frame, index):
            self.state.held = True
            self.state.cursor_distance = 0.0

    def lasso(self, corners: Sequence[Sequence[float]]) -> None:
        """Select the points inside a closed curve in the plot; no corners clear the selection."""
        points = tuple((float(x), float(y)) for x, y in corners)
        self._choose(views.Choice(lasso=points) if len(points) >= 3 else None)

    def choose_objects(self, ids: Sequence[int]) -> None:
        """Select objects of the labels."""
        chosen = tuple(int(i) for i in ids if i > 0)
        self._choose(views.Choice(ids=chosen) if chosen else None)

    def _choose(self, choice: views.Choice | None) -> None:
        self.state.choice = choice
        self._update_selection()

    def _drop_lasso(self) -> None:
        if self.state.choice is not None and self.state.choice.lasso:
            self.state.choice = None

    # ------------------------------------------------------------------------ the picked pixel

    def _pick(self, frame: int, index: Sequence[int]) -> bool:
        emap, position = self._map(frame), tuple(int(i) for i in index)
        pick = self.state.pick
        if pick is not None and (pick.frame, pick.index) == (frame, position):
            return True
        if emap is None:
            return False
        try:
            vector = vector_at(emap, position)
        except ValueError:  # outside the image, or no vector there: the last pick stays
            return False
        self.state.pick = views.Pick(frame, position, vector)
        self._update_similarity()
        return True

    def _distance_to(self, frame: int, index: Sequence[int]) -> float | None:
        emap, pick = self._map(frame), self.state.pick
        if emap is None or pick is None:
            return None
        try:
            vector = vector_at(emap, index)
        except ValueError:
            return None
        if emap.space == "cosine":
            return max(0.0, 1.0 - float(vector @ pick.vector))
        return float(np.linalg.norm(vector - pick.vector))

    def _map(self, frame: int) -> EmbeddingMap | None:
        maps = self._session.embedding_maps
        return maps[frame] if 0 <= frame < len(maps) else None

    # ------------------------------------------------------------------- following the session

    def _follow_maps(self, maps: tuple[EmbeddingMap, ...]) -> None:
        """Clear what belongs to the previous embedding; keep the pick and selected objects."""
        self._cancel()
        state, pick = self.state, self.state.pick
        state.similarity = state.selection = None
        state.pick = state.cursor_distance = None
        self._drop_lasso()
        if not maps:
            state.held, state.frame, state.region, state.choice = False, 0, None, None
        else:
            state.frame = min(state.frame, len(maps) - 1)
        if pick is not None:
            self._pick(pick.frame, pick.index)
        if not maps or maps[0].position_channels < 2:
            state.components = state.components or (0, 1)
        self._update_scatter()

    def _follow_basis(self, basis: ColorBasis | None) -> None:
        shown = self.state.scatter
        if shown is None or shown.basis is not basis:
            self._drop_lasso()
            self._update_scatter()

    def _cancel(self) -> None:
        for queue in (self._similarities, self._scatters, self._selections):
            queue.cancel()

    # -------------------------------------------------------------------------------- results

    def _update_similarity(self) -> None:
        state, emap = self.state, self._map(self.state.frame)
        if not state.similarity_wanted or state.pick is None or emap is None:
            self._similarities.cancel()
            state.similarity = None
            return
        self._similarities.start(
            without_report(views.similarity, emap, state.frame, state.pick, state.region),
            done=partial(setattr, state, "similarity"),
            failed=partial(self._messages.fail, "comparing pixels"),
        )

    def _update_scatter(self) -> None:
        state, maps = self.state, self._session.embedding_maps
        if not state.scatter_wanted or self._map(state.frame) is None:
            self._scatters.cancel()
            state.scatter = None
            self._update_selection()
            return
        basis = self._session.color_basis
        self._scatters.start(
            without_report(views.scatter, maps, state.frame, basis, state.components),
            done=partial(self._take_scatter, maps),
            failed=partial(self._messages.fail, "plotting the embedding"),
        )

    def _take_scatter(self, maps: tuple[EmbeddingMap, ...], scatter: views.Scatter) -> None:
        if maps is not self._session.embedding_maps:
            return
        self.state.scatter = scatter
        self._session.color_basis = scatter.basis
        self._update_selection()

    def _update_selection(self, *_: Any) -> None:
        state = self.state
        if state.scatter is None or state.choice is None:
            self._selections.cancel()
            state.selection = None
            return
        self._selections.start(
            without_report(views.select, state.scatter, self._labels(state.scatter), state.choice),
            done=partial(setattr, state, "selection"),
            failed=partial(self._messages.fail, "selecting"),
        )

    def _labels(self, scatter: views.Scatter) -> NDArray[Any] | None:
        """Return the labels of the plotted frame; None if there are none for it."""
        labels, shape = self._session.labels, scatter.cloud.shape
        if labels is not None and labels.ndim > len(shape):
            labels = labels[scatter.frame]
        return labels if labels is not None and labels.shape == shape else None

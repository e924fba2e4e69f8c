"""What the docks of one viewer share: session, controller, threads and layers."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_pixel_embedding._napari.layers.present_image import PresentImage
from napari_pixel_embedding._napari.layers.results import ResultLayers
from napari_pixel_embedding._napari.qt_jobs import ThreadExecutor, prepare
from napari_pixel_embedding._napari.remembered import Choices, read_choices, remember
from napari_pixel_embedding._napari.settings import read_settings
from napari_pixel_embedding.core.corrections.journal import FOLDER
from napari_pixel_embedding.core.io.leftovers import sweep_leftovers
from napari_pixel_embedding.core.io.user_folder import user_folder
from napari_pixel_embedding.session import Engine, Session, SessionController
from napari_pixel_embedding.session.closing import close_all
from napari_pixel_embedding.session.recipe.recipes import Recipes

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_pixel_embedding.session import TrainingRun
    from napari_pixel_embedding.session.measure.measurement import Measurement
    from napari_pixel_embedding.session.recipe.recipes import FolderResult
    from napari_pixel_embedding.session.state.results import Recovery
    from napari_pixel_embedding.session.train.training import TrainingState

T = TypeVar("T")
_WARM_UP_MS = 500
"""Delay after the first dock opens: the window is drawn before kernels are compiled."""


class Workspace(QObject):
    """One viewer's session, controller, threads and layers.

    All panels docked in a viewer share it, and the last one to leave closes it. A new panel finds
    it through the panels docked in the same window, so there is no registry of viewers to clean up.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer itself, not napari's proxy.

    Attributes
    ----------
    settings : Settings
        Those of the preferences when the first panel opened.
    choices : Choices
        What was chosen last in an earlier start; nothing where that is turned off.
    training_made : Signal
        There is a training on a folder now, see ``training_state``.
    closing : Signal
        The last panel leaves.
    """

    training_made = Signal()
    closing = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.session = Session()
        self.executor = ThreadExecutor(self)
        self._engine = engine = Engine()
        self.settings = settings = read_settings()
        self.choices = read_choices() if settings.remember else Choices()
        self.controller = SessionController(
            self.session,
            self.executor,
            engine,
            autosave_folder=user_folder() / FOLDER if settings.autosave else None,
        )
        of_settings = settings.device if settings.device != "auto" else None
        self.controller.set_device(of_settings or self.choices.device or "auto")
        self._warming = QTimer(self)
        self._warming.setSingleShot(True)
        self._warming.timeout.connect(lambda: prepare(engine.warm_up))
        self._warming.timeout.connect(lambda: prepare(sweep_leftovers))
        self._warming.start(_WARM_UP_MS)
        self._training: TrainingRun | None = None
        self.recipes = Recipes(self.session, self.executor, engine, _tell_folder)
        self._measurement: Measurement | None = None
        self._parts: dict[type[Any], Any] = {}
        self.layers = ResultLayers(viewer, self.controller)
        self.present = PresentImage(viewer, self.layers, self.session)
        self._panels: set[int] = set()
        self._closed = self._offered = False
        self.session.events.error.connect(self._notify)
        self.session.events.recoveries.connect(self._offer)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    @classmethod
    def of(cls, viewer: Any) -> Workspace:
        """Return the workspace of the panels docked in a viewer, or make one.

        Parameters
        ----------
        viewer : napari.Viewer
            The viewer, or the proxy of it that napari gives to plugins.
        """
        viewer = _unwrapped(viewer)
        for widget in viewer.window.dock_widgets.values():
            workspace = getattr(widget, "workspace", None)
            if isinstance(workspace, cls) and not workspace.closed:
                return workspace
        return cls(viewer)

    @property
    def training(self) -> TrainingRun:
        """The training on a folder, made when it is first asked for: few windows need it."""
        if self._training is None:
            from napari_pixel_embedding.session import TrainingRun

            self._training = TrainingRun(self.session, self.executor, self._engine)
            self.training_made.emit()
        return self._training

    @property
    def training_state(self) -> TrainingState | None:
        """State of the training on a folder, if there is one."""
        return None if self._training is None else self._training.state

    def remember(self, **chosen: Any) -> None:
        """Keep choices for the next start, unless the preferences say otherwise."""
        if self.settings.remember:
            remember(**chosen)

    @property
    def measurement(self) -> Measurement:
        """The measurements of this viewer's objects, made when they are first asked for."""
        if self._measurement is None:
            from napari_pixel_embedding.session.measure.measurement import Measurement

            edit = self.controller.edits.start
            self._measurement = Measurement(self.session, self.executor, edit)
        return self._measurement

    def part(self, kind: type[T]) -> T:
        """Return what a panel has made for this viewer and what outlives the panel.

        Parameters
        ----------
        kind : type
            Made with the workspace when it is first asked for, and closed with it.
        """
        if kind not in self._parts:
            self._parts[kind] = kind(self)  # type: ignore[call-arg]
        found: T = self._parts[kind]
        return found

    @property
    def closed(self) -> bool:
        """Whether its last panel has left."""
        return self._closed

    def join(self, panel: QWidget) -> None:
        """Add a panel; it leaves by itself when Qt destroys it."""
        key = id(panel)
        self._panels.add(key)
        panel.destroyed.connect(lambda: self._leave(key))

    def leave(self, panel: QWidget) -> None:
        """Remove a panel; close with the last one."""
        self._leave(id(panel))

    def close(self) -> None:
        """Stop and wait for all work, and stop following the viewer; layers stay."""
        if self._closed:
            return
        self._closed = True
        self.closing.emit()
        made = (*self._parts.values(), self._training, self._measurement)
        parts = [part.close for part in made if part is not None]
        close_all(
            self._stop_warming,
            partial(self.session.events.error.disconnect, self._notify),
            partial(self.session.events.recoveries.disconnect, self._offer),
            self.present.close,
            self.layers.finish_strokes,  # one made in this turn of the event loop is saved too
            self.controller.close,
            self.recipes.close,
            *parts,
            self.executor.close,
            self.layers.close,
        )

    def _stop_warming(self) -> None:
        with contextlib.suppress(RuntimeError):  # at exit, Qt may have deleted the timer already
            self._warming.stop()

    def _leave(self, key: int) -> None:
        self._panels.discard(key)
        if not self._panels:
            self.close()

    def _notify(self, message: str | None) -> None:
        if message is not None:
            show_error(message)

    def _offer(self, recoveries: tuple[Recovery, ...]) -> None:
        """Point to earlier corrections when an image's are found, not when the list changes."""
        known, self._offered = self._offered, bool(recoveries)
        if known or not recoveries:
            return
        several = f" and {len(recoveries) - 1} more" if len(recoveries) > 1 else ""
        show_info(
            f"Earlier corrections of this image were found: {recoveries[0].description}{several}. "
            "Restore them in the tab Correct."
        )


def _tell_folder(result: FolderResult) -> None:
    """Show what came of a folder, also when no tab is in view."""
    (show_warning if result.failed else show_info)(result.summary())


def _unwrapped(viewer: Any) -> Any:
    """Return the viewer behind napari's proxy: layers compare by identity only without it."""
    return getattr(viewer, "__wrapped__", viewer)

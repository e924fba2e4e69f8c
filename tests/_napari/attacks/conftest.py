"""A window with every dock, and every kind of work it does in the background."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import tifffile
from qtpy.QtCore import QCoreApplication, QEvent

from napari_pixel_embedding import load_model, recipe_of, save_model
from napari_pixel_embedding._napari.export.dialogue import open_export
from napari_pixel_embedding._napari.qt_jobs import ThreadExecutor
from napari_pixel_embedding._napari.tabs import TABS
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.session.recipe.recipes import FolderRequest
from tests._napari.conftest import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding._napari.workspace import Workspace

WAIT = 60_000
BYSTANDER = 7
"""Value of the user's own labels, which nothing of ours may touch."""


@dataclass
class Jobs:
    """What is sent to the threads: counted, held back, or made to raise."""

    outstanding: int = 0
    held: list[Any] = field(default_factory=list)
    holding: bool = False
    fault: Callable[[], BaseException] | None = None
    failed: int = 0

    def release(self) -> None:
        """Let what was held back go."""
        self.holding = False
        for send in self.held[:]:
            send()
        self.held.clear()


@pytest.fixture
def jobs(monkeypatch):
    """Stand between the docks and their threads."""
    counted, submit = Jobs(), ThreadExecutor.submit

    def work_of(job):
        def work(report):
            if counted.fault is not None:
                counted.failed += 1
                raise counted.fault()
            return job.work(report)

        return work

    def send(executor, job):
        submit(executor, replace(job, work=work_of(job)))

    def hold(executor, job):
        if counted.holding:
            counted.held.append(lambda: send(executor, job))
        else:
            send(executor, job)

    monkeypatch.setattr(ThreadExecutor, "submit", hold)
    yield counted
    counted.holding, counted.fault = False, None


class Window:
    """A viewer with all docks, the user's image and labels, and a result."""

    def __init__(self, viewer, model, qtbot, folder, jobs):
        self.viewer, self.model, self.qtbot, self.folder, self.jobs = (
            viewer,
            model,
            qtbot,
            folder,
            jobs,
        )
        self.image = np.random.default_rng(0).normal(100, 20, (64, 96)).astype(np.float32)
        self.field = viewer.add_image(self.image.copy(), name="field")
        self.turn = 0
        self.panels = {}
        for name in TABS:
            self.panels[name.split()[0]] = viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]
        self.segment = self.panel("SegmentPanel")
        self.workspace: Workspace = self.segment.workspace
        self.session, self.controller = self.workspace.session, self.workspace.controller
        self.mine = viewer.add_labels(
            np.full(self.image.shape, BYSTANDER, np.uint16), name="my labels"
        )
        viewer.layers.selection.active = self.field
        self.segment.models.add_file(model)

    def panel(self, kind: str) -> Any:
        """Return the dock of a class."""
        return next(one for one in self.panels.values() if type(one).__name__ == kind)

    def elsewhere(self) -> tuple[int, int]:
        """A pixel that was not clicked on before."""
        self.turn += 1
        return 6 + 7 * (self.turn % 7), 8 + 11 * (self.turn % 8)

    @property
    def objects(self) -> Any:
        """The layer of the result."""
        return self.workspace.layers.labels_layer

    def run(self) -> None:
        """Press Run and wait for the labels."""
        before = self.session.labels
        self.viewer.layers.selection.active = self.field
        self.segment.run_button.click()
        self.wait(lambda: self.session.labels is not before and not self.session.running)
        self.settle()

    def wait(self, condition) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT)

    @property
    def busy(self) -> bool:
        """Whether anything is said to be under way."""
        session = self.session
        training = self.workspace.training_state
        return bool(
            session.running
            or session.tuning
            or session.measuring
            or session.filling
            or session.applying
            or session.tabulating
            or (training is not None and training.running)
        )

    def settle(self) -> None:
        """Wait until no job is under way and all answers have arrived."""
        pool = self.workspace.executor

        def quiet():
            return not pool._running and pool._pool._work_queue.empty()

        for _ in range(2):  # an answer may start another job
            self.wait(quiet)
            self.qtbot.wait(40)
            self.wait(quiet)
        QCoreApplication.processEvents()

    def mine_are_untouched(self) -> bool:
        return bool((self.mine.data == BYSTANDER).all())


@pytest.fixture(scope="session")
def sized_model(tiny_model, tmp_path_factory):
    """The tiny model, which says how large its objects are, so that they can be measured."""
    model = load_model(tiny_model)
    sized = replace(model, config=replace(model.config, object_diameter=12.0))
    return str(save_model(sized, tmp_path_factory.mktemp("models") / "sized.safetensors"))


@pytest.fixture
def window(viewer, sized_model, qtbot, tmp_path, jobs, monkeypatch):
    monkeypatch.setattr("napari_pixel_embedding._napari.workspace.show_error", lambda text: None)
    made = Window(viewer, sized_model, qtbot, tmp_path, jobs)
    yield made
    close(made)


def close(window: Window) -> None:
    """Close the docks, whatever is left of them."""
    with suppress(RuntimeError, AttributeError, LookupError):
        window.viewer.window.remove_dock_widget("all")
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if not window.workspace.closed:
        window.workspace.close()


def threads() -> list[threading.Thread]:
    """Our threads that live."""
    return [one for one in threading.enumerate() if one.name.startswith("pixel-embedding")]


def children() -> set[int]:
    """Processes that this one has started."""
    return {one.pid for one in psutil.Process().children(recursive=True)}


# ----------------------------------------------------------------- each kind of work, begun


def begin_run(window):
    window.viewer.layers.selection.active = window.field
    window.segment.run_button.click()


def begin_cut(window):
    field = window.segment.form.widget("bandwidth")
    field.value = 2.0 if field.value < 1.9 else 1.5


def begin_refine(window):
    window.controller.clustering.refine((20, 20), "finer")


def begin_size(window):
    window.controller.diameter.measure()


def begin_tune(window):
    begin_paint(window)
    window.settle()
    panel = window.panel("FineTunePanel")
    panel.forms[0].widget("steps").value = 40
    panel.forms[1].widget("crop").value = 32
    panel.start_button.click()


def begin_explore(window):
    view = window.panel("EmbeddingPanel")
    for box in (view.shown, view.similar, view.plotted):
        box.setChecked(True)
    view.exploration.hover(0, window.elsewhere())


def begin_review(window):
    window.panel("CorrectPanel").review_box.next.click()


def begin_paint(window):
    window.objects.paint(window.elsewhere(), 500 + window.turn)


def begin_tool(window):
    panel = window.panel("CorrectPanel")
    if panel.toolbox.state.tool is None:
        panel.tool_layer.choose("add")
    pixel = window.elsewhere()
    panel.toolbox.hover(0, pixel)
    panel.toolbox.click(0, pixel, False)


def begin_table(window):
    window.panel("MeasurePanel").what.button.click()


def begin_export(window):
    dialogue = open_export(window.workspace)
    window.turn += 1  # nothing asks whether to replace a file
    dialogue.path.setText(str(window.folder / f"cells{window.turn}.tif"))
    dialogue.export_button.click()


def begin_folder(window):
    images = window.folder / "folder"
    images.mkdir(exist_ok=True)
    for number in range(3):
        tifffile.imwrite(images / f"{number}.tif", window.image)
    recipe = recipe_of(window.objects)
    window.workspace.recipes.apply_to_folder(
        FolderRequest(recipe, images, window.folder / "labels")
    )


def begin_train(window):
    mask = np.kron([[1, 2], [3, 4]], np.pad(np.ones((12, 12), np.uint8), 4)).astype(np.uint8)
    for kind in ("images", "masks"):
        (window.folder / "cells" / kind).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            tifffile.imwrite(
                window.folder / "cells" / kind / f"c{number}.tif",
                mask if kind == "masks" else (mask > 0) * np.uint8(100 + number),
            )
    panel = window.panel("TrainPanel")
    panel.training.choose_folder(window.folder / "cells")


def begin_blocks(window):
    window.controller.memory = 2**14 * pixel_bytes(ModelConfig(embedding_dim=2))
    window.field.data = np.random.default_rng(1).normal(100, 20, (400, 300)).astype(np.float32)
    begin_run(window)


WORKS = {
    name.removeprefix("begin_"): begin
    for name, begin in list(globals().items())
    if name.startswith("begin_")
}
"""Every kind of background work by its name: a function that begins it."""

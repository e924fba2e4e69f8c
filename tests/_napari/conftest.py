from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent

import napari_pixel_embedding
from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel

PLUGIN = "napari-pixel-embedding"
MANIFEST = Path(napari_pixel_embedding.__file__).parent / "napari.yaml"
WAIT = 20_000
"""How long the window may take, in milliseconds, on a busy machine."""
SCREEN = (1366, 768)
"""A laptop's screen, in pixels."""


@pytest.fixture(scope="session", autouse=True)
def plugins_are_looked_for_once():
    """Keep what is installed: each new viewer reads the metadata of every package again.

    Our own manifest is the one beside the code that is tested, whatever is installed.
    """
    found = [_with_our_manifest(result) for result in PluginManifest.discover()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda paths=(): iter(found))
        yield


def _with_our_manifest(result):
    if result.manifest is None or result.manifest.name != PLUGIN:
        return result
    ours = PluginManifest.from_file(MANIFEST)
    ours.package_metadata = result.manifest.package_metadata
    return result._replace(manifest=ours)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Path of a model that takes milliseconds: bright is foreground, position is embedding.

    Its weights are set by hand, so its objects are what they are in every test: the embedding
    is the pixel's position by way of the coordinates, and a large bandwidth merges all.
    """
    import torch

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel, save_model

    config = ModelConfig(name="tiny", base_width=2, depth=1, embedding_dim=2, coordinate_scale=12.0)
    model = EmbeddingModel.untrained(config)
    with torch.no_grad():
        for head, value in ((model.network.embedding, 0.0), (model.network.foreground, 4.0)):
            head[-1].weight.zero_()
            head[-1].bias.fill_(value)
    return str(save_model(model, tmp_path_factory.mktemp("models") / "tiny.safetensors"))


@pytest.fixture(scope="session")
def tiny_volume_model(tmp_path_factory):
    """Path of a 3-D model with weights set by hand, as ``tiny_model`` has."""
    import torch

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel, save_model

    config = ModelConfig(
        name="tiny-3d",
        axes="ZYX",
        base_width=2,
        depth=1,
        embedding_dim=3,
        coordinate_scale=8.0,
    )
    model = EmbeddingModel.untrained(config)
    with torch.no_grad():
        for head, value in ((model.network.embedding, 0.0), (model.network.foreground, 4.0)):
            head[-1].weight.zero_()
            head[-1].bias.fill_(value)
    return str(save_model(model, tmp_path_factory.mktemp("models") / "tiny-3d.safetensors"))


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Keep autosaved corrections out of the user's folder, and each test's to itself."""
    folder = tmp_path / "user"
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(folder))
    return folder


@pytest.fixture
def image():
    """Smooth noise, 64 × 96."""
    return np.random.default_rng(0).normal(100, 20, (64, 96)).astype(np.float32)


@pytest.fixture
def dock(viewer, qtbot):
    """Open a panel as the menu does; all of them share one workspace."""
    opened = []

    def open_panel(kind):
        panel = kind(viewer)
        viewer.window.add_dock_widget(panel, name=kind.__name__)
        opened.append(panel)
        return panel

    yield open_panel
    for panel in opened:
        with suppress(AttributeError, LookupError, RuntimeError):  # closed already
            viewer.window.remove_dock_widget(panel)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert all(panel.workspace.closed for panel in opened)


@pytest.fixture
def segment_panel(dock):
    return dock(SegmentPanel)


@pytest.fixture
def embedding_panel(dock):
    return dock(EmbeddingPanel)


@pytest.fixture
def correct_panel(dock):
    return dock(CorrectPanel)


@pytest.fixture
def fine_tune_panel(dock):
    return dock(FineTunePanel)


@pytest.fixture
def run(qtbot, tiny_model):
    """Press Run with the tiny model and wait for labels, or for an error."""

    def press(panel, model=tiny_model):
        session = panel.session
        before = session.labels
        if panel.models.source != model:
            panel.models.add_file(model)
        panel.run_button.click()
        qtbot.waitUntil(
            lambda: not session.running and (session.labels is not before or bool(session.error)),
            timeout=60_000,
        )
        return session

    return press


@pytest.fixture
def shown(make_napari_viewer, qtbot):
    """A viewer whose window fills a laptop's screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*SCREEN)
    yield viewer
    for panel in list(viewer.window.dock_widgets.values()):
        viewer.window.remove_dock_widget(panel)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

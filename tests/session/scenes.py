"""Sessions on a real cluster index: objects in a row, each with a vector of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_pixel_embedding.core.clustering import ClusterParams
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.session import (
    Engine,
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from tests.session.fakes import FakeConfig

WIDTH, HEIGHT, OBJECTS = 12, 10, 5
SHAPE = (HEIGHT + 4, OBJECTS * WIDTH + 8)
"""Objects of 12 × 10 pixels that touch, four columns and two rows of background around them."""


def middle(number: int) -> tuple[int, int]:
    """Pixel in the middle of the object with this number, from 0."""
    return SHAPE[0] // 2, 4 + WIDTH * number + WIDTH // 2


def true_labels() -> np.ndarray:
    labels = np.zeros(SHAPE, int)
    labels[2:-2, 4:-4] = 1 + np.arange(OBJECTS * WIDTH) // WIDTH
    return labels


def embedding(frame: int | None = None) -> EmbeddingMap:
    """Vectors 1.1, 1.4, 1.7 and 2.0 apart; the last object is hardly foreground."""
    true = true_labels()
    values = np.cumsum([0.0, 0.0, 1.1, 1.4, 1.7, 2.0])[true]
    foreground = np.choose(true, [0.02, 0.99, 0.98, 0.97, 0.96, 0.3])
    return EmbeddingMap(values[None].astype(np.float32), foreground.astype(np.float32), frame=frame)


@dataclass(frozen=True)
class Config(FakeConfig):
    def cluster_params(self):
        return ClusterParams(bandwidth=1.0, min_size=5)


@dataclass(frozen=True, eq=False)
class Model:
    config: Config = Config()


def engine(**changes) -> Engine:
    """The core itself, but for the network."""

    def embed(model, stack, *_):
        frames = [None] if stack.count is None else range(stack.count)
        return iter([embedding(frame) for frame in frames])

    found = {
        "load_model": lambda source: Model(Config(name=source)),
        "fingerprint": lambda model: "0123456789abcdef",
        "embed_frames": embed,
    }
    return Engine(**{**found, **changes})


def image(frames: int = 0, name: str = "row") -> ImageInput:
    shape = (frames, *SHAPE) if frames else SHAPE
    pixels = np.random.default_rng(0).integers(0, 99, shape, dtype=np.uint8)
    return ImageInput(pixels, "TYX" if frames else "YX", name)


def start(frames: int = 0, executor=None, folder=None, pixels=None) -> SessionController:
    """A controller after a first run, its five objects cut apart but for the faint one."""
    controller = SessionController(
        Session(), executor or ImmediateExecutor(), engine(), autosave_folder=folder
    )
    controller.set_image(pixels or image(frames))
    controller.set_model("row")
    controller.run()
    return controller

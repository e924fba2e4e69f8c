"""Embeddings as colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session.jobs import JobQueue, without_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.session import Session


class EmbeddingColors:
    """The part of the controller that shows the embedding in colours.

    Parameters
    ----------
    session, executor, engine, messages
        Those of the controller.
    """

    def __init__(
        self, session: Session, executor: Executor, engine: Engine, messages: Messages
    ) -> None:
        self._session = session
        self._engine = engine
        self._messages = messages
        self._queue = JobQueue(executor)

    def show(self, wanted: bool) -> None:
        """Turn the embedding's colours on or off; while on, they are kept up to date."""
        self._session.colors_wanted = wanted
        if not wanted:
            self._queue.cancel()
            self._session.embedding_rgb = None
        self.update()

    def refit(self) -> None:
        """Fit the colours to the current embedding."""
        self._session.color_basis = None
        self.update()

    def update(self) -> None:
        """Colour the current embedding if colours are wanted."""
        session = self._session
        if not session.colors_wanted or not session.embedding_maps or session.outdated:
            return
        maps, basis, frames = session.embedding_maps, session.color_basis, session.has_frames
        self._queue.start(
            without_report(color, self._engine, maps, basis, frames),
            done=self._take,
            failed=partial(self._messages.fail, "colouring the embedding"),
        )

    def cancel(self) -> None:
        """Cancel the running job."""
        self._queue.cancel()

    def _take(self, picture: ColorPicture) -> None:
        self._session.color_basis = picture.basis
        self._session.embedding_rgb = picture.rgb


@dataclass(frozen=True, eq=False)
class ColorPicture:
    """Embeddings as colours, uint8 ([T,] [Z,] Y, X, 3), and the basis they were made with."""

    basis: ColorBasis
    rgb: NDArray[Any]


def color(
    engine: Engine, maps: Sequence[EmbeddingMap], basis: ColorBasis | None, frames: bool
) -> ColorPicture:
    """Colour all frames with one basis; fit it to the middle frame if none is given or fits."""
    middle = maps[len(maps) // 2]
    if basis is None or not engine.basis_fits(basis, middle):
        basis = engine.fit_color_basis(middle)
    pictures = [engine.embedding_to_rgb(emap, basis) for emap in maps]
    return ColorPicture(basis, np.stack(pictures) if frames else pictures[0])

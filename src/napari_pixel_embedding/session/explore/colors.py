"""Embeddings as colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.session.engine import Engine


@dataclass(frozen=True, eq=False)
class Colors:
    """Embeddings as colours, uint8 ([T,] [Z,] Y, X, 3), and the basis they were made with."""

    basis: ColorBasis
    rgb: NDArray[Any]


def color(
    engine: Engine, maps: Sequence[EmbeddingMap], basis: ColorBasis | None, frames: bool
) -> Colors:
    """Colour all frames with one basis, fitted to the middle one where none is given or fits."""
    middle = maps[len(maps) // 2]
    if basis is None or not engine.basis_fits(basis, middle):
        basis = engine.fit_color_basis(middle)
    pictures = [engine.embedding_to_rgb(emap, basis) for emap in maps]
    return Colors(basis, np.stack(pictures) if frames else pictures[0])

"""Similarity, scatter plot and selection of an embedding, as pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.embedding.colors import basis_fits, fit_color_basis
from napari_pixel_embedding.core.embedding.scatter import (
    density_image,
    objects_inside,
    place_on_plane,
    points_in_lasso,
    project_to_plane,
    raster,
)
from napari_pixel_embedding.core.embedding.similarity import similarity_to_vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.embedding.scatter import PointCloud

BINS = 512
"""Cells along each side of the scatter's raster: enough for a dock, even zoomed in."""


@dataclass(frozen=True, eq=False)
class Pick:
    """The pixel that others are compared with.

    Parameters
    ----------
    frame : int
        Index of the embedding map.
    index : tuple of int
        ([z,] y, x).
    vector : array of float32, shape (E,)
        Its vector, of length one in cosine space.
    """

    frame: int
    index: tuple[int, ...]
    vector: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Similarity:
    """Distances to the picked pixel, float32, in a region of one frame."""

    frame: int
    region: tuple[slice, ...]
    distance: NDArray[np.float32]


def similarity(
    emap: EmbeddingMap, frame: int, pick: Pick, region: tuple[slice, ...] | None
) -> Similarity:
    """Return the distances of a region of one frame, by default all of it, to the picked pixel."""
    if region is None:
        region = (slice(None),) * emap.ndim
    return Similarity(frame, region, similarity_to_vector(emap, pick.vector, region))


@dataclass(frozen=True, eq=False)
class Scatter:
    """Scatter plot of one frame's foreground vectors.

    Parameters
    ----------
    emap : EmbeddingMap
        Embedding map of the frame.
    frame : int
        Index of the embedding map.
    basis : ColorBasis
        Spans the plane.
    components : tuple of int, optional
        See :func:`~.scatter.project_to_plane`.
    cloud : PointCloud
    density : array of uint8, shape (BINS, BINS)
        Logarithmic density of the points; the first row is the bottom of the plot.
    """

    emap: EmbeddingMap
    frame: int
    basis: ColorBasis
    components: tuple[int, int] | None
    cloud: PointCloud
    density: NDArray[np.uint8]

    def place(self, pick: Pick) -> tuple[float, float]:
        """Return the position of the picked pixel's vector in the plot."""
        return place_on_plane(pick.vector, self.emap, self.basis, self.components)


def scatter(
    maps: Sequence[EmbeddingMap],
    frame: int,
    basis: ColorBasis | None,
    components: tuple[int, int] | None,
) -> Scatter:
    """Project one frame onto the plane of a basis; fit it to the middle frame if none fits."""
    basis = fitting_basis(maps, basis)
    cloud = project_to_plane(maps[frame], basis, components)
    density = _spread(density_image(raster(cloud, BINS)))
    return Scatter(maps[frame], frame, basis, components, cloud, density)


def _spread(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Spread each cell to its right and upper neighbours: a small plot shows every point."""
    wide = picture.copy()
    np.maximum(wide[:, 1:], picture[:, :-1], out=wide[:, 1:])
    both = wide.copy()
    np.maximum(both[1:], wide[:-1], out=both[1:])
    return both


def fitting_basis(maps: Sequence[EmbeddingMap], basis: ColorBasis | None) -> ColorBasis:
    """Return the given basis if it fits the embedding, or else a new one."""
    middle = maps[len(maps) // 2]
    if basis is None or not basis_fits(basis, middle):
        return fit_color_basis(middle)
    return basis


@dataclass(frozen=True, eq=False)
class Choice:
    """The user's selection: a lasso in the plot, or objects in the labels layer.

    Parameters
    ----------
    lasso : sequence of (float, float)
        Corners in the plot; empty when objects were chosen.
    ids : tuple of int
        The objects.
    """

    lasso: tuple[tuple[float, float], ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Selection:
    """Points, pixels and objects that a choice selects.

    Parameters
    ----------
    choice : Choice
    frame : int
        Index of the embedding map.
    ids : array of int
        Objects that are chosen, or mostly inside the lasso.
    pixel_count : int
        Number of selected points.
    mask : array of uint8, shape ([Z,] Y, X)
        2 in these objects, 1 in other pixels inside the lasso, else 0.
    marks : array of uint8, shape (BINS, BINS)
        1 at the cells of selected points and their neighbours.
    """

    choice: Choice
    frame: int
    ids: NDArray[np.integer[Any]]
    pixel_count: int
    mask: NDArray[np.uint8]
    marks: NDArray[np.uint8]


def select(plot: Scatter, labels: NDArray[Any] | None, choice: Choice) -> Selection:
    """Find the points, pixels and objects of a choice; ``labels`` are those of the plot's frame."""
    cloud = plot.cloud
    flat = np.zeros(int(np.prod(cloud.shape)), np.uint8) if labels is None else labels.reshape(-1)
    of_points = flat[cloud.pixels]
    if choice.lasso:
        chosen = points_in_lasso(cloud, choice.lasso)
        ids = objects_inside(of_points, chosen)
    else:
        ids = np.array(choice.ids, int)
        chosen = np.isin(of_points, ids)
    mask = np.zeros(flat.shape, np.uint8)
    mask[cloud.pixels[chosen]] = 1
    if len(ids):
        mask[_table(ids, flat)[np.maximum(flat, 0)]] = 2
    marks = _spread((raster(cloud, BINS, chosen) > 0).astype(np.uint8))
    count = int(np.count_nonzero(chosen))
    return Selection(choice, plot.frame, ids, count, mask.reshape(cloud.shape), marks)


def _table(ids: NDArray[np.integer[Any]], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Make a look-up table over the ids of a label image: whether each is one of ``ids``."""
    table = np.zeros(int(labels.max(initial=0)) + 1, bool)
    table[ids[(ids > 0) & (ids < len(table))]] = True
    return table

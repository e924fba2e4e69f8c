"""The merge tree as it looks at one foreground threshold and minimum size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pixel_embedding.core.clustering.kernels import tree_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_pixel_embedding.core.clustering.merge_tree import Tree

Nodes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TreeCut:
    """A merge tree and the pixels of its nodes that are shown.

    Parameters
    ----------
    tree : Tree
        The merges.
    sizes : array of int64, shape (R + M,)
        Pixels shown of each node.
    smallest : int
        Nodes of fewer pixels are no objects.
    """

    tree: Tree
    sizes: Nodes
    smallest: int

    @classmethod
    def of(cls, tree: Tree, sizes: Nodes, smallest: int) -> TreeCut:
        """Add up the sizes of the base regions along a tree."""
        return cls(tree, tree_nodes.add_up(tree.parent, sizes), max(smallest, 1))

    def objects(self, radius: np.float32, apart: Iterable[tuple[int, np.float32]] = ()) -> Nodes:
        """Node that each node is shown as part of, at a radius.

        Parameters
        ----------
        radius : float32
            Radius of the cut.
        apart : iterable of (base region, radius)
            Regions whose object has a radius of its own.

        Returns
        -------
        array of int64, shape (R + M,)
            A node number for each base region; merges that are not done stand for themselves.
        """
        tree = self.tree
        merged = tree.heights <= radius
        for region, own in apart:
            tree_nodes.set_apart(tree.parent, tree.heights, region, own, merged)
        found: Nodes = tree_nodes.find_objects(tree.parent, merged)
        return found

    def labels(self, objects: Nodes, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Label of each base region; the first entry is the background."""
        whole = objects[: self.tree.regions]
        kept = self.sizes[whole] >= self.smallest
        lut = np.zeros(self.tree.regions + 1, dtype)
        lut[1:][kept] = self.tree.heaviest[whole[kept]] + 1
        return lut

    def shown(self, objects: Nodes) -> Nodes:
        """Nodes that are the objects of a cut, in the order of their labels."""
        found = np.unique(objects[: self.tree.regions])
        found = found[self.sizes[found] >= self.smallest]
        return found[np.argsort(self.tree.heaviest[found])]

    def object_heights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Radius below which each node splits into objects, and from which it merges."""
        tree = self.tree
        split, merge = tree_nodes.object_heights(
            tree.parent, tree.heights, self.sizes, self.smallest
        )
        return split, merge

    def step(
        self, region: int, objects: Nodes, coarser: bool
    ) -> tuple[np.float32, np.float32] | None:
        """Radii between which a base region's object is its next larger or smaller self."""
        path = tree_nodes.path_up(self.tree.parent, region)
        births, deaths = self.tree.node_heights()[path], self.tree.parent_heights()[path]
        sizes = np.where(self.sizes[path] >= self.smallest, self.sizes[path], 0)
        now = int(np.flatnonzero(path == objects[region])[0])
        others = np.flatnonzero((births < deaths) & (sizes != sizes[now]))
        others = others[others > now] if coarser else others[others < now][::-1]
        return (births[others[0]], deaths[others[0]]) if others.size > 0 else None

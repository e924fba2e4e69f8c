"""The merge tree at one foreground threshold and minimum size, and its cuts."""

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
    """A merge tree with the sizes of its nodes above the foreground threshold.

    Parameters
    ----------
    tree : Tree
        The merges.
    sizes : array of int64, shape (R + M,)
        Pixels of each node above the foreground threshold.
    smallest : int
        Nodes of fewer pixels are not objects.
    """

    tree: Tree
    sizes: Nodes
    smallest: int

    @classmethod
    def of(cls, tree: Tree, sizes: Nodes, smallest: int) -> TreeCut:
        """Make the cut of a tree from the sizes of its superpixels, which are added up."""
        return cls(tree, tree_nodes.add_up(tree.parent, sizes), max(smallest, 1))

    def objects(self, radius: np.float32, apart: Iterable[tuple[int, np.float32]] = ()) -> Nodes:
        """Return the object, as a node number, that each node belongs to at a radius.

        Parameters
        ----------
        radius : float32
            Radius of the cut.
        apart : iterable of (superpixel, radius)
            Superpixels whose object is cut at another radius.

        Returns
        -------
        array of int64, shape (R + M,)
            Node number of the object of each node; merges above the radius have their own.
        """
        tree = self.tree
        merged = tree.heights <= radius
        for region, own in apart:
            tree_nodes.set_apart(tree.parent, tree.heights, region, own, merged)
        found: Nodes = tree_nodes.find_objects(tree.parent, merged)
        return found

    def labels(self, objects: Nodes, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the label of each superpixel; the first entry is the background."""
        whole = objects[: self.tree.regions]
        kept = self.sizes[whole] >= self.smallest
        lut = np.zeros(self.tree.regions + 1, dtype)
        lut[1:][kept] = self.tree.heaviest[whole[kept]] + 1
        return lut

    def shown(self, objects: Nodes) -> Nodes:
        """Return the nodes that are the objects of a cut, in the order of their labels."""
        found = np.unique(objects[: self.tree.regions])
        found = found[self.sizes[found] >= self.smallest]
        return found[np.argsort(self.tree.heaviest[found])]

    def object_heights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the radius below which each node splits, and that from which it merges."""
        tree = self.tree
        split, merge = tree_nodes.object_heights(
            tree.parent, tree.heights, self.sizes, self.smallest
        )
        return split, merge

    def step(
        self, region: int, objects: Nodes, coarser: bool
    ) -> tuple[np.float32, np.float32] | None:
        """Return the radii between which the next larger or smaller object exists, if any.

        The object is that of a superpixel.
        """
        path = tree_nodes.path_up(self.tree.parent, region)
        births, deaths = self.tree.node_heights()[path], self.tree.parent_heights()[path]
        sizes = np.where(self.sizes[path] >= self.smallest, self.sizes[path], 0)
        now = int(np.flatnonzero(path == objects[region])[0])
        others = np.flatnonzero((births < deaths) & (sizes != sizes[now]))
        others = others[others > now] if coarser else others[others < now][::-1]
        return (births[others[0]], deaths[others[0]]) if others.size > 0 else None

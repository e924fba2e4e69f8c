"""Live clustering: an index built once per embedding, and a cut at every slider tick."""

from __future__ import annotations

from napari_pixel_embedding.core.clustering.index import (
    ClusterIndex,
    build_cluster_index,
    warm_up,
)
from napari_pixel_embedding.core.clustering.params import ClusterParams, bandwidth_range

__all__ = ["ClusterIndex", "ClusterParams", "bandwidth_range", "build_cluster_index", "warm_up"]

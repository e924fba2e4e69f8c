"""Clustering: an index built once per embedding, cut at any bandwidth in milliseconds."""

from __future__ import annotations

from napari_pixel_embedding.core.clustering.build import build_cluster_index, warm_up
from napari_pixel_embedding.core.clustering.index import ClusterIndex
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed
from napari_pixel_embedding.core.clustering.params import (
    ClusterParams,
    LocalBandwidth,
    bandwidth_range,
)
from napari_pixel_embedding.core.clustering.results import MergeHeights, Summary
from napari_pixel_embedding.core.clustering.stability import StabilityCurve

__all__ = [
    "ClusterIndex",
    "ClusterParams",
    "LocalBandwidth",
    "MergeHeights",
    "StabilityCurve",
    "Summary",
    "bandwidth_range",
    "build_cluster_index",
    "mutex_watershed",
    "warm_up",
]

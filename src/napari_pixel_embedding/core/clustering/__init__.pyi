from .build import build_cluster_index, warm_up
from .index import ClusterIndex
from .mutex_watershed import mutex_watershed
from .params import (
    ClusterParams,
    LocalBandwidth,
    bandwidth_range,
)
from .results import MergeHeights, Summary
from .stability import StabilityCurve

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

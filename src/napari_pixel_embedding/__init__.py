"""Interactive instance segmentation from pixel embeddings.

The chain is made of pure functions: `predict_embedding` turns an image into an `EmbeddingMap`,
`build_cluster_index` prepares it once, and `ClusterIndex.cut` gives a label image (0 is background)
for every `ClusterParams`. `segment` does all of it in one call. Names are resolved when they are
first used, so that importing the package loads neither torch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_pixel_embedding.core.checkpoint import (
        ModelConfig,
        list_models,
        load_model,
        save_model,
    )
    from napari_pixel_embedding.core.clustering import (
        ClusterIndex,
        ClusterParams,
        build_cluster_index,
    )
    from napari_pixel_embedding.core.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference import predict_embedding, predict_frames, segment
    from napari_pixel_embedding.core.metrics import (
        average_precision,
        difference_in_count,
        panoptic_quality,
        symmetric_best_dice,
    )
    from napari_pixel_embedding.core.projection import embedding_to_rgb
    from napari_pixel_embedding.core.training import (
        FineTuneConfig,
        TrainConfig,
        TrainProgress,
        fine_tune,
        train,
    )

__version__ = "0.1.0"

__all__ = [
    "ClusterIndex",
    "ClusterParams",
    "EmbeddingMap",
    "FineTuneConfig",
    "ModelConfig",
    "TrainConfig",
    "TrainProgress",
    "average_precision",
    "build_cluster_index",
    "difference_in_count",
    "embedding_to_rgb",
    "fine_tune",
    "list_models",
    "load_model",
    "panoptic_quality",
    "predict_embedding",
    "predict_frames",
    "save_model",
    "segment",
    "symmetric_best_dice",
    "train",
]

_MODULES = {
    "checkpoint": ("ModelConfig", "list_models", "load_model", "save_model"),
    "clustering": ("ClusterIndex", "ClusterParams", "build_cluster_index"),
    "embedding_map": ("EmbeddingMap",),
    "inference": ("predict_embedding", "predict_frames", "segment"),
    "metrics": (
        "average_precision",
        "difference_in_count",
        "panoptic_quality",
        "symmetric_best_dice",
    ),
    "projection": ("embedding_to_rgb",),
    "training": ("FineTuneConfig", "TrainConfig", "TrainProgress", "fine_tune", "train"),
}
_HOME = {name: f"{__name__}.core.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Return the public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})

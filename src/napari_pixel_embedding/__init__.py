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
    from napari_pixel_embedding.core.clustering import (
        ClusterIndex,
        ClusterParams,
        LocalBandwidth,
        StabilityCurve,
        build_cluster_index,
        mutex_watershed,
    )
    from napari_pixel_embedding.core.configs import FineTuneConfig, TrainConfig
    from napari_pixel_embedding.core.diameter import estimate_diameter
    from napari_pixel_embedding.core.embedding.colors import embedding_to_rgb
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.evaluation import Scores, evaluate
    from napari_pixel_embedding.core.fine_tuning import fine_tune
    from napari_pixel_embedding.core.inference import predict_embedding, predict_frames, segment
    from napari_pixel_embedding.core.metrics import (
        average_precision,
        difference_in_count,
        panoptic_quality,
        symmetric_best_dice,
    )
    from napari_pixel_embedding.core.model.config import ModelConfig, list_models
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model, save_model
    from napari_pixel_embedding.core.model.presets import model_config_for
    from napari_pixel_embedding.core.recipes import Recipe, load_recipe, save_recipe
    from napari_pixel_embedding.core.synthetic import (
        SyntheticConfig,
        SyntheticImage,
        synthetic_image,
    )
    from napari_pixel_embedding.core.training import TrainProgress, prepare_samples, train
    from napari_pixel_embedding.datasets import import_cvppp, synthesise_folder
    from napari_pixel_embedding.workflows import (
        evaluate_folder,
        fine_tune_files,
        segment_files,
        train_from_folder,
    )

__version__ = "0.1.0"

_HOMES = {
    "core.checkpoint": ("EmbeddingModel", "load_model", "save_model"),
    "core.clustering": (
        "ClusterIndex",
        "ClusterParams",
        "LocalBandwidth",
        "StabilityCurve",
        "build_cluster_index",
        "mutex_watershed",
    ),
    "core.diameter": ("estimate_diameter",),
    "core.embedding_map": ("EmbeddingMap",),
    "core.evaluation": ("Scores", "evaluate"),
    "core.configs": ("FineTuneConfig", "TrainConfig"),
    "core.fine_tuning": ("fine_tune",),
    "core.model_config": ("ModelConfig", "list_models"),
    "core.inference": ("predict_embedding", "predict_frames", "segment"),
    "core.metrics": (
        "average_precision",
        "difference_in_count",
        "panoptic_quality",
        "symmetric_best_dice",
    ),
    "core.projection": ("embedding_to_rgb",),
    "core.recipes": ("Recipe", "load_recipe", "save_recipe"),
    "core.synthetic": ("SyntheticConfig", "SyntheticImage", "synthetic_image"),
    "core.systems": ("model_config_for",),
    "core.training": ("TrainProgress", "prepare_samples", "train"),
    "datasets": ("import_cvppp", "synthesise_folder"),
    "workflows": ("evaluate_folder", "fine_tune_files", "segment_files", "train_from_folder"),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}

__all__ = [
    "ClusterIndex",
    "ClusterParams",
    "EmbeddingMap",
    "EmbeddingModel",
    "FineTuneConfig",
    "LocalBandwidth",
    "ModelConfig",
    "Recipe",
    "Scores",
    "StabilityCurve",
    "SyntheticConfig",
    "SyntheticImage",
    "TrainConfig",
    "TrainProgress",
    "average_precision",
    "build_cluster_index",
    "difference_in_count",
    "embedding_to_rgb",
    "estimate_diameter",
    "evaluate",
    "evaluate_folder",
    "fine_tune",
    "fine_tune_files",
    "import_cvppp",
    "list_models",
    "load_model",
    "load_recipe",
    "model_config_for",
    "mutex_watershed",
    "panoptic_quality",
    "predict_embedding",
    "predict_frames",
    "prepare_samples",
    "save_model",
    "save_recipe",
    "segment",
    "segment_files",
    "symmetric_best_dice",
    "synthesise_folder",
    "synthetic_image",
    "train",
    "train_from_folder",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Return the public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})

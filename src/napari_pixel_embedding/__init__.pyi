from .core.clustering import (
    ClusterIndex,
    ClusterParams,
    LocalBandwidth,
    StabilityCurve,
    build_cluster_index,
    mutex_watershed,
)
from .core.datasets.synthetic import (
    SyntheticConfig,
    SyntheticImage,
    synthetic_image,
)
from .core.embedding.colors import embedding_to_rgb
from .core.embedding.embedding_map import EmbeddingMap
from .core.evaluation.evaluate import Scores, evaluate
from .core.evaluation.metrics import (
    average_precision,
    difference_in_count,
    panoptic_quality,
    symmetric_best_dice,
)
from .core.exchange.bioimageio import export_bioimageio
from .core.exchange.export import export_labels
from .core.fine_tuning.config import FineTuneConfig
from .core.fine_tuning.fine_tune import fine_tune
from .core.inference.diameter import estimate_diameter
from .core.inference.predict import predict_embedding, predict_frames
from .core.io.images import ImageData, read_image, write_labels
from .core.measurement.measure import measure_objects
from .core.measurement.table import Measurements
from .core.measurement.table_files import save_measurements
from .core.model.config import ModelConfig, list_models
from .core.model.model_file import EmbeddingModel, load_model, save_model
from .core.model.presets import model_config_for
from .core.recipe.apply import apply_recipe
from .core.recipe.recipe import SegmentationRecipe
from .core.recipe.recipe_file import (
    load_segmentation_recipe,
    recipe_of,
    save_segmentation_recipe,
)
from .core.segmentation.given_features import embed_features, segment_embedding
from .core.segmentation.segment import segment
from .core.training.config import TrainConfig
from .core.training.recipe import Recipe, load_recipe, save_recipe
from .core.training.targets import prepare_samples
from .core.training.train import TrainProgress, train
from .core.training.train_folder import train_from_folder
from .workflows.batch import batch_request, plan_data_set, resume_run, segment_data_set
from .workflows.datasets import import_cvppp, synthesise_folder
from .workflows.evaluate import evaluate_folder
from .workflows.export import export_file
from .workflows.fine_tune import fine_tune_files
from .workflows.measure import measure_files
from .workflows.recipe import apply_recipe_to_files
from .workflows.segment import segment_files

__all__ = [
    "ClusterIndex",
    "ClusterParams",
    "EmbeddingMap",
    "EmbeddingModel",
    "FineTuneConfig",
    "ImageData",
    "LocalBandwidth",
    "Measurements",
    "ModelConfig",
    "Recipe",
    "Scores",
    "SegmentationRecipe",
    "StabilityCurve",
    "SyntheticConfig",
    "SyntheticImage",
    "TrainConfig",
    "TrainProgress",
    "apply_recipe",
    "apply_recipe_to_files",
    "average_precision",
    "batch_request",
    "build_cluster_index",
    "difference_in_count",
    "embed_features",
    "embedding_to_rgb",
    "estimate_diameter",
    "evaluate",
    "evaluate_folder",
    "export_bioimageio",
    "export_file",
    "export_labels",
    "fine_tune",
    "fine_tune_files",
    "import_cvppp",
    "list_models",
    "load_model",
    "load_recipe",
    "load_segmentation_recipe",
    "measure_files",
    "measure_objects",
    "model_config_for",
    "mutex_watershed",
    "panoptic_quality",
    "plan_data_set",
    "predict_embedding",
    "predict_frames",
    "prepare_samples",
    "read_image",
    "recipe_of",
    "resume_run",
    "save_measurements",
    "save_model",
    "save_recipe",
    "save_segmentation_recipe",
    "segment",
    "segment_data_set",
    "segment_embedding",
    "segment_files",
    "symmetric_best_dice",
    "synthesise_folder",
    "synthetic_image",
    "train",
    "train_from_folder",
    "write_labels",
]

__version__: str

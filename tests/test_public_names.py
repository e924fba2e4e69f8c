"""The calls that the documentation promises can be made as it writes them."""

import inspect

import pytest

import napari_pixel_embedding as package

CALLS = {
    "list_models": [],
    "load_model": ["name_or_path", "device", "declaration"],
    "save_model": ["model", "path"],
    "predict_embedding": [
        "model",
        "image",
        "axes",
        "tile_shape",
        "halo",
        "augment",
        "device",
        "progress",
    ],
    "predict_frames": ["model", "image", "axes", "progress"],
    "segment": ["image", "model", "params", "method", "axes", "device", "progress"],
    "estimate_diameter": ["model", "image", "axes", "frame", "spacing", "device", "progress"],
    "prepare_samples": ["images", "labels", "config", "axes"],
    "model_config_for": ["preset", "size"],
    "load_recipe": ["path"],
    "save_recipe": ["recipe", "path"],
    "apply_recipe": ["recipe", "image", "model", "axes", "allow_other_model", "progress"],
    "apply_recipe_to_files": ["recipe", "images", "output", "model", "overwrite", "progress"],
    "load_segmentation_recipe": ["path"],
    "save_segmentation_recipe": ["recipe", "path"],
    "recipe_of": ["labels"],
    "read_image": ["path", "series"],
    "write_labels": ["path", "labels", "axes", "scale", "units"],
    "train": ["model", "samples", "config", "validation", "device", "checkpoint"],
    "fine_tune": ["model", "images", "corrections", "config", "axes", "device", "replay", "names"],
    "evaluate": ["model", "images", "labels", "params", "axes", "device", "progress"],
    "embedding_to_rgb": ["emap"],
    "build_cluster_index": ["emap"],
    "mutex_watershed": ["emap", "params"],
    "average_precision": ["y_true", "y_pred", "iou_threshold"],
    "symmetric_best_dice": ["y_true", "y_pred"],
    "difference_in_count": ["y_true", "y_pred"],
    "panoptic_quality": ["y_true", "y_pred"],
    "measure_objects": [
        "labels",
        "images",
        "axes",
        "spacing",
        "units",
        "embedding",
        "index",
        "params",
        "corrected",
        "progress",
    ],
    "save_measurements": ["path", "table"],
    "export_labels": ["path", "labels", "format", "axes", "spacing", "units", "image", "progress"],
    "measure_files": ["labels", "output", "images", "axes", "spacing", "units", "progress"],
    "export_file": ["labels", "output", "format", "image", "axes", "spacing", "units", "progress"],
    "batch_request": ["data", "recipe"],
    "plan_data_set": ["request", "workers", "memory"],
    "segment_data_set": ["request", "output", "cluster", "memory", "same_images", "progress"],
    "resume_run": ["output"],
    "segment_files": [
        "images",
        "output",
        "model",
        "params",
        "method",
        "axes",
        "device",
        "progress",
    ],
    "train_from_folder": ["folder", "output", "preset", "config", "validation", "device"],
    "fine_tune_files": ["images", "corrections", "output", "model", "config", "axes"],
    "synthetic_image": ["kind", "shape", "seed", "config"],
    "synthesise_folder": ["output", "kind", "count", "shape", "seed", "config"],
    "import_cvppp": ["source", "output", "group", "dev_share", "seed"],
    "export_bioimageio": ["model", "path", "authors", "licence", "image"],
    "segment_embedding": [
        "features",
        "channel_axis",
        "axes",
        "foreground",
        "space",
        "params",
        "method",
        "progress",
    ],
    "embed_features": ["features", "channel_axis", "axes", "foreground", "space"],
    "evaluate_folder": ["folder", "model", "params", "names", "device", "progress"],
}
BY_POSITION = {"predict_embedding": 2, "segment": 2, "train": 3, "fine_tune": 4}


@pytest.mark.parametrize("name", CALLS)
def test_promised_parameters_are_taken(name):
    signature = inspect.signature(getattr(package, name))
    signature.bind(**dict.fromkeys(CALLS[name]))
    missing = set(CALLS[name]) - signature.parameters.keys()
    assert not missing, "taken only by a catch-all"


@pytest.mark.parametrize(("name", "count"), BY_POSITION.items())
def test_the_first_parameters_can_be_given_by_position(name, count):
    parameters = list(inspect.signature(getattr(package, name)).parameters)
    assert parameters[:count] == CALLS[name][:count]
    inspect.signature(getattr(package, name)).bind(*CALLS[name][:count])


def test_every_public_function_is_among_the_promises():
    functions = {name for name in package.__all__ if inspect.isfunction(getattr(package, name))}
    assert functions == CALLS.keys()

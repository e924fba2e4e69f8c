"""Recipes of bundled models, as they usually segment."""

from napari_pixel_embedding.core.model.model_file import fingerprint, load_model
from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
from napari_pixel_embedding.core.recipe.record import model_reference


def usual_recipe(name: str) -> SegmentationRecipe:
    model = load_model(name)
    reference = model_reference(model.name, name, fingerprint(model))
    params = model.config.cluster_params()
    return SegmentationRecipe(reference, model.config.axes, params, device="cpu")

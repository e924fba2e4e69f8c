"""A small model, images and requests for runs."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.batch.request import BatchRequest
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.model.model_file import fingerprint, load_model
from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
from napari_pixel_embedding.core.recipe.record import model_reference


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def nuclei():
    """A real image of 300 × 400 pixels."""
    return np.ascontiguousarray(np.asarray(load_sample("nuclei-field")[0].data)[:300, :400])


@pytest.fixture(scope="session")
def recipe():
    model = load_model("nuclei-fast")
    reference = model_reference(model.name, "nuclei-fast", fingerprint(model))
    return SegmentationRecipe(reference, "YX", model.config.cluster_params(), device="cpu")


@pytest.fixture
def image_file(tmp_path, nuclei):
    path = tmp_path / "in" / "nuclei.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, nuclei)
    return path


@pytest.fixture
def request_for(recipe):
    """Make a request for a path, in blocks of 128 pixels."""

    def make(path, **options):
        return BatchRequest(str(path), recipe, **{"block": 128, "halo": 48} | options)

    return make

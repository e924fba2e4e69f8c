"""A small model, images and requests for runs."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.batch.request import BatchRequest
from napari_pixel_embedding.core.datasets.samples import load_sample
from tests.recipes import usual_recipe


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def nuclei():
    """A real image of 300 × 400 pixels."""
    return np.ascontiguousarray(np.asarray(load_sample("nuclei-field")[0].data)[:300, :400])


@pytest.fixture(scope="session")
def recipe():
    return usual_recipe("nuclei-fast")


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

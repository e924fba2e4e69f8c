"""Nothing that a hostile file says is run; it is refused in words, and takes no memory for it.

`python -m tests.hostile.report` prints the seconds and the memory of each.
"""

import os
import pickle
import re

import numpy as np
import psutil
import pytest

from napari_pixel_embedding import load_model, load_segmentation_recipe
from napari_pixel_embedding.core.exchange.ome_zarr_reader import read_ome_zarr_labels
from napari_pixel_embedding.core.io.images import read_image
from tests.hostile.samples import ALL, CANARY, READ_ANYWAY, pickled, torch_zip

MOST_BYTES = 256 * 2**20


def read_zarr(path):
    return np.asarray(read_ome_zarr_labels(path).labels[:4, :4])


READERS = {
    "model": load_model,
    "image": read_image,
    "recipe": load_segmentation_recipe,
    "zarr": read_zarr,
}
CASES = [(kind, name) for kind, samples in ALL.items() for name in samples]


def test_there_are_enough_of_them():
    assert len(CASES) >= 120


def test_the_payload_would_run(tmp_path):
    """Else nothing is proved by a canary that is not there."""
    pickle.loads(pickled(tmp_path)).close()
    assert (tmp_path / CANARY).exists()


@pytest.mark.filterwarnings("ignore")
def test_the_payload_would_run_in_torch(tmp_path):
    import torch

    (tmp_path / "m.pt").write_bytes(torch_zip(tmp_path))
    try:
        torch.load(tmp_path / "m.pt", weights_only=False)
    except Exception:
        pass  # what it makes is no model
    assert (tmp_path / CANARY).exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_it_is_refused_in_words_and_not_run(tmp_path, monkeypatch, kind, name):
    monkeypatch.chdir(tmp_path)
    path = ALL[kind][name](tmp_path)
    before = {entry.name for entry in tmp_path.parent.iterdir()}
    held = psutil.Process().memory_info().rss
    said = ""
    try:
        found = READERS[kind](path)
    except (ValueError, OSError) as refusal:
        said = str(refusal)
    else:
        assert name in READ_ANYWAY and found.data.size <= 100
    grown = psutil.Process().memory_info().rss - held
    assert not os.path.exists(tmp_path / CANARY)
    assert grown < MOST_BYTES
    assert {entry.name for entry in tmp_path.parent.iterdir()} == before
    in_words = len(said) > 25 and re.search(r"[a-z]{3,} [a-z]{2,}", said)
    assert in_words or name in READ_ANYWAY, said
    assert "root:" not in said, "nothing of another file is quoted"

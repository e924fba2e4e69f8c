"""The same labels, whatever the number of threads, in whatever process."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_pixel_embedding import segment
from napari_pixel_embedding.core.datasets.samples import load_sample

CODE = """
import hashlib, sys
import numpy as np
from napari_pixel_embedding import segment
from napari_pixel_embedding.core.datasets.samples import load_sample
image = np.asarray(load_sample("nuclei-field")[0].data)[:260, :300]
print(hashlib.sha256(segment(image, sys.argv[1], device="cpu").tobytes()).hexdigest())
"""


def image():
    return np.asarray(load_sample("nuclei-field")[0].data)[:260, :300]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("model", ["nuclei-fast", "nuclei-cosine"])
def test_labels_do_not_depend_on_the_number_of_threads(threads, model):
    found = set()
    for count in (1, 2, 3):
        threads(count)
        found.add(segment(image(), model, device="cpu").tobytes())
    assert len(found) == 1


@pytest.mark.parametrize(("seed", "count"), [("1", "1"), ("2", "2")])
def test_labels_do_not_depend_on_the_process(seed, count):
    here = hashlib.sha256(segment(image(), "nuclei-fast", device="cpu").tobytes()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": count}
    environment |= {"NUMBA_NUM_THREADS": count}
    child = subprocess.run(
        [sys.executable, "-c", CODE, "nuclei-fast"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert child.stdout.split()[-1] == here

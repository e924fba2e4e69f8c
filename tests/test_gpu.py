"""On a GPU: the same labels, trainings that resume; and the check itself, rehearsed without one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pixel_embedding import (
    TrainConfig,
    average_precision,
    load_model,
    prepare_samples,
    segment,
    synthetic_image,
    train,
)

CHECK = Path(__file__).parents[1] / "scripts" / "gpu_check.py"
on_a_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]


def check(*arguments):
    command = [sys.executable, str(CHECK), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)


def test_the_check_runs_and_tells_every_part():
    done = check("--device", "cpu", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    for row in ("labels against those of the CPU", "network", "training"):
        assert row in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a GPU")
def test_without_a_gpu_the_check_says_so_and_fails():
    done = check()
    assert done.returncode == 1
    assert "no GPU that torch can use" in done.stdout


class TestGpu:
    pytestmark = on_a_gpu

    def test_labels_are_those_of_the_cpu(self):
        image = synthetic_image("ellipses", (384, 384), seed=1).image
        here, there = (segment(image, device=device).astype(int) for device in ("cpu", "cuda"))
        assert average_precision(here, there) > 0.97

    def test_tiles_in_batches_are_those_of_the_cpu(self):
        image = synthetic_image("ellipses", (700, 650), seed=2).image
        here, there = (
            segment(image, device=device, tile=256).astype(int) for device in ("cpu", "cuda")
        )
        assert average_precision(here, there) > 0.97

    def test_a_resumed_training_goes_on(self, tmp_path):
        model = load_model("nuclei-fluo")
        image, labels = synthetic_image("ellipses", (128, 128), seed=3)
        samples = prepare_samples([image], [labels], model.config)
        config = TrainConfig(steps=6, batch_size=2, crop=96, validate_every=3)
        file = tmp_path / "training"
        for state in train(model, samples, config, device="cuda", checkpoint=file):
            if state.step == 3:
                break
        *_, last = train(model, samples, config, device="cuda", checkpoint=file)
        assert last.step == 6
        assert np.isfinite(last.losses["total"])

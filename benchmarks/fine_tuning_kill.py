"""Kill -9 at random moments, and see that no model and no fine-tuning is lost or half-written.

    python benchmarks/fine_tuning_kill.py [--times 50]

Fine-tuning: the training process is killed, its checkpoint and its best model are read, and it is
resumed, again and again; the steps kept must never become fewer. Saving: a process that saves two
models in turns to one file is killed; the file must always be one of them, whole.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SAVE = """
import sys
from napari_pixel_embedding import EmbeddingModel, ModelConfig, save_model
models = [EmbeddingModel.untrained(ModelConfig(name=n, base_width=8)) for n in "ab"]
save_model(models[0], sys.argv[1])
print("ready", flush=True)
while True:
    for model in models:
        save_model(model, sys.argv[1])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_PIXEL_EMBEDDING_HOME"] = folder
        saving = sum(_kill_saving(Path(folder)) for _ in range(options.times))
        print(f"saving: {options.times} kills, {saving} times the file was a whole model")
        steps = _kill_tuning(options.times)
        print(
            f"fine-tuning: {options.times} kills, nothing lost; kept {steps[0]} … {steps[-1]} steps"
        )


def _kill_saving(folder: Path) -> bool:
    """Kill a process that saves models; whether what lies there is one of them."""
    from napari_pixel_embedding import load_model

    path = folder / "model.safetensors"
    child = subprocess.Popen([sys.executable, "-c", _SAVE, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(random.uniform(0, 0.3))
    child.kill()
    child.wait()
    return load_model(path).name in "ab"


def _kill_tuning(times: int) -> list[int]:
    """Kill and resume one fine-tuning; return the steps that were kept each time."""
    import numpy as np

    from napari_pixel_embedding import EmbeddingModel, FineTuneConfig, ModelConfig, load_model
    from napari_pixel_embedding.core.fine_tuning.job_folder import (
        fine_tune_in_process,
        interrupted_tunings,
        resume_tuning,
    )
    from napari_pixel_embedding.core.training.worker_process import MODEL_FILE

    labels = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((16, 16), int))
    model = EmbeddingModel.untrained(ModelConfig(name="victim", base_width=8, depth=2))
    config = FineTuneConfig(steps=100_000, batch_size=1, crop=64)
    run = fine_tune_in_process(model, [labels % 5], [labels], config, axes=["YX"])
    kept: list[int] = []
    for _ in range(times):
        _kill_while_running(run)
        (left,) = interrupted_tunings()
        if kept and left.step < kept[-1]:
            raise SystemExit(f"steps were lost: {kept[-1]} before, {left.step} now")
        kept.append(left.step)
        if (left.folder / MODEL_FILE).exists():
            load_model(left.folder / MODEL_FILE)
        run = resume_tuning(left.folder)
    run.close()
    return kept


def _kill_while_running(run: object) -> None:
    """Follow a training for a random time after its first message, then kill its process."""
    from napari_pixel_embedding.core.training.worker_process import ProcessEnded

    end = None
    try:
        for _ in run:  # type: ignore[attr-defined]
            end = end or time.monotonic() + random.uniform(0, 3)
            if time.monotonic() > end:
                for process in _children():
                    os.kill(process, signal.SIGKILL)
    except ProcessEnded:
        return
    raise SystemExit("the training ended by itself")


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(process) for process in listed.split()]


if __name__ == "__main__":
    main()

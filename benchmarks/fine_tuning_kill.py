"""Kill -9 at random moments, and see that no model and no fine-tuning is lost or half-written.

    python benchmarks/fine_tuning_kill.py [--times 50] [--tunings 12] [--seconds 12]

Fine-tuning: the training process is killed, its checkpoint and its best model are read, and it is
resumed, again and again. Each kill comes after a step was heard of, up to ``--seconds`` later; it
must leave a checkpoint with more steps than the one before, and must not cost more than ten
seconds. A line is printed after each kill. Saving: a process that saves two models in turns to one
file is killed; the file must always be one of them, whole.
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
from itertools import pairwise
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
    parser.add_argument("--times", type=int, default=50, help="kills while saving")
    parser.add_argument("--tunings", type=int, default=12, help="kills while fine-tuning")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=12, help="longest time up to a kill")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_PIXEL_EMBEDDING_HOME"] = folder
        saving = sum(_kill_saving(Path(folder)) for _ in range(options.times))
        print(
            f"saving: {options.times} kills, {saving} times the file was a whole model", flush=True
        )
        kept, lost = _kill_tuning(options.tunings, options.seconds)
        print(
            f"fine-tuning: {options.tunings} kills, kept {kept[0]} … {kept[-1]} steps; a kill cost "
            f"{max(lost):.1f} s of training at most"
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


def _kill_tuning(times: int, seconds: float) -> tuple[list[int], list[float]]:
    """Kill and resume one fine-tuning; return the steps kept and the seconds lost each time."""
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
    lost: list[float] = []
    for _ in range(times):
        ends = _kill_while_running(run, random.uniform(0, seconds))
        (left,) = interrupted_tunings()
        kept.append(_checked(left.step, kept, ends))
        lost.append(max(ends.values()) - ends.get(left.step, min(ends.values())))
        print(f"  kept {left.step} of {max(ends)} steps, lost {lost[-1]:.1f} s", flush=True)
        if (left.folder / MODEL_FILE).exists():
            load_model(left.folder / MODEL_FILE)
        run = resume_tuning(left.folder)
    run.close()
    return kept, lost


def _checked(step: int, kept: list[int], ends: dict[int, float]) -> int:
    """Return the step of a checkpoint, unless too much was lost since."""
    from napari_pixel_embedding.core.training.checkpoint import MOST_LOST_S

    before = kept[-1] if kept else 0
    if step <= before:
        raise SystemExit(f"nothing was kept: step {step} after step {max(ends)}, {before} before")
    done = [end for number, end in ends.items() if number > step]
    longest = max(_gaps(sorted(ends.values())), default=0.0)
    if done and max(done) - min(done) > MOST_LOST_S + longest:
        raise SystemExit(f"{max(done) - min(done):.1f} s were lost after step {step}")
    return step


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _kill_while_running(run: object, after: float) -> dict[int, float]:
    """Follow a training for some seconds after its first step, then kill its process.

    Returns when each step was heard of.
    """
    from napari_pixel_embedding.core.training.worker_process import ProcessEnded

    ends: dict[int, float] = {}
    try:
        for progress in run:  # type: ignore[attr-defined]
            if progress.step == 0:
                continue
            ends[progress.step] = time.monotonic()
            if time.monotonic() > min(ends.values()) + after:
                for process in _children():
                    os.kill(process, signal.SIGKILL)
    except ProcessEnded:
        return ends
    raise SystemExit("the training ended by itself")


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(process) for process in listed.split()]


if __name__ == "__main__":
    main()

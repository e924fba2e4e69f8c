"""The part that runs in StarDist's environment: train, predict, time. Started by ``run.py``.

    python peer.py REQUEST.json

It knows nothing of this project: a JSON file names the images, and label images and a JSON file
of figures are what comes back.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path

THREADS = os.environ.get("OMP_NUM_THREADS", "2")
os.environ["TF_NUM_INTRAOP_THREADS"] = THREADS
os.environ["TF_NUM_INTEROP_THREADS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tifffile  # noqa: E402
from csbdeep.utils import normalize  # noqa: E402
from stardist.models import Config2D, StarDist2D  # noqa: E402

STEPS_AN_EPOCH = 100
LEARNING_RATE = 3e-4


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    figures = {"train": train, "predict": predict, "time": measure}[request["do"]](request)
    Path(request["figures"]).write_text(json.dumps(figures), encoding="utf-8")


def train(request: dict) -> dict:
    """Train on pairs and choose the two thresholds on those held back.

    CPU seconds of all threads are counted apart: learning (with what StarDist prepares before the
    first step), validation after every epoch, and the choice of the thresholds.
    """
    np.random.seed(0)
    tf.keras.utils.set_random_seed(0)
    batch = min(STEPS_AN_EPOCH, request["steps"])
    epochs = math.ceil(request["steps"] / batch)
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=1,
        train_patch_size=(256, 256),
        train_batch_size=4,
        train_epochs=epochs,
        train_steps_per_epoch=batch,
        train_learning_rate=LEARNING_RATE,
        train_tensorboard=False,
        **({"train_reduce_lr": None} if request["decay"] else {}),
    )
    folder = Path(request["model"])
    model = StarDist2D(config, name=folder.name, basedir=str(folder.parent))
    (images, masks), held_back = (load(request[part]) for part in ("train", "held_back"))
    model.prepare_for_training()
    if request["decay"]:
        schedule = tf.keras.callbacks.LearningRateScheduler(lambda epoch, _: cosine(epoch, epochs))
        model.callbacks.append(schedule)
    validation = ValidationClock()
    model.callbacks.append(validation)
    started, wall = time.process_time(), time.perf_counter()
    model.train(images, masks, validation_data=held_back, augmenter=augment, seed=0)
    learnt = time.process_time()
    model.optimize_thresholds(*held_back)
    return {
        "steps": epochs * batch,
        "cpu_seconds": learnt - started - validation.seconds,
        "cpu_seconds_of_validation": validation.seconds,
        "cpu_seconds_of_thresholds": time.process_time() - learnt,
        "wall_seconds": time.perf_counter() - wall,
        "parameters": model.keras_model.count_params(),
    }


class ValidationClock(tf.keras.callbacks.Callback):
    """CPU seconds that validation takes, which Keras runs within the training."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = self._started = 0.0

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._started = time.process_time()

    def on_test_end(self, logs: dict | None = None) -> None:
        self.seconds += time.process_time() - self._started


def cosine(epoch: int, epochs: int) -> float:
    """Learning rate down to a hundredth along half a cosine."""
    return LEARNING_RATE * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / epochs)) / 2)


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flips, quarter turns, brightness and noise, as in StarDist's own example."""
    turns, flip = np.random.randint(4), np.random.randint(2)
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if flip:
        image, labels = image[:, ::-1], labels[:, ::-1]
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    noise = 0.02 * np.random.uniform(0, 1) * np.random.standard_normal(image.shape)
    return (image + noise).astype(np.float32), labels


def load(pairs: list[list[str]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    images = [read(image) for image, _ in pairs]
    return images, [tifffile.imread(mask).astype(np.int32) for _, mask in pairs]


def read(path: str) -> np.ndarray:
    return normalize(tifffile.imread(path), 1, 99.8).astype(np.float32)


def predict(request: dict) -> dict:
    """Write a label image for each image."""
    model = trained(request)
    folder = Path(request["output"])
    folder.mkdir(parents=True, exist_ok=True)
    seconds = pixels = 0.0
    for path in request["images"]:
        image = read(path)
        started = time.process_time()
        labels, _ = model.predict_instances(image)
        seconds += time.process_time() - started
        pixels += image.size
        tifffile.imwrite(folder / Path(path).name, labels.astype(np.uint32))
    return {"cpu_seconds_a_megapixel": seconds / pixels * 1e6}


def measure(request: dict) -> dict:
    """Median wall and CPU time of ``predict_instances`` after one run that warms up."""
    model = trained(request)
    image = read(request["image"])
    labels, _ = model.predict_instances(image)
    walls, cpus = [], []
    for _ in range(request["repeats"]):
        wall, cpu = time.perf_counter(), time.process_time()
        model.predict_instances(image)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "wall_seconds": float(np.median(walls)),
        "cpu_seconds": float(np.median(cpus)),
        "objects": int(labels.max()),
    }


def trained(request: dict) -> StarDist2D:
    folder = Path(request["model"])
    return StarDist2D(None, name=folder.name, basedir=str(folder.parent))


if __name__ == "__main__":
    main()

"""Numbers of ``stardist.matching`` on random label images, for tests/core/test_metrics.py.

Run once in an environment with stardist (0.9.2 made the committed file):
    python tests/core/data/make_stardist_matching.py
The package itself imports a compiled extension and csbdeep's plots; the one file needed here
does not, so it is loaded alone. The images are kept in a .npz: a random generator's stream may
change between numpy versions.
"""

import importlib.metadata
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
THRESHOLDS = (0.1, 0.3, 0.5, 0.55, 0.75, 0.9)


def random_labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Discs, and the same discs moved, dropped and split; ids with holes."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(24, 72))
    yy, xx = np.mgrid[:size, : size + 5]
    true, pred = np.zeros(yy.shape, np.int32), np.zeros(yy.shape, np.int32)
    for k in range(int(rng.integers(1, 25))):
        y, x = rng.integers(0, size, 2)
        radius = int(rng.integers(2, 9))
        true[(yy - y) ** 2 + (xx - x) ** 2 <= radius**2] = 3 * k + 1
        dy, dx, dr = rng.integers(-2, 3, 3)
        if rng.random() < 0.85:
            disc = (yy - y - dy) ** 2 + (xx - x - dx) ** 2 <= (radius + dr) ** 2
            pred[disc] = 100 + k
            if rng.random() < 0.3:
                pred[disc & (xx > x)] = 500 + k
    return true, pred


def load_stardist_matching() -> types.ModuleType:
    """``stardist/matching.py`` without its package."""
    stand_in = types.ModuleType("csbdeep.utils")
    stand_in._raise = _raise
    sys.modules.setdefault("csbdeep", types.ModuleType("csbdeep"))
    sys.modules.setdefault("csbdeep.utils", stand_in)
    folder = importlib.util.find_spec("stardist").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("matching", Path(folder) / "matching.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _raise(error: Exception) -> None:
    raise error


def main() -> None:
    reference = load_stardist_matching()
    images = [random_labels(seed) for seed in range(12)]
    arrays = {f"true_{i}": t.astype(np.uint16) for i, (t, _) in enumerate(images)}
    arrays |= {f"pred_{i}": p.astype(np.uint16) for i, (_, p) in enumerate(images)}
    np.savez_compressed(HERE / "stardist_matching.npz", **arrays)
    names = ("tp", "fp", "fn", "precision", "recall", "f1", "accuracy", "panoptic_quality")
    single, pooled = [], []
    for threshold in THRESHOLDS:
        for seed, (true, pred) in enumerate(images):
            found = reference.matching(true, pred, thresh=threshold)
            row = {name: round(float(getattr(found, name)), 6) for name in names}
            single.append({"seed": seed, "iou_threshold": threshold, **row})
        found = reference.matching_dataset(
            [t for t, _ in images], [p for _, p in images], threshold, show_progress=False
        )
        row = {name: round(float(getattr(found, name)), 6) for name in names}
        pooled.append({"iou_threshold": threshold, **row})
    version = importlib.metadata.version("stardist")
    result = {"made_by": f"stardist {version}", "single": single, "pooled": pooled}
    lines = json.dumps(result).replace('{"seed"', '\n{"seed"').replace('{"iou', '\n{"iou')
    (HERE / "stardist_matching.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()

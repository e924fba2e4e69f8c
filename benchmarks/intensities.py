"""What scaling by measured intensities is worth, against percentiles of the image alone.

    python benchmarks/intensities.py [DATA] [--model nuclei-fluo]

Prints objects found in noise, in a few nuclei on noise, and F1 at IoU 0.5 to the clean image under
saturated pixels, scale bars, sentinels and padding, each with both scalings. With DATA, a folder
with ``index.csv`` and ``dev/images``, ``dev/masks``, also AP@0.5 / 0.75 / mean on its fluorescence
images. Fails when a scaling makes no difference anywhere, for then nothing was measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding import average_precision, build_cluster_index, load_model
from napari_pixel_embedding.core.datasets.pairs import find_pairs, names_where
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.object_scale import usual_params
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import predict_resampled
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_pixel_embedding import EmbeddingModel

THRESHOLDS = [round(0.5 + 0.05 * n, 2) for n in range(10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--model", default="nuclei-fluo")
    options = parser.parse_args()
    model = load_model(options.model)
    differences = print_counts(model) + print_agreement(model)
    if options.data is not None:
        print_precision(model, options.data)
    if differences == 0:
        raise SystemExit("Both scalings gave the same everywhere: nothing was measured.")


def print_counts(model: EmbeddingModel) -> int:
    print(f"{'objects found':24}{'percentiles':>12}{'measured':>12}{'true':>8}")
    differences = 0
    for name, image, true in (*noises(), *sparse_scenes()):
        before, after = (int(found.max()) for found in both(model, image))
        differences += before != after
        print(f"{name:24}{before:12}{after:12}{true:8}")
    return differences


def print_agreement(model: EmbeddingModel) -> int:
    clean = np.asarray(load_sample("nuclei-field")[0].data)[100:260, 100:260]
    _, expected = both(model, clean)
    print(f"\n{'F1@0.5 to clean':24}{'percentiles':>12}{'measured':>12}")
    differences = 0
    for name, image in spoilt(clean):
        before, after = (f1(expected, found[:160, :160]) for found in both(model, image))
        differences += before != after
        print(f"{name:24}{before:12.3f}{after:12.3f}")
    return differences


def print_precision(model: EmbeddingModel, data: Path) -> None:
    wanted = set(names_where(data / "index.csv", {"type": "fluo", "split": "dev"}))
    pairs = [pair for pair in find_pairs(data / "dev") if pair.image.stem in wanted]
    truth = [read_labels(pair.mask).data for pair in pairs]
    found = [both(model, read_image(pair.image).data) for pair in pairs]
    print(f"\nAP on {len(pairs)} images   @0.5   @0.75   mean")
    for name, side in (("percentiles", 0), ("measured", 1)):
        scores = average_precision(truth, [each[side] for each in found], THRESHOLDS)
        print(f"{name:18}{scores[0]:7.3f}{scores[5]:8.3f}{np.mean(scores):7.3f}")


def both(model: EmbeddingModel, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segment a grey image scaled by its percentiles, and by its measured intensities."""
    percentiles = model.config.percentiles
    finite = image[np.isfinite(image)].astype(np.float64)
    plain = np.array([np.percentile(finite, percentiles)])
    channels = np.broadcast_to(image, (model.config.in_channels, *image.shape))
    old = np.where(np.isfinite(channels), channels, plain[0, 0]).astype(np.float64)
    low, high = plain[0]
    old = np.clip((old - low) / max(high - low, 1e-30), -1, 3).astype(np.float32)
    return segmented(model, old), segmented(model, normalise(channels, percentiles))


def segmented(model: EmbeddingModel, pixels: np.ndarray) -> np.ndarray:
    emap = predict_resampled(model, pixels, PredictOptions("cpu"))
    return build_cluster_index(emap).cut(usual_params(model.config))


def noises() -> Iterator[tuple[str, np.ndarray, int]]:
    rng = np.random.default_rng(0)
    for side in (64, 512):
        shape = (side, side)
        yield f"Poisson noise {side}²", rng.poisson(10, shape).astype(np.uint16), 0
        yield f"Gaussian noise {side}²", rng.normal(100, 5, shape).astype(np.float32), 0
        yield f"single photons {side}²", rng.poisson(0.05, shape).astype(np.uint8), 0
        yield f"speckle {side}²", rng.exponential(10, shape).astype(np.float32), 0


def sparse_scenes() -> Iterator[tuple[str, np.ndarray, int]]:
    rows, columns = np.mgrid[:768, :768]
    for count in (1, 3, 10):
        rng = np.random.default_rng(count)
        rate = np.full((768, 768), 10.0)
        for place in rng.choice(49, count, replace=False):
            y, x = 80 + 100 * np.array(divmod(int(place), 7))
            rate[(rows - y) ** 2 + (columns - x) ** 2 < 14**2] = 70
        yield f"{count} nuclei on noise", rng.poisson(rate).astype(np.uint16), count


def spoilt(clean: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Spoil the sample; bars and strips lie where there is no object."""
    rng = np.random.default_rng(0)
    for share in (0.001, 0.003, 0.01, 0.03, 0.05):
        image = clean.copy()
        image[rng.random(clean.shape) < share] = 255
        yield f"{share:.1%} saturated", image
    bar = np.pad(clean.astype(np.uint16) * 16, ((0, 20), (0, 0)), mode="reflect")
    bar[168:174, 20:100] = 65_535
    yield "scale bar of 65535", bar
    for value in (-3.4e38, -9999.0, np.nan):
        strip = np.pad(clean.astype(np.float32), ((0, 0), (0, 12)), constant_values=value)
        yield f"strip of {value:g}", strip
    for share in (0.25, 0.5, 0.9):
        more = round(160 / np.sqrt(1 - share)) - 160
        yield f"{share:.0%} padded with 0", np.pad(clean, ((0, more), (0, more)))


def f1(expected: np.ndarray, found: np.ndarray) -> float:
    precision = float(average_precision(expected, found, 0.5))
    return 2 * precision / (1 + precision)


if __name__ == "__main__":
    main()

"""What the tools in embedding space are worth: splits, clicks on missed objects, the review order.

    python benchmarks/correction_tools.py [--model nuclei-fluo] [--bandwidth 2]

On the samples with nuclei, against their label images:

- split: touching objects are joined and split again by a random seed in each; the mean IoU of
  the parts, by the embedding and by the shape alone (watershed of the distance to the border);
- add: every object is taken away and added by one random click; mean IoU;
- review: is a wrong object (IoU under 0.5) listed before a right one? Area under the curve, 0.5 is
  chance, and the share of wrong objects within the first quarter of the queue, beside listing
  by size alone.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_pixel_embedding import ClusterParams, build_cluster_index, load_model, predict_embedding
from napari_pixel_embedding.core.corrections.corrections import no_corrections, split
from napari_pixel_embedding.core.corrections.embedding_edits import grow_like, split_by_embedding
from napari_pixel_embedding.core.corrections.uncertainty import ambiguity
from napari_pixel_embedding.core.datasets.samples import load_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding import EmbeddingMap

_SAMPLES = ("nuclei-field", "nuclei-small", "nuclei-large")
_SMALLEST = 30
"""Objects of fewer pixels are left out of splits and clicks."""

_INNER = 0.4
"""Seeds lie at least so far inside, as a share of an object's largest depth."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nuclei-fluo")
    parser.add_argument("--bandwidth", type=float, default=None)
    options = parser.parse_args()
    model = load_model(options.model)
    for name in _SAMPLES:
        image, y_true = load_sample(name)
        emap = predict_embedding(model, image.data)
        params = model.config.cluster_params()
        if options.bandwidth is not None:
            params = type(params)(bandwidth=options.bandwidth)
        print(name)
        _report_splits(emap, y_true.astype(int))
        _report_clicks(emap, y_true.astype(int), params.bandwidth)
        _report_review(emap, y_true.astype(int), params)


def _report_splits(emap: EmbeddingMap, y_true: NDArray[Any]) -> None:
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {"embedding": [], "shape": []}
    for a, b in _touching(y_true):
        joined = np.where((y_true == a) | (y_true == b), 1, 0)
        joined = ndimage.binary_closing(joined, np.ones((3, 3))).astype(int)
        if ndimage.label(joined)[1] != 1:
            continue
        seeds = [_inside(y_true == k, rng) for k in (a, b)]
        fixed = no_corrections(joined.shape)
        for way, result in (
            ("embedding", split_by_embedding(fixed, joined, 1, seeds, emap)),
            ("shape", split(fixed, joined, 1, seeds)),
        ):
            parts = [_iou(result == k + 1, y_true == id) for k, id in enumerate((a, b))]
            found[way].append(float(np.mean(parts)))
    ours, theirs = (np.array(found[way]) for way in ("embedding", "shape"))
    print(
        f"  split   {len(ours):3} pairs: IoU {ours.mean():.3f} by the embedding, "
        f"{theirs.mean():.3f} by the shape; worst {ours.min():.2f}, {theirs.min():.2f}"
    )


def _report_clicks(emap: EmbeddingMap, y_true: NDArray[Any], bandwidth: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for id in _large(y_true):
        others = np.where(y_true == id, 0, y_true)
        box, mask = grow_like(emap, others, _inside(y_true == id, rng), bandwidth)
        whole = np.zeros(y_true.shape, bool)
        whole[box] = mask
        found.append(_iou(whole, y_true == id))
    ious = np.array(found)
    good = np.mean(ious >= 0.5)
    print(f"  add     {len(ious):3} clicks: IoU {ious.mean():.3f}, {good:.0%} above 0.5")


def _report_review(emap: EmbeddingMap, y_true: NDArray[Any], params: ClusterParams) -> None:
    index = build_cluster_index(emap)
    labels = index.cut(params)
    doubts = ambiguity(labels, emap.foreground, index.merge_heights(params), params)
    wrong = np.array([_best_iou(labels == id, y_true) < 0.5 for id in doubts.ids])
    sizes = np.bincount(labels.ravel())[doubts.ids]
    by_size = np.abs(np.log(sizes / np.median(sizes)))
    print(
        f"  review  {wrong.sum():3} of {len(wrong)} wrong: "
        f"area {_area(doubts.score, wrong):.2f} by doubt, {_area(by_size, wrong):.2f} by size; "
        f"first quarter holds {_early(doubts.score, wrong):.0%}, {_early(by_size, wrong):.0%}"
    )


def _touching(y_true: NDArray[Any]) -> list[tuple[int, int]]:
    pairs: set[tuple[int, int]] = set()
    large = set(_large(y_true))
    for axis in range(y_true.ndim):
        rolled = np.moveaxis(y_true, axis, 0)
        a, b = rolled[:-2].ravel(), rolled[2:].ravel()
        meet = (a != b) & (a > 0) & (b > 0)
        ends = np.stack([np.minimum(a, b)[meet], np.maximum(a, b)[meet]], axis=1)
        pairs |= {(int(first), int(second)) for first, second in np.unique(ends, axis=0)}
    return sorted(pair for pair in pairs if large.issuperset(pair))


def _large(y_true: NDArray[Any]) -> list[int]:
    sizes = np.bincount(y_true.ravel())
    return [int(k) for k in np.flatnonzero(sizes >= _SMALLEST) if k > 0]


def _inside(mask: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, ...]:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[(slice(1, -1),) * mask.ndim]
    choices = np.argwhere(depth >= _INNER * depth.max())
    return tuple(choices[rng.integers(len(choices))].tolist())


def _iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def _best_iou(mask: NDArray[np.bool_], y_true: NDArray[Any]) -> float:
    ids, counts = np.unique(y_true[mask], return_counts=True)
    ids, counts = ids[ids > 0], counts[ids > 0]
    return 0.0 if not len(ids) else _iou(mask, y_true == ids[counts.argmax()])


def _area(score: NDArray[Any], wrong: NDArray[np.bool_]) -> float:
    """Chance that a wrong object is listed before a right one."""
    ranks = np.argsort(np.argsort(score))
    count = int(wrong.sum())
    if count in (0, len(wrong)):
        return float("nan")
    first = ranks[wrong].sum() - count * (count - 1) / 2
    return float(first / (count * (len(wrong) - count)))


def _early(score: NDArray[Any], wrong: NDArray[np.bool_]) -> float:
    first = np.argsort(-score)[: max(1, len(score) // 4)]
    return float(wrong[first].sum() / max(wrong.sum(), 1))


if __name__ == "__main__":
    main()

"""Choose a bundled model's cluster parameters on training images, and score them on others.

    python scripts/choose_parameters.py NAME DATA [--model FILE] [--images N]

DATA is the folder that ``train_models.py`` takes. Bandwidth and foreground threshold are those
with the best mean AP over IoU 0.5 to 0.95 on the part of ``train`` that ``sources.py`` holds back.
``dev`` is then scored once with the parameters in the model's file and once with those chosen.
Files that were trained with ``--learn-from-all``, the bundled ones among them, have learnt from
the part that is held back; of ``dev`` no file has seen anything.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from plans import PLANS
from tqdm import tqdm

from napari_pixel_embedding import build_cluster_index, load_model, predict_embedding
from napari_pixel_embedding.core.clustering.params import bandwidth_range
from napari_pixel_embedding.core.evaluation.evaluate import score
from napari_pixel_embedding.core.inference.object_scale import usual_params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from plans import Plan
    from sources import Example, Part, Source

    from napari_pixel_embedding import (
        ClusterIndex,
        ClusterParams,
        EmbeddingModel,
        ModelConfig,
        Scores,
    )

BANDWIDTHS = 11
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


@dataclass(frozen=True)
class Indexed:
    """An image whose embedding is computed and indexed, to be cut many times.

    ``min_size`` is the model's usual one in the image's own pixels.
    """

    index: ClusterIndex
    labels: NDArray[Any]
    min_size: int


@dataclass(frozen=True)
class Choice:
    """The parameters that suit some images best.

    Parameters
    ----------
    params : ClusterParams
        Bandwidth and foreground threshold are chosen, the rest is the model's.
    scores : Scores
        On the images that they were chosen on.
    at_the_end : bool
        Whether the bandwidth is the smallest or the largest that was tried, so that a still
        smaller or larger one may be better.
    """

    params: ClusterParams
    scores: Scores
    at_the_end: bool

    @property
    def words(self) -> str:
        """Name the two parameters."""
        end = " (at the end of the range)" if self.at_the_end else ""
        params = self.params
        return f"bandwidth {params.bandwidth:g}{end}, foreground {params.foreground_threshold:g}"


def main() -> int:
    """Print the scores with the parameters in the file and with those chosen."""
    options = _options()
    plan, model = PLANS[options.name], load_model(options.model or options.name)
    choice = choose(model, *chosen_on(model, plan, options.data, options.images))
    own = model.config.cluster_params()
    print(f"{options.name}: {choice.words}, chosen on {choice.scores.images} images")
    print(_TABLE_HEAD)
    for title, sources in plan.scored.items():
        known = indexed(model, sources, options.data, "score", options.images)
        for name, params in (("file", own), ("chosen", choice.params)):
            print(_row(f"{title}, {name}", params, score_with(known, params)), flush=True)
    print(_row("(train, chosen)", choice.params, choice.scores))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(PLANS))
    parser.add_argument("data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--model", type=Path, help="a file of this name's plan; default: bundled")
    parser.add_argument("--images", type=int, help="at most so many of each source, for a trial")
    return parser.parse_args()


def indexed(
    model: EmbeddingModel,
    sources: Sequence[Source],
    data: Path,
    part: Part,
    most: int | None = None,
) -> list[Indexed]:
    """Run the network once on each image of a part of the sources."""
    examples = [e for s in sources for e in s.examples(data, model.config, part)[:most]]
    return [_indexed(model, one) for one in tqdm(examples, unit="image", mininterval=5)]


def _indexed(model: EmbeddingModel, example: Example) -> Indexed:
    emap = predict_embedding(model, example.image, **example.options)
    seen = {key: example.options.get(key) for key in ("diameter", "spacing")}
    size = usual_params(model.config, **seen).min_size
    return Indexed(build_cluster_index(emap), example.labels, size)


def score_with(known: Sequence[Indexed], params: ClusterParams) -> Scores:
    """Score one set of parameters."""
    found = [one.index.cut(replace(params, min_size=one.min_size)) for one in known]
    return score([one.labels for one in known], found)


def chosen_on(
    model: EmbeddingModel, plan: Plan, data: Path, most: int | None = None
) -> list[list[Indexed]]:
    """Run the network on what a plan's parameters are chosen on, kinds apart where it has shares.

    So the kind of which there are most images has no more say than the others.
    """
    kinds = [(source,) for source in plan.chosen_on] if plan.shares else [plan.chosen_on]
    return [indexed(model, sources, data, "choose", most) for sources in kinds]


def choose(model: EmbeddingModel, *kinds: Sequence[Indexed]) -> Choice:
    """Choose the bandwidth and the foreground threshold with the best mean AP of several kinds.

    All pairs of eleven bandwidths over the slider's range and nine thresholds are tried; the
    first of several equal ones is taken.
    """
    every = list(itertools.chain.from_iterable(kinds))
    usual = model.config.cluster_params()
    bandwidths = tried_bandwidths(model.config)
    tried = [
        replace(usual, bandwidth=bandwidth, foreground_threshold=threshold)
        for bandwidth in bandwidths
        for threshold in THRESHOLDS
    ]
    means = [
        np.mean([score_with(known, params).ap for known in kinds])
        for params in tqdm(tried, unit="cut", mininterval=5)
    ]
    best = tried[int(np.argmax(means))]
    ends = (bandwidths[0], bandwidths[-1])
    return Choice(best, score_with(every, best), best.bandwidth in ends)


def tried_bandwidths(config: ModelConfig) -> list[float]:
    """Bandwidths over the whole range of the slider, its ends included."""
    ends = bandwidth_range(config.space, config.delta_var)
    return [float(value) for value in np.linspace(*ends, BANDWIDTHS).round(3)]


_TABLE_HEAD = """\
| | images | bandwidth | foreground | AP@0.5 | AP@0.75 | AP@0.5:0.95 | SBD | \\|DiC\\| | PQ |
|---|---|---|---|---|---|---|---|---|---|"""


def _row(name: str, params: ClusterParams, s: Scores) -> str:
    return (
        f"| {name} | {s.images} | {params.bandwidth:.2f} | {params.foreground_threshold:.2f} "
        f"| {s.ap50:.3f} | {s.ap75:.3f} | {s.ap:.3f} | {s.sbd:.3f} | {s.dic:.2f} | {s.pq:.3f} |"
    )


if __name__ == "__main__":
    sys.exit(main())

"""Train one of the bundled models, and write it with its card.

    python scripts/train_models.py NAME DATA [--output FOLDER] [--learn-from-all]

``plans.py`` says how each is made. DATA holds ``dsb2018/`` with ``index.csv``, ``train/`` and
``dev/``, and ``usiigaci_phase/`` with the latter two; these hold ``images/`` and ``masks/``, as do
the folders of ``volume``: ``gonuclear3d_mini/``, ``qcanet_embryo3d/`` and ``stardist_synth3d/``.

``generic`` goes on from the first stage of ``nuclei-fluo``, which is trained first where the output
folder does not hold it; ``cells-phase`` from ``generic`` and ``nuclei-cosine`` from
``nuclei-fluo``, those of the output folder or the bundled ones. Running it again goes on where it
was interrupted.

A part of ``train`` is held back from learning, and the default bandwidth and foreground threshold
are chosen on it. ``dev``, and the last third of every volume, give the scores alone. The present
bundled files were made with ``--learn-from-all``: they have learnt from the part that is held back
too.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from choose_parameters import choose, chosen_on, indexed, score_with
from plans import PLANS
from tqdm import tqdm

from napari_pixel_embedding import (
    EmbeddingModel,
    ModelConfig,
    Scores,
    TrainConfig,
    load_model,
    model_config_for,
    save_model,
    train,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from choose_parameters import Choice
    from plans import Plan

    from napari_pixel_embedding.core.model.presets import Preset
    from napari_pixel_embedding.core.training.targets import Sample
    from napari_pixel_embedding.core.training.train import TrainProgress


_SYSTEMS: dict[Preset, str] = {
    "euclidean": "Euclidean discriminative embedding with coordinates",
    "cosine": "Cosine embedding with local constraints",
    "wnet": "Cosine embedding with local constraints on distance features (W-Net)",
}


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    name: str
    data: Path
    output: Path
    learn_from_all: bool


def main() -> int:
    """Train, choose the cluster parameters, score, and write the model with its card."""
    options = _options()
    plan = PLANS[options.name]
    model, images = _trained(options.name, options)
    choice = choose(model, *chosen_on(model, plan, options.data))
    model = EmbeddingModel(model.network, _described(model.config, plan, images, choice))
    path = save_model(model, options.output / f"{options.name}.safetensors", half=True)
    scores = {
        name: score_with(indexed(model, sources, options.data, "score"), choice.params)
        for name, sources in plan.scored.items()
    }
    card = _card(options, plan, choice, scores)
    path.with_suffix(".md").write_text(card, encoding="utf-8")
    print(f"{path}\n{_chosen(options, plan, choice)}\n{_table(scores, choice)}")
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(PLANS))
    parser.add_argument("data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder to write to")
    parser.add_argument(
        "--learn-from-all",
        action="store_true",
        help="learn from the images too that the cluster parameters are chosen on",
    )
    return Options(**vars(parser.parse_args()))


def _trained(name: str, options: Options, stages: int | None = None) -> tuple[EmbeddingModel, int]:
    """Train a plan, or its first stages; return the model and how many images it learnt from."""
    plan = PLANS[name]
    model = _start(name, plan, options)
    model = EmbeddingModel(model.network, replace(model.config, **plan.config))
    each = [s.samples(options.data, model.config, options.learn_from_all) for s in plan.sources]
    samples = list(itertools.chain.from_iterable(each))
    for number, stage in enumerate(plan.stages[:stages], start=1):
        run = train(
            model,
            samples,
            stage,
            checkpoint=options.output / f"{name}-{number}.training",
            teacher=_teacher(plan, options),
            sampling_weights=_weights(each, plan.shares) if plan.shares else None,
        )
        model = _last(run, stage)
    return model, len(set(map(id, samples)))


def _weights(each: list[list[Sample]], shares: tuple[float, ...]) -> list[float]:
    """Return weights by which each source is drawn as often as its share says."""
    weights = []
    for samples, share in zip(each, shares, strict=True):
        sizes = np.sqrt([sample.labels.size for sample in samples])
        weights += (share * sizes / sizes.sum()).tolist()
    return weights


def _start(name: str, plan: Plan, options: Options) -> EmbeddingModel:
    """Make an untrained model, or one that goes on from another."""
    usual = {"embedding_dim": 8, "coordinate_scale": 5.0, **plan.network}
    config = model_config_for(plan.preset, name=name, **usual)
    if plan.start is None:
        return EmbeddingModel.untrained(config)
    parent = _parent(plan, options)
    if plan.preset != "euclidean":
        return _with_features_of(parent, config)
    return _widened(parent, replace(config, in_channels=3))


def _with_features_of(parent: EmbeddingModel, config: ModelConfig) -> EmbeddingModel:
    """Make a model of another system with the parent's weights, all but the embedding head's."""
    model = EmbeddingModel.untrained(config)
    weights = parent.network.state_dict()
    kept = {name: w for name, w in weights.items() if not name.startswith("embedding.")}
    model.network.load_state_dict({**model.network.state_dict(), **kept})
    return model


def _teacher(plan: Plan, options: Options) -> EmbeddingModel | None:
    """Load the model whose outputs are learnt from, that of the output folder or the bundled."""
    return None if plan.teacher is None else _finished(plan.teacher, options)


def _finished(name: str, options: Options) -> EmbeddingModel:
    own = options.output / f"{name}.safetensors"
    return load_model(own if own.exists() else name)


def _parent(plan: Plan, options: Options) -> EmbeddingModel:
    """Load the model that a plan goes on from, or train its first stages."""
    name, stages = plan.start
    if stages is not None:
        return _trained(name, options, stages)[0]
    return _finished(name, options)


def _widened(parent: EmbeddingModel, config: ModelConfig) -> EmbeddingModel:
    """Copy weights into a model of three channels that answers grey images as its parent does."""
    model = EmbeddingModel.untrained(config)
    weights = dict(parent.network.state_dict())
    first = "backbone.encoder.0.0.weight"
    weights[first] = weights[first].repeat(1, 3 // weights[first].shape[1], 1, 1)
    weights[first] = weights[first] * (parent.config.in_channels / 3)
    model.network.load_state_dict(weights)
    return model


def _last(run: Iterable[TrainProgress], config: TrainConfig) -> EmbeddingModel:
    """Go through a training with a bar, and return its model."""
    bar = tqdm(total=config.steps, unit="step", mininterval=5)
    for state in run:
        bar.update(state.step - bar.n)
        bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in state.losses.items()), False)
    return state.model


def _described(config: ModelConfig, plan: Plan, images: int, choice: Choice) -> ModelConfig:
    cluster = {
        **config.cluster,
        "bandwidth": choice.params.bandwidth,
        "foreground_threshold": choice.params.foreground_threshold,
    }
    provenance = {
        "preset": _SYSTEMS[plan.preset],
        "parent": None if plan.start is None else plan.start.name,
        "data": [source.folder for source in plan.sources],
        "training_images": images,
        "steps": [stage.steps for stage in plan.stages],
        "batch_size": plan.stages[0].batch_size,
        "crop": plan.stages[0].crop,
    }
    return replace(config, cluster=cluster, provenance=provenance)


def _chosen(options: Options, plan: Plan, choice: Choice) -> str:
    """Say which cluster parameters were chosen, and on what."""
    apart = plan.apart and not options.learn_from_all
    where = "held back from learning" if apart else "of the training data"
    return (
        f"- **Cluster parameters**: {choice.words},\n"
        f"  chosen on {choice.scores.images} images {where} (mean AP there "
        f"{choice.scores.ap:.3f});\n  the images of the scores below had no part in it."
    )


def _card(options: Options, plan: Plan, choice: Choice, scores: dict[str, Scores]) -> str:
    facts, limits = plan.card.rsplit("\n\n", 1)
    power = "³" if "axes" in plan.network else "²"
    training = ", then ".join(
        f"{stage.steps} steps of {stage.batch_size} crops of {stage.crop}{power} pixels"
        for stage in plan.stages
    )
    return f"""# {options.name}

{facts}
- **Training**: {training};
  AdamW, averaged weights.
- **Object size**: the network sees a diameter of {plan.config["object_diameter"]:.0f} pixels.
{_chosen(options, plan, choice)}
- **Licence**: {plan.config["licence"]}.

{limits}
{plan.scores_on}
{_table(scores, choice)}"""


def _table(scores: dict[str, Scores], choice: Choice) -> str:
    params = f"{choice.params.bandwidth:g}, {choice.params.foreground_threshold:g}"
    rows = [
        f"| {name} | {params} | {s.images} | {s.ap50:.3f} | {s.ap75:.3f} | {s.ap:.3f} "
        f"| {s.sbd:.3f} | {s.dic:.2f} | {s.pq:.3f} |\n"
        for name, s in scores.items()
    ]
    head = (
        "| | bandwidth, foreground | images | AP@0.5 | AP@0.75 | AP@0.5:0.95 "
        "| SBD | \\|DiC\\| | PQ |\n"
    )
    return head + "|---|---|---|---|---|---|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    sys.exit(main())

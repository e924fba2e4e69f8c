"""Train one of the bundled models, and write it with its card.

    python scripts/train_models.py NAME DATA [--output FOLDER]

DATA holds ``dsb2018/`` with ``index.csv``, ``train/`` and ``dev/``, and ``usiigaci_phase/`` with
the latter two; these hold ``images/`` and ``masks/``. ``generic`` goes on from ``nuclei-fluo``,
and ``cells-phase`` from ``generic``: from the bundled ones, or from those in the output folder.
Running it again goes on where it was interrupted. ``dev`` is used for the scores alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from napari_pixel_embedding import (
    EmbeddingModel,
    ModelConfig,
    Scores,
    TrainConfig,
    evaluate,
    load_model,
    model_config_for,
    prepare_samples,
    save_model,
    train,
)
from napari_pixel_embedding.core.configs import Augmentation
from napari_pixel_embedding.core.files import find_pairs, names_where
from napari_pixel_embedding.core.io import read_image, read_labels

if TYPE_CHECKING:
    import numpy as np

PHASE_DIAMETER = 60.0
"""Typical diameter of the cells in usiigaci_phase, in pixels."""


@dataclass(frozen=True)
class Source:
    """Pairs of a data set: which, how large their objects are, and how often they are taken."""

    folder: str
    kinds: tuple[str, ...] = ()
    diameter: float | None = None
    times: int = 1

    def pairs(self, data: Path, split: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Images and label images of a split, ``train`` or ``dev``."""
        folder = data / self.folder
        found = find_pairs(folder / split)
        if self.kinds:
            index = folder / "index.csv"
            names = {n for kind in self.kinds for n in names_where(index, {"type": kind})}
            found = [pair for pair in found if pair.image.stem in names]
        return [(read_image(pair.image).data, read_labels(pair.mask).data) for pair in found]


FLUO = Source("dsb2018", ("fluo",))
TISSUE = Source("dsb2018", ("purple", "purple_white"), times=3)
BRIGHT = Source("dsb2018", ("grey_bright",), times=3)
PHASE = Source("usiigaci_phase", diameter=PHASE_DIAMETER, times=7)


@dataclass(frozen=True)
class Plan:
    """How a bundled model is trained.

    Parameters
    ----------
    sources : tuple of Source
        What is learnt from.
    stages : tuple of TrainConfig
        One training after the other, each with a learning rate that falls to a hundredth.
    start : str, optional
        The model to go on from; one of a single channel is widened to three.
    config : dict
        Fields of the finished model's configuration.
    scored : dict of str to tuple of Source
        What the card reports scores on.
    card : str
        Text of the card, before the scores.
    """

    sources: tuple[Source, ...]
    stages: tuple[TrainConfig, ...]
    config: dict[str, Any]
    card: str
    scored: dict[str, tuple[Source, ...]] = field(default_factory=dict)
    start: str | None = None


_STAINS = Augmentation(colour=0.12)
_NUCLEI = {"bandwidth": 2.0, "foreground_threshold": 0.55}
_BBBC038 = (
    "BBBC038v1 (2018 Data Science Bowl; Caicedo et\n"
    "  al., Nature Methods 16, 1247–1253, 2019) with masks corrected by the community; CC0"
)
_USIIGACI = (
    "Usiigaci (Tsai et al., SoftwareX 9, 230–237, 2019; MIT,\n"
    "  © 2018 OIST, its notice stands in sample_data/README.md)"
)
_SYSTEM = """\
- **System**: Euclidean discriminative embedding (De Brabandere et al., 2017), 8 components,
  hinged between neighbours only; position is added to two of the components.
- **Network**: U-Net, 1.95 M parameters."""

PLANS = {
    "nuclei-fluo": Plan(
        sources=(FLUO,),
        stages=(TrainConfig(steps=5000),),
        config={
            "object_diameter": 20.0,
            "cluster": _NUCLEI,
            "description": "Nuclei in 2-D fluorescence images of one channel.",
            "licence": "CC0-1.0",
        },
        scored={"fluorescence": (FLUO,)},
        card=f"""Nuclei in two-dimensional fluorescence images of one channel, touching or not.

{_SYSTEM}
- **Trained on**: fluorescence images of {_BBBC038}.

Intended for counting, measuring and correcting by hand, not for diagnosis. It has not seen bright
field, phase contrast, stained tissue or stacks: fine-tune it for those, and check by eye.
""",
    ),
    "generic": Plan(
        start="nuclei-fluo",
        sources=(FLUO, TISSUE, BRIGHT, PHASE),
        stages=(
            TrainConfig(steps=4000, warmup=0.0),
            TrainConfig(steps=4500, warmup=0.0, augmentation=_STAINS),
            TrainConfig(steps=2000, warmup=0.0, augmentation=_STAINS, learning_rate=7e-4),
        ),
        config={
            "object_diameter": 20.0,
            "cluster": _NUCLEI,
            "description": "Nuclei and cells of many kinds, grey or RGB; to be tuned on anything.",
            "licence": "CC0-1.0 AND MIT",
        },
        scored={
            "all nuclei": (FLUO, TISSUE, BRIGHT),
            "fluorescence": (FLUO,),
            "stained tissue": (TISSUE,),
            "bright field": (BRIGHT,),
            "cells in phase contrast, diameter given": (PHASE,),
        },
        card=f"""Nuclei in fluorescence, bright field and stained tissue, and cells in phase
contrast, grey or RGB.

{_SYSTEM}
- **Trained on**: images of all kinds of {_BBBC038};
  phase contrast of {_USIIGACI},
  resampled to a third. It goes on from `nuclei-fluo`.

Intended as the start for fine-tuning on anything with dense, roundish objects, and for a first
look. Name the diameter of the objects (or measure it) where it is far from 20 pixels. It is weakest
on stained tissue, has not seen stacks or electron micrographs, and is not for diagnosis.
""",
    ),
    "cells-phase": Plan(
        start="generic",
        sources=(PHASE,),
        stages=(TrainConfig(steps=1000, learning_rate=5e-4, warmup=0.0),),
        config={
            "object_diameter": 20.0,
            "image_diameter": PHASE_DIAMETER,
            "description": "Cells in phase contrast, of irregular shape, touching.",
            "licence": "CC0-1.0 AND MIT",
        },
        scored={"cells in phase contrast": (PHASE,)},
        card=f"""Irregular, touching cells in phase contrast.

{_SYSTEM}
- **Trained on**: 14 images of {_USIIGACI}.
  It goes on from `generic`.

Images are resampled from cells of 60 to cells of 20 pixels; name the diameter where yours differ.
It knows one microscope: correct a few cells and fine-tune it for others.
""",
    ),
}


def main() -> int:
    """Train, score, and write the model with its card."""
    options = _options()
    plan = PLANS[options.name]
    model = _start(options.name, plan, options.output)
    samples = [
        sample
        for source in plan.sources
        for sample in _samples(source, options.data, model.config) * source.times
    ]
    for number, stage in enumerate(plan.stages, start=1):
        checkpoint = options.output / f"{options.name}-{number}.training"
        model = _train(model, samples, stage, checkpoint)
    model = EmbeddingModel(
        model.network, _described(model.config, plan, len(set(map(id, samples))))
    )
    path = save_model(model, options.output / f"{options.name}.safetensors")
    scores = {name: _score(model, s, options.data) for name, s in plan.scored.items()}
    path.with_suffix(".md").write_text(_card(options.name, plan, scores), encoding="utf-8")
    sys.stdout.write(f"{path}\n{_table(scores)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(PLANS))
    parser.add_argument("data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder to write to")
    return parser.parse_args()


def _start(name: str, plan: Plan, output: Path) -> EmbeddingModel:
    """Make an untrained model, or one that goes on from another and takes RGB."""
    config = model_config_for("euclidean", name=name, embedding_dim=8, coordinate_scale=5.0)
    if plan.start is None:
        return EmbeddingModel.untrained(config)
    own = output / f"{plan.start}.safetensors"
    parent = load_model(own if own.exists() else plan.start)
    model = EmbeddingModel.untrained(replace(config, in_channels=3))
    weights = dict(parent.network.state_dict())
    first = "backbone.encoder.0.0.weight"
    weights[first] = weights[first].repeat(1, 3 // weights[first].shape[1], 1, 1)
    weights[first] = weights[first] * (parent.config.in_channels / 3)
    model.network.load_state_dict(weights)
    return model


def _samples(source: Source, data: Path, config: ModelConfig) -> list:
    pairs = source.pairs(data, "train")
    known = replace(config, object_diameter=20.0)
    images, labels = zip(*pairs, strict=True)
    return prepare_samples(images, labels, known, diameter=source.diameter)


def _train(
    model: EmbeddingModel, samples: list, config: TrainConfig, checkpoint: Path
) -> EmbeddingModel:
    bar = tqdm(total=config.steps, unit="step", mininterval=5)
    for state in train(model, samples, config, checkpoint=checkpoint):
        bar.update(state.step - bar.n)
        bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in state.losses.items()), False)
    return state.model


def _described(config: ModelConfig, plan: Plan, images: int) -> ModelConfig:
    provenance = {
        "system": "Euclidean discriminative embedding with coordinates",
        "parent": plan.start,
        "data": [source.folder for source in plan.sources],
        "training_images": images,
        "steps": [stage.steps for stage in plan.stages],
        "batch_size": plan.stages[0].batch_size,
        "crop": plan.stages[0].crop,
    }
    return replace(config, **plan.config, provenance=provenance)


def _score(model: EmbeddingModel, sources: tuple[Source, ...], data: Path) -> Scores:
    pairs = [pair for source in sources for pair in source.pairs(data, "dev")]
    images, labels = zip(*pairs, strict=True)
    diameter = sources[0].diameter if model.config.image_diameter is None else None
    return evaluate(model, images, labels, diameter=diameter)


def _card(name: str, plan: Plan, scores: dict[str, Scores]) -> str:
    facts, limits = plan.card.rsplit("\n\n", 1)
    training = " and ".join(str(stage.steps) for stage in plan.stages)
    crop, batch = plan.stages[0].crop, plan.stages[0].batch_size
    return f"""# {name}

{facts}
- **Training**: {training} steps of {batch} crops of {crop}² pixels, AdamW, averaged weights.
- **Object size**: the network sees a diameter of {plan.config["object_diameter"]:.0f} pixels.
- **Licence**: {plan.config["licence"]}.

{limits}
Scores on images that were not trained on: of nuclei none a tile of a field that has tiles among the
training images, of phase contrast other images of the set, perhaps of the same cultures. Default
parameters, chosen on the nuclei among them.

{_table(scores)}"""


def _table(scores: dict[str, Scores]) -> str:
    rows = [
        f"| {name} | {s.images} | {s.ap50:.3f} | {s.ap75:.3f} | {s.ap:.3f} | {s.sbd:.3f} "
        f"| {s.dic:.2f} | {s.pq:.3f} |\n"
        for name, s in scores.items()
    ]
    head = "| | images | AP@0.5 | AP@0.75 | AP@0.5:0.95 | SBD | \\|DiC\\| | PQ |\n"
    return head + "|---|---|---|---|---|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    raise SystemExit(main())

"""Train one of the bundled models, and write it with its card.

    python scripts/train_models.py NAME DATA [--output FOLDER]

DATA holds ``dsb2018/`` with ``index.csv``, ``train/`` and ``dev/``, and ``usiigaci_phase/`` with
the latter two; these hold ``images/`` and ``masks/``, as do the folders of ``volume``:
``gonuclear3d_mini/``, ``qcanet_embryo3d/`` and ``stardist_synth3d/``. ``generic`` goes on from
``nuclei-fluo``, and ``cells-phase`` from ``generic``: from the bundled ones, or from those in the
output folder. Running it again goes on where it was interrupted. ``dev``, and the last third of
every volume, are used for the scores alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sources import DrawnVolumes, Pairs, Volume
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
from napari_pixel_embedding.core.evaluation.evaluate import score
from napari_pixel_embedding.core.training.config import Augmentation

if TYPE_CHECKING:
    from sources import Source

PHASE_DIAMETER = 60.0
"""Typical diameter of the cells in usiigaci_phase, in pixels."""


FLUO = Pairs("dsb2018", ("fluo",))
TISSUE = Pairs("dsb2018", ("purple", "purple_white"), times=3)
BRIGHT = Pairs("dsb2018", ("grey_bright",), times=3)
PHASE = Pairs("usiigaci_phase", diameter=PHASE_DIAMETER, times=7)
PLANT = Volume("gonuclear3d_mini", diameter=19.0, times=16)
EMBRYO = Volume("qcanet_embryo3d", diameter=21.0, planes_apart=2.18, times=8)
SYNTHETIC = Volume("stardist_synth3d", diameter=11.3, times=8)
DRAWN = DrawnVolumes(number=24, held_back=4)


_DEV = """\
Scores on images that were not trained on: of nuclei none a tile of a field that has tiles among the
training images, of phase contrast other images of the set, perhaps of the same cultures. Default
parameters, chosen on the nuclei among them.
"""


@dataclass(frozen=True)
class Plan:
    """How a bundled model is trained.

    Parameters
    ----------
    sources : tuple of Source
        What is learnt from.
    stages : tuple of TrainConfig
        One training after the other, each with a learning rate that falls to a hundredth.
    network : dict
        Fields of an untrained model's configuration.
    start : str, optional
        The model to go on from; one of a single channel is widened to three.
    config : dict
        Fields of the finished model's configuration.
    scored : dict of str to tuple of Source
        What the card reports scores on.
    card : str
        Text of the card, before the scores.
    scores_on : str
        What the scores are of.
    """

    sources: tuple[Source, ...]
    stages: tuple[TrainConfig, ...]
    config: dict[str, Any]
    card: str
    scored: dict[str, tuple[Source, ...]] = field(default_factory=dict)
    scores_on: str = _DEV
    start: str | None = None
    network: dict[str, Any] = field(default_factory=dict)


_STAINS = Augmentation(color=0.12)
_NOISY = Augmentation(noise=0.3, gamma=0.4)
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

_THIRDS = """\
Scores on what was not trained on: the last third along Y of each real volume, which borders on the
rest and holds 31, 2 and 25 objects or parts of objects, and four more drawn volumes. Default
parameters, chosen on the parts that were trained on.
"""

PLANS = {
    "nuclei-fluo": Plan(
        sources=(FLUO,),
        stages=(
            TrainConfig(steps=5000),
            TrainConfig(steps=4500, warmup=0.0),
            TrainConfig(steps=2500, warmup=0.0, learning_rate=7e-4, seed=1),
        ),
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
    "volume": Plan(
        sources=(PLANT, EMBRYO, SYNTHETIC, DRAWN),
        network={"axes": "ZYX", "stem_stride": 2, "depth": 3, "pixel_size": (1.0, 1.0, 1.0)},
        stages=(TrainConfig(steps=4000, crop=48, augmentation=_NOISY),),
        config={
            "object_diameter": 16.0,
            "cluster": {"bandwidth": 1.7, "foreground_threshold": 0.55},
            "description": "Nuclei in 3-D fluorescence images of one channel; a start for tuning.",
            "licence": "CC0-1.0 AND MIT AND BSD-3-Clause",
        },
        scored={
            "plant ovule, confocal, very noisy": (PLANT,),
            "mouse embryo, 8 cells": (EMBRYO,),
            "synthetic nuclei of StarDist": (SYNTHETIC,),
            "drawn ellipsoids": (DRAWN,),
        },
        card="""Nuclei in three-dimensional fluorescence images of one channel.

- **System**: Euclidean discriminative embedding (De Brabandere et al., 2017), 8 components,
  hinged between neighbours only; position is added to three of the components.
- **Network**: 3-D U-Net that works at half resolution (stem of stride 2), 1.43 M parameters.
- **Trained on**: two thirds each of three small volumes, and 24 drawn ones.
  GoNuclear, Arabidopsis ovule (Vijayan et al., Development, 2024; MIT, EMBL);
  QCANet, mouse embryo (Tokuoka et al., npj Syst. Biol. Appl. 6, 32, 2020; MIT,
  Funahashi Lab.); the synthetic volume that comes with StarDist (BSD-3-Clause).

A start for fine-tuning on nuclei in volumes, and for a first look. It has learnt from 39 real
nuclei, where `nuclei-fluo` has learnt from thousands: expect to correct and to tune. Name the
diameter of the nuclei along Y and X in pixels, and the spacing of the planes: it sees 16 pixels and
isotropic voxels. It does not know membranes, electron micrographs or more than one channel, and is
not for diagnosis.
""",
        scores_on=_THIRDS,
    ),
}


def main() -> int:
    """Train, score, and write the model with its card."""
    options = _options()
    plan = PLANS[options.name]
    model = _start(options.name, plan, options.output)
    known = replace(model.config, object_diameter=plan.config["object_diameter"])
    samples = [one for source in plan.sources for one in source.samples(options.data, known)]
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
    usual = {"embedding_dim": 8, "coordinate_scale": 5.0, **plan.network}
    config = model_config_for("euclidean", name=name, **usual)
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
        "preset": "Euclidean discriminative embedding with coordinates",
        "parent": plan.start,
        "data": [source.folder for source in plan.sources],
        "training_images": images,
        "steps": [stage.steps for stage in plan.stages],
        "batch_size": plan.stages[0].batch_size,
        "crop": plan.stages[0].crop,
    }
    return replace(config, **plan.config, provenance=provenance)


def _score(model: EmbeddingModel, sources: tuple[Source, ...], data: Path) -> Scores:
    parts = [source.segmented(data, model) for source in sources]
    truth = [labels for part in parts for labels in part.truth]
    return score(truth, [labels for part in parts for labels in part.found])


def _card(name: str, plan: Plan, scores: dict[str, Scores]) -> str:
    facts, limits = plan.card.rsplit("\n\n", 1)
    training = " and ".join(str(stage.steps) for stage in plan.stages)
    batch, power = plan.stages[0].batch_size, "³" if "axes" in plan.network else "²"
    crop = f"{plan.stages[0].crop}{power}"
    return f"""# {name}

{facts}
- **Training**: {training} steps of {batch} crops of {crop} pixels, AdamW, averaged weights.
- **Object size**: the network sees a diameter of {plan.config["object_diameter"]:.0f} pixels.
- **Licence**: {plan.config["licence"]}.

{limits}
{plan.scores_on}
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

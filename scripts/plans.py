"""How each bundled model is made: what it learns from, in which steps, and what its card says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from drawn_sources import Drawn, OnlyScored, bacteria, nuclei, other_rosettes, rosettes
from sources import DrawnVolumes, Pairs, Sections, Volume

from napari_pixel_embedding import TrainConfig
from napari_pixel_embedding.core.training.config import Augmentation

if TYPE_CHECKING:
    from sources import Source

    from napari_pixel_embedding.core.model.presets import Preset

PHASE_DIAMETER = 60.0
"""Typical diameter of the cells in usiigaci_phase, in pixels."""


FLUO = Pairs("dsb2018", ("fluo",))
SECTIONS = Sections(FLUO, times=3)
TISSUE = Pairs("dsb2018", ("purple", "purple_white"))
BRIGHT = Pairs("dsb2018", ("grey_bright",))
PHASE = Pairs("usiigaci_phase", diameter=PHASE_DIAMETER, times=7, hold_back=4)
PLANT = Volume("gonuclear3d_mini", diameter=19.0, times=16)
EMBRYO = Volume("qcanet_embryo3d", diameter=21.0, planes_apart=2.18, times=8)
SYNTHETIC = Volume("stardist_synth3d", diameter=11.3, times=8)
ELLIPSOIDS = DrawnVolumes(number=24, more=4)
NUCLEI_3D = Drawn("drawn nuclei", nuclei, number=200, more=6, axes="ZYX")
BACTERIA = Drawn("drawn bacteria", bacteria, number=1200, more=40)
REAL_BACTERIA = OnlyScored("omnipose_bacteria")
# Those of `generic` and `bacteria` begin with the same seeds; the scores are of seeds beyond.
MORE_BACTERIA = replace(BACTERIA, number=1600)
ROSETTES = Drawn("drawn rosettes", rosettes, number=900, more=100, draw_others=other_rosettes)


class Start(NamedTuple):
    """The model that a plan goes on from, after how many of its stages; None for all of them."""

    name: str
    stages: int | None = None


@dataclass(frozen=True)
class Plan:
    """How a bundled model is trained.

    Parameters
    ----------
    sources : tuple of Source
        What is learnt from.
    stages : tuple of TrainConfig
        One training after the other, each with a learning rate that falls to a hundredth.
    config : dict
        Fields of the finished model's configuration.
    scored : dict of str to tuple of Source
        What the card reports scores on.
    chosen_on : tuple of Source
        What the cluster parameters are chosen on: the part of it that is held back.
    apart : bool
        Whether that part is not learnt from.
    card : str
        Text of the card, before the scores.
    scores_on : str
        What the scores are of.
    start : Start, optional
        The model to go on from; one of a single channel is widened to three.
    network : dict
        Fields of an untrained model's configuration.
    preset : {"euclidean", "cosine", "wnet"}
        Which of the three systems it is.
    teacher : str, optional
        The model whose outputs are learnt from as well.
    shares : tuple of float
        Share of each source in what is learnt from; by default as many images as it has.
    """

    sources: tuple[Source, ...]
    stages: tuple[TrainConfig, ...]
    config: dict[str, Any]
    scored: dict[str, tuple[Source, ...]]
    chosen_on: tuple[Source, ...]
    card: str
    scores_on: str
    apart: bool = True
    start: Start | None = None
    network: dict[str, Any] = field(default_factory=dict)
    preset: Preset = "euclidean"
    teacher: str | None = None
    shares: tuple[float, ...] = ()


_DEV = """\
Scores on images that were not trained on: of nuclei none a tile of a field that has tiles among the
training images, of phase contrast other images of the set, perhaps of the same cultures.
"""


_STAINS = Augmentation(color=0.12)
_EVERY_KIND = Augmentation(color=0.12, stains=0.4, inverted=0.08, noise=0.08)
_NOISY = Augmentation(noise=0.3, gamma=0.4)
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

_DRAWN_ONLY = """\
Scores on drawn images that were not trained on, and on real ones where there are any; the cluster
parameters were chosen on other drawn ones.
"""

_DRAWN_TOO = """\
Drawn images are others than were trained on, and nothing was learnt from real bacteria.
"""

_THIRDS = """\
Scores on what was not trained on: the last third along Y of each real volume, which borders on the
rest and holds 31, 2 and 25 objects or parts of objects, and four more drawn volumes. The cluster
parameters were chosen on the parts of the real volumes that were trained on, which are too small to
be divided again, and on another four drawn ones.
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
            "description": "Nuclei in 2-D fluorescence images of one channel.",
            "licence": "CC0-1.0",
        },
        scored={"fluorescence": (FLUO,)},
        chosen_on=(FLUO,),
        scores_on=_DEV,
        card=f"""Nuclei in two-dimensional fluorescence images of one channel, touching or not.

{_SYSTEM}
- **Trained on**: fluorescence images of {_BBBC038}.

Intended for counting, measuring and correcting by hand, not for diagnosis. It has not seen bright
field, phase contrast, stained tissue or stacks: fine-tune it for those, and check by eye.
""",
    ),
    "nuclei-fast": Plan(
        sources=(FLUO,),
        network={"stem_stride": 2, "base_width": 24, "depth": 3},
        teacher="nuclei-fluo",
        stages=(
            TrainConfig(steps=2678, batch_size=16),
            TrainConfig(steps=1767, batch_size=8, learning_rate=8e-4, warmup=0.0),
            TrainConfig(steps=1700, batch_size=8, learning_rate=6e-4, warmup=0.0, seed=11),
        ),
        config={
            "object_diameter": 20.0,
            "description": "Nuclei in 2-D fluorescence images, in a third of the time.",
            "licence": "CC0-1.0",
        },
        scored={"fluorescence": (FLUO,)},
        chosen_on=(FLUO,),
        scores_on=_DEV,
        card=f"""Nuclei in two-dimensional fluorescence images of one channel, touching or not, in
about a third of the time of `nuclei-fluo`.

- **System**: Euclidean discriminative embedding (De Brabandere et al., 2017), 8 components,
  hinged between neighbours only; position is added to two of the components.
- **Network**: U-Net that works at half resolution (stem of stride 2), 1.11 M parameters.
- **Trained on**: fluorescence images of {_BBBC038}.
  It has learnt from the outputs of `nuclei-fluo` as well (distillation).

Intended for counting, measuring and correcting by hand, not for diagnosis. It has not seen bright
field, phase contrast, stained tissue or stacks: fine-tune it for those, and check by eye.
""",
    ),
    "nuclei-wnet": Plan(
        preset="wnet",
        sources=(FLUO,),
        network={"embedding_dim": 16, "coordinate_scale": None},
        stages=(
            TrainConfig(steps=1363, batch_size=8),
            TrainConfig(steps=1157, batch_size=8, warmup=0.0),
            TrainConfig(steps=2335, batch_size=16, warmup=0.0),
        ),
        config={
            "object_diameter": 20.0,
            "description": "Nuclei in 2-D fluorescence images, by the embedding module on distance "
            "features (W-Net).",
            "licence": "CC0-1.0",
        },
        scored={"fluorescence": (FLUO,)},
        chosen_on=(FLUO,),
        scores_on=_DEV,
        card=f"""Nuclei in two-dimensional fluorescence images of one channel, touching or not.

- **System**: embedding module on distance features (W-Net; Wu, Chen & Merhof, 2020): a first U-Net
  regresses the distance map, a second one embeds with its features. Cosine embedding with local
  constraints (Chen et al., 2019), 16 components.
- **Network**: two U-Nets, 1.85 M parameters together.
- **Trained on**: fluorescence images of {_BBBC038}.

Intended for counting, measuring and correcting by hand, not for diagnosis. It has not seen bright
field, phase contrast, stained tissue or stacks: fine-tune it for those, and check by eye.
""",
    ),
    "nuclei-cosine": Plan(
        preset="cosine",
        start=Start("nuclei-fluo"),
        sources=(FLUO,),
        network={"embedding_dim": 16, "coordinate_scale": None},
        stages=(TrainConfig(steps=3000, warmup=0.0),),
        config={
            "object_diameter": 20.0,
            "description": "Nuclei in 2-D fluorescence images, by the cosine embedding with local "
            "constraints.",
            "licence": "CC0-1.0",
        },
        scored={"fluorescence": (FLUO,)},
        chosen_on=(FLUO,),
        scores_on=_DEV,
        card=f"""Nuclei in two-dimensional fluorescence images of one channel, touching or not.

- **System**: cosine embedding with local constraints (Chen et al., 2019), 16 components.
- **Network**: U-Net, 1.95 M parameters.
- **Trained on**: fluorescence images of {_BBBC038}.
  It goes on from the features of `nuclei-fluo`.

Intended for counting, measuring and correcting by hand, not for diagnosis. It has not seen bright
field, phase contrast, stained tissue or stacks: fine-tune it for those, and check by eye.
""",
    ),
    # The bundled file learnt its first stage without sections and from 600 of the plants, its
    # second from 1,000 and 400 of the drawn images, and went on from an earlier `generic`: 10,500
    # steps of 4 pieces of nuclei and phase contrast, without windows.
    "generic": Plan(
        start=Start("nuclei-fluo", stages=1),
        sources=(FLUO, SECTIONS, TISSUE, BRIGHT, PHASE, MORE_BACTERIA, ROSETTES),
        shares=(0.30, 0.14, 0.20, 0.05, 0.13, 0.14, 0.04),
        stages=(
            TrainConfig(
                steps=8342,
                batch_size=32,
                crop=224,
                learning_rate=1.5e-3,
                warmup=0.0,
                ema_decay=0.999,
                augmentation=_EVERY_KIND,
            ),
            TrainConfig(
                steps=4162,
                batch_size=8,
                crop=224,
                learning_rate=5e-4,
                warmup=0.0,
                augmentation=replace(_EVERY_KIND, scale=(0.6, 1.6)),
            ),
        ),
        config={
            "object_diameter": 20.0,
            "measures_diameter": True,
            "pull_window": 48.0,
            "description": "Nuclei, cells, bacteria and leaves, grey or RGB; to be tuned on "
            "anything.",
            "licence": "CC0-1.0 AND MIT AND BSD-3-Clause",
        },
        scored={
            "all nuclei": (FLUO, TISSUE, BRIGHT),
            "fluorescence": (FLUO,),
            "stained tissue": (TISSUE,),
            "bright field": (BRIGHT,),
            "cells in phase contrast, diameter given": (PHASE,),
            "five real images of bacteria": (REAL_BACTERIA,),
            "drawn bacteria": (MORE_BACTERIA,),
            "drawn plants of another place": (ROSETTES,),
        },
        chosen_on=(FLUO, TISSUE, BRIGHT, PHASE, MORE_BACTERIA),
        scores_on=_DEV + _DRAWN_TOO,
        card=f"""Nuclei in fluorescence, bright field and stained tissue, cells in phase contrast,
bacteria, and leaves of rosette plants, grey or RGB.

{_SYSTEM}
- **Trained on**: images of all kinds of {_BBBC038};
  phase contrast of {_USIIGACI},
  resampled to a third; 1,600 drawn images of bacteria and 600 of rosette plants; and the nuclei in
  fluorescence shown as stained sections. Objects are held together within windows of 48 pixels. It
  goes on from an earlier model of this name, of nuclei and phase contrast alone.

Intended as the start for fine-tuning on anything with dense objects, and for a first look. Where no
diameter is named, it measures at which scale to look (20 pixels: at the image as it is). A model of
one kind is at least as good at it: `nuclei-fluo`, `cells-phase`, `bacteria`, `leaves`. It is
weakest on stained tissue (AP@0.5 0.591 with 8 views), has not seen stacks or electron micrographs,
and is not for diagnosis.
""",
    ),
    "cells-phase": Plan(
        start=Start("generic"),
        sources=(PHASE,),
        stages=(TrainConfig(steps=1000, learning_rate=5e-4, warmup=0.0),),
        config={
            "object_diameter": 20.0,
            "image_diameter": PHASE_DIAMETER,
            "measures_diameter": False,
            "description": "Cells in phase contrast, of irregular shape, touching.",
            "licence": "CC0-1.0 AND MIT",
        },
        scored={"cells in phase contrast": (PHASE,)},
        chosen_on=(PHASE,),
        scores_on=_DEV,
        card=f"""Irregular, touching cells in phase contrast.

{_SYSTEM}
- **Trained on**: 14 images of {_USIIGACI}.
  It goes on from `generic`.

Images are resampled from cells of 60 to cells of 20 pixels; name the diameter where yours differ.
It knows one microscope: correct a few cells and fine-tune it for others.
""",
    ),
    # The bundled files of the next two learnt their first stage from drawings as they were then:
    # of bacteria without texture in the medium, of leaves with mere rims of hidden ones.
    "bacteria": Plan(
        sources=(BACTERIA,),
        stages=(
            TrainConfig(steps=2138, batch_size=16),
            TrainConfig(steps=2201, batch_size=8, crop=224, learning_rate=8e-4),
            TrainConfig(steps=8000, batch_size=8, crop=224),
        ),
        config={
            "object_diameter": 20.0,
            "measures_diameter": True,
            "cluster": {"min_size": 40},
            "pull_window": 48.0,
            "description": "Bacteria in phase contrast, bright field and fluorescence, from rods "
            "in dense colonies to filaments.",
            "licence": "BSD-3-Clause",
        },
        scored={
            "five real images, nothing of them learnt from": (REAL_BACTERIA,),
            "drawn bacteria": (BACTERIA,),
        },
        chosen_on=(BACTERIA,),
        scores_on=_DRAWN_ONLY,
        card=f"""Bacteria in two-dimensional images of one channel: rods in colonies that leave no
background between them, cocci, curved cells, filaments; phase contrast, bright field, fluorescence.

{_SYSTEM}
- **Trained on**: 1,200 drawn images alone. Colonies grow, divide and push each other apart; cells
  are 4 to 18 pixels wide, and seen through drawn microscopes. Its first two stages saw 900 others,
  and held vectors together over whole objects; since then within windows of 48 pixels.

It has never learnt from a real image: correct a few cells of yours and fine-tune it. It measures at
which scale to look (20 pixels: at the image as it is); cells less than 4 pixels wide are often
missed. It is good at rods in colonies and at filaments; thin stalks come in pieces until *Auto*,
or a larger bandwidth, joins them, and some halos of phase contrast are taken for cells (raise the
least size). With *Auto* in each of the five real images AP@0.5 is 0.90, 0.91, 1.00, 0.56 and 0.72
(`benchmarks/each_image.py`; another precision moves these by up to 0.03). Nothing was learnt from
them or chosen on them, but how clusters of long objects are compared was worked out with an eye on
them.
""",
    ),
    "leaves": Plan(
        sources=(ROSETTES,),
        network={"in_channels": 3, "coordinate_scale": 8.0},
        stages=(
            TrainConfig(steps=2126, batch_size=16, crop=224, augmentation=_STAINS),
            TrainConfig(
                steps=1940, batch_size=8, crop=224, learning_rate=8e-4, augmentation=_STAINS
            ),
        ),
        config={
            "object_diameter": 24.0,
            "description": "Leaves of rosette plants seen from above, in colour.",
            "licence": "BSD-3-Clause",
        },
        scored={"drawn plants of another place": (ROSETTES,)},
        chosen_on=(ROSETTES,),
        scores_on=_DRAWN_ONLY,
        card="""Leaves of rosette plants (such as Arabidopsis) seen from above, in colour.

- **System**: Euclidean discriminative embedding (De Brabandere et al., 2017), 8 components,
  hinged between neighbours only; position is added to two of the components.
- **Network**: U-Net, 1.95 M parameters, three channels.
- **Trained on**: 900 drawn plants alone, since no set of real ones has an open licence.

It has never learnt from a real image. Name the diameter of a leaf (of a disc as large); correct a
few leaves of yours and fine-tune it. `pixel-embedding import-cvppp` and `evaluate` score it on the
CVPPP sets for those who have them.
""",
    ),
    "volume": Plan(
        sources=(PLANT, EMBRYO, SYNTHETIC, ELLIPSOIDS),
        network={"axes": "ZYX", "stem_stride": 2, "depth": 3, "pixel_size": (1.0, 1.0, 1.0)},
        stages=(TrainConfig(steps=4000, crop=48, augmentation=_NOISY),),
        config={
            "object_diameter": 16.0,
            "measures_diameter": True,
            "description": "Nuclei in 3-D fluorescence images of one channel; a start for tuning.",
            "licence": "CC0-1.0 AND MIT AND BSD-3-Clause",
        },
        scored={
            "plant ovule, confocal, very noisy": (PLANT,),
            "mouse embryo, 8 cells": (EMBRYO,),
            "synthetic nuclei of StarDist": (SYNTHETIC,),
            "drawn ellipsoids": (ELLIPSOIDS,),
        },
        chosen_on=(PLANT, EMBRYO, SYNTHETIC, ELLIPSOIDS),
        apart=False,
        scores_on=_THIRDS,
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
    ),
}

PLANS["volume-noisy"] = replace(
    PLANS["volume"],
    sources=(*PLANS["volume"].sources, NUCLEI_3D),
    scored={**PLANS["volume"].scored, "drawn nuclei": (NUCLEI_3D,)},
    chosen_on=(*PLANS["volume"].chosen_on, NUCLEI_3D),
    stages=(
        TrainConfig(steps=4000, crop=48, augmentation=_NOISY),
        TrainConfig(steps=2050, crop=64, augmentation=_NOISY),
        TrainConfig(steps=3700, crop=48, learning_rate=7e-4, augmentation=_NOISY),
    ),
)
"""Not bundled: better in noisy tissue, but finds dim nuclei in the embryo that nobody annotated."""

"""What a user may choose about training, in plain values that load nothing heavy.

Each field that a user may choose carries its label, range and tooltip in its metadata; the
window's forms, the command line's options and the documentation are made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from napari_pixel_embedding.core.parameters import check_ranges, describe


@dataclass(frozen=True)
class Augmentation:
    """How strongly crops are varied.

    Parameters
    ----------
    scale : (float, float)
        Least and largest factor a crop is resampled with.
    gamma, noise, brightness : float
        Of all channels alike.
    colour : float
        How much gain and offset of single channels may differ, for stains that vary.
    """

    scale: tuple[float, float] = (0.7, 1.4)
    gamma: float = 0.3
    noise: float = 0.05
    brightness: float = 0.15
    colour: float = 0.0


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms and the kind of local constraint.

    Parameters
    ----------
    foreground, distance, intra, inter, reg : float
        Weight of each term.
    neighbours_only : bool
        Push only neighbouring objects apart in the Euclidean loss too, as the cosine loss
        always does. On wherever coordinates are part of the embedding.
    cosine_form : {"squared", "absolute", "signed"}
        See :class:`~.losses.NeighbourCosineLoss`.
    min_pixels : int
        Objects smaller than this in a crop do not count for the embedding.
    unknown : float
        Weight, in the foreground term, of pixels that nothing is known about, as background.
    instance_dice : float
        Weight of :func:`~.losses.instance_dice_loss`; 0 leaves it out.
    instance_dice_from : float
        Share of the steps after which that term sets in: means have to be told apart first.
    """

    foreground: float = 1.0
    distance: float = 4.0
    intra: float = 1.0
    inter: float = 1.0
    reg: float = 0.001
    neighbours_only: bool = False
    cosine_form: Literal["squared", "absolute", "signed"] = "squared"
    min_pixels: int = 10
    unknown: float = 0.0
    instance_dice: float = 0.0
    instance_dice_from: float = 0.3

    def __post_init__(self) -> None:
        forms = ("squared", "absolute", "signed")
        if self.cosine_form not in forms:
            raise ValueError(
                f"cosine_form must be one of {', '.join(forms)}, found {self.cosine_form!r}."
            )
        if not 0 <= self.instance_dice_from <= 1:
            raise ValueError(
                f"instance_dice_from must be from 0 to 1, found {self.instance_dice_from}."
            )


Frozen = Literal["nothing", "encoder", "backbone"]
"""Stages of a network that keep their weights."""

_BATCH_SIZE = "Crops that are learnt from in one step."
_SEED = "Decides all that is random: the same seed draws the same crops."


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    ``ema_decay`` averages the weights over steps; ``fixed_statistics`` keeps the
    normalisation's running statistics, which a few crops of one image would spoil; ``frozen``
    names the stages that do not learn; ``centred`` draws crops around objects. A validated model
    is kept unless an earlier one scored more than ``margin`` above it.
    """

    steps: int = field(
        default=4000, metadata=describe("Steps", 1, 1_000_000, "Batches to learn from.")
    )
    batch_size: int = field(default=4, metadata=describe("Batch size", 1, 64, _BATCH_SIZE))
    crop: int = field(
        default=256,
        metadata=describe(
            "Crop (pixels)",
            32,
            1024,
            "Side of the square that is cut out of an image; several objects must fit in.",
            step=16,
        ),
    )
    learning_rate: float = field(
        default=1e-3,
        metadata=describe(
            "Learning rate",
            1e-6,
            1e-1,
            "Size of the first steps; it falls to a hundredth along a cosine.",
            step=1e-4,
        ),
    )
    warmup: float = field(
        default=0.05,
        metadata=describe(
            "Warm-up",
            0.0,
            0.9,
            "Share of the steps that learn foreground and distance alone.",
            step=0.05,
        ),
    )
    validate_every: int = field(
        default=250,
        metadata=describe(
            "Validate every", 1, 1_000_000, "Steps between two scores on validation images."
        ),
    )
    seed: int = field(default=0, metadata=describe("Seed", 0, 2**31 - 1, _SEED))
    ema_decay: float = 0.998
    weight_decay: float = 1e-4
    fixed_statistics: bool = False
    frozen: Frozen = "nothing"
    centred: bool = False
    margin: float = 0.0
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        check_ranges(self)


_GENTLE = Augmentation(scale=(0.85, 1.2), gamma=0.2, noise=0.03, brightness=0.1)


@dataclass(frozen=True)
class FineTuneConfig:
    """How a model is tuned on corrections."""

    steps: int = field(
        default=800,
        metadata=describe(
            "Steps", 1, 100_000, "Batches to learn from; 800 take some 2½ minutes on two cores."
        ),
    )
    learning_rate: float = field(
        default=1e-3,
        metadata=describe(
            "Learning rate",
            1e-6,
            1e-2,
            "Higher learns faster and forgets more of what the model knew.",
            step=1e-4,
        ),
    )
    replay: float = field(
        default=0.5,
        metadata=describe(
            "Replay",
            0.0,
            0.9,
            "Share of the crops that come from images like those the model was first trained on, "
            "so that it does not forget them. 0 learns from the corrections alone.",
            step=0.05,
        ),
    )
    held_back: float = field(
        default=0.1,
        metadata=describe(
            "Held back",
            0.0,
            0.5,
            "Share of the corrected objects that are not learnt from but judge the result. "
            "With fewer than five corrected objects, none are.",
            step=0.05,
        ),
    )
    frozen: Frozen = field(
        default="nothing",
        metadata={
            "label": "Frozen",
            "choices": ("nothing", "encoder", "backbone"),
            "tooltip": "Stages of the network that keep what they know: the encoder, or the "
            "whole backbone, of which only the heads learn then. Freezing forgets less and "
            "learns less.",
        },
    )
    batch_size: int = field(default=4, metadata=describe("Batch size", 1, 32, _BATCH_SIZE))
    crop: int = field(
        default=192,
        metadata=describe(
            "Crop (pixels)",
            32,
            1024,
            "Side of the square that is learnt from at once; several objects must fit in.",
            step=16,
        ),
    )
    border: float = field(
        default=3.0,
        metadata=describe(
            "Border (pixels)",
            0.0,
            20.0,
            "Uncorrected pixels this close to a corrected object are learnt as background, unless "
            "the model is sure that they are not.",
            step=0.5,
        ),
    )
    trust_background: float = field(
        default=0.1,
        metadata=describe(
            "Trust background",
            0.0,
            0.5,
            "Uncorrected pixels to which the model gives less foreground than this are learnt as "
            "background, so that a few corrected objects do not turn everything into "
            "foreground. 0 learns from corrections alone.",
            step=0.05,
        ),
    )
    unknown: float = field(
        default=0.1,
        metadata=describe(
            "Unknown as background",
            0.0,
            1.0,
            "How much a pixel that nothing is known about counts as background, against one that "
            "was corrected: most of an image is background. 0 leaves it out.",
            step=0.05,
        ),
    )
    second_look: float = field(
        default=0.5,
        metadata=describe(
            "Second look",
            0.0,
            1.0,
            "Share of the steps after which the model fills in what it is sure of by then where "
            "nothing was corrected, and learns from that too. 1 leaves it out.",
            step=0.05,
        ),
    )
    seed: int = field(default=0, metadata=describe("Seed", 0, 2**31 - 1, _SEED))

    def __post_init__(self) -> None:
        check_ranges(self)

    def training(self) -> TrainConfig:
        """Translate to a training: no warm-up, gentle augmentation, fixed statistics."""
        return TrainConfig(
            steps=self.steps,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            crop=self.crop,
            seed=self.seed,
            warmup=0.0,
            validate_every=25,
            ema_decay=0.98,
            fixed_statistics=True,
            frozen=self.frozen,
            centred=True,
            loss=LossConfig(unknown=self.unknown),
            augmentation=_GENTLE,
        )

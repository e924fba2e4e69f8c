"""What a user may choose about training, in plain values that load nothing heavy.

Each field that a user may choose carries its label, range and tooltip in its metadata; the
window's forms, the command line's options and the documentation are made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from napari_pixel_embedding.core.parameters import check_ranges, describe

if TYPE_CHECKING:
    from napari_pixel_embedding.core.model.config import Frozen


@dataclass(frozen=True)
class Augmentation:
    """How strongly crops are varied.

    Parameters
    ----------
    scale : (float, float)
        Least and largest factor a crop is resampled with.
    gamma, noise, brightness : float
        Of all channels alike.
    color : float
        How much gain and offset of single channels may differ, for stains that vary.
    """

    scale: tuple[float, float] = (0.7, 1.4)
    gamma: float = 0.3
    noise: float = 0.05
    brightness: float = 0.15
    color: float = 0.0


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
    unlabelled_weight : float
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
    unlabelled_weight: float = 0.0
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

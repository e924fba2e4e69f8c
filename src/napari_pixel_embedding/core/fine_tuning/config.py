"""How a model is tuned on corrections, in plain values that load nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.parameters import check_ranges, describe
from napari_pixel_embedding.core.training.config import (
    _BATCH_SIZE,
    _SEED,
    Augmentation,
    LossConfig,
    TrainConfig,
)

if TYPE_CHECKING:
    from napari_pixel_embedding.core.model.config import Frozen

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
    unlabelled_weight: float = field(
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
    self_training: float = field(
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
            loss=LossConfig(unlabelled_weight=self.unlabelled_weight),
            augmentation=_GENTLE,
        )

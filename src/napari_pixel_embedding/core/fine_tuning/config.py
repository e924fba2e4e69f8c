"""Fine-tuning settings as plain values; importing them does not load torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_pixel_embedding.core.model.config import Frozen
from napari_pixel_embedding.core.parameters import configuration
from napari_pixel_embedding.core.training.config import (
    Augmentation,
    LossConfig,
    Seed,
    TrainConfig,
)

Effort = Literal["quick", "normal", "thorough"]
EFFORTS: dict[Effort, int] = {"quick": 160, "normal": 600, "thorough": 1600}
"""Steps of a fine-tuning: for a first look, as a rule, and for the best result."""
VALIDATE_EVERY = 50
"""Steps between two comparisons with the parent."""
_GENTLE = Augmentation(scale=(0.85, 1.2), gamma=0.2, noise=0.03, brightness=0.1)


@configuration
class FineTuneConfig:
    """Settings of a fine-tuning on corrections."""

    steps: int = Field(
        default=EFFORTS["thorough"],
        ge=1,
        le=100_000,
        title="Steps",
        description="Number of training batches: 160 for a first look, 600 as a rule, 1600 for the "
        "best result.",
    )
    learning_rate: float = Field(
        default=2e-3,
        ge=1e-6,
        le=1e-2,
        title="Learning speed",
        description="Higher learns faster and forgets more of what the model knew (learning rate).",
        json_schema_extra={"step": 1e-4},
    )
    replay: float = Field(
        default=0.3,
        ge=0,
        le=0.9,
        title="Earlier images",
        description="Share of the image pieces that are like those the model was first trained "
        "on, so that it does not forget them (replay). 0 learns from the corrections alone.",
        json_schema_extra={"step": 0.05},
    )
    parent_share: float = Field(
        default=0.2,
        ge=0,
        le=0.9,
        title="Share of the former model",
        description="How much of the model's former weights is mixed into the tuned ones, so that "
        "it keeps what it knew (weight averaging). 0 takes the tuned ones alone.",
        json_schema_extra={"step": 0.05},
    )
    held_back: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        title="Kept for the test",
        description="Share of the corrected objects that are not learnt from but score the result "
        "(held-out set). With fewer than five corrected objects, none are.",
        json_schema_extra={"step": 0.05},
    )
    frozen: Frozen = Field(
        default="nothing",
        title="Left unchanged",
        description="Parts of the network that do not learn (frozen): its first half, the encoder, "
        "or all but the last layers, the backbone. The more, the less is learnt and forgotten.",
    )
    batch_size: int = Field(
        default=4,
        ge=1,
        le=32,
        title="Pieces a step",
        description="Image pieces that are learnt from together in a step (batch size).",
    )
    crop: int = Field(
        default=128,
        ge=32,
        le=1024,
        title="Piece size (pixels)",
        description="Side of the image pieces that are learnt from (crop); several objects must "
        "fit in.",
        json_schema_extra={"step": 16},
    )
    border: float = Field(
        default=3.0,
        ge=0,
        le=20,
        title="Border (pixels)",
        description="Uncorrected pixels this close to a corrected object are learnt as "
        "background, unless the model is sure that they are not.",
        json_schema_extra={"step": 0.5},
    )
    trust_background: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        title="Trust background",
        description="Uncorrected pixels to which the model gives less foreground than this are "
        "learnt as background, so that a few corrected objects do not turn everything into "
        "foreground. 0 learns from corrections alone.",
        json_schema_extra={"step": 0.05},
    )
    unlabelled_weight: float = Field(
        default=0.1,
        ge=0,
        le=1,
        title="Weight of the rest",
        description="How much an uncorrected pixel, taken as background, counts beside a corrected "
        "one: most of an image is background (unlabelled weight in the loss). 0 ignores them.",
        json_schema_extra={"step": 0.05},
    )
    self_training: float = Field(
        default=0.5,
        ge=0,
        le=1,
        title="Learns from itself after",
        description="Share of the steps after which objects that the model is sure of are learnt "
        "too, where nothing was corrected (self-training on pseudo-labels). 1 turns it off.",
        json_schema_extra={"step": 0.05},
    )
    seed: Seed = 0

    def training(self) -> TrainConfig:
        """Return the training settings: no warm-up, mild augmentation, fixed statistics."""
        return TrainConfig(
            steps=self.steps,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            crop=self.crop,
            seed=self.seed,
            warmup=0.0,
            validate_every=VALIDATE_EVERY,
            ema_decay=0.98,
            fixed_statistics=True,
            frozen=self.frozen,
            centred=True,
            loss=LossConfig(unlabelled_weight=self.unlabelled_weight),
            augmentation=_GENTLE,
        )

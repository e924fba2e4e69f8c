"""Training settings as plain values; importing them does not load torch.

Each user-facing field carries its title, bounds and description, from which the forms of the
window, the command-line options and the documentation are generated.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from napari_pixel_embedding.core.model.config import Frozen
from napari_pixel_embedding.core.parameters import configuration

Seed = Annotated[
    int,
    Field(
        ge=0,
        le=2**31 - 1,
        title="Random seed",
        description="Start of all random choices: the same one draws the same image pieces.",
    ),
]
_Factor = Annotated[float, Field(ge=0.05, le=20)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Strength = Annotated[float, Field(ge=0, le=10)]
_Weight = Annotated[float, Field(ge=0, le=1_000_000)]


@configuration
class Augmentation:
    """Ranges of the data augmentation.

    Parameters
    ----------
    scale : (float, float)
        Smallest and largest factor by which a crop is resampled.
    gamma, noise, brightness : float
        Strength of the changes shared by all channels.
    color : float
        Strength of independent changes of gain and offset per channel, for varying stains.
    stains : float
        Share of the coloured crops whose stains are varied: in their amounts and colours, or down
        to haematoxylin alone.
    inverted : float
        Share of the crops whose brightness is inverted.
    """

    scale: tuple[_Factor, _Factor] = (0.7, 1.4)
    gamma: _Strength = 0.3
    noise: _Strength = 0.05
    brightness: _Strength = 0.15
    color: _Strength = 0.0
    stains: _Share = 0.0
    inverted: _Share = 0.0

    def __post_init__(self) -> None:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale must not fall, found {self.scale}.")


@configuration
class LossConfig:
    """Weights of the loss terms and the kind of local constraint.

    Parameters
    ----------
    foreground, distance, intra, inter, reg : float
        Weight of each term.
    neighbours_only : bool
        Restrict the Euclidean loss to pairs of neighbouring objects, as the cosine loss always
        is. Always on where coordinates are part of the embedding.
    cosine_form : {"squared", "absolute", "signed"}
        See :class:`~.terms.NeighbourCosineLoss`.
    min_pixels : int
        Objects with fewer pixels in a crop are left out of the embedding loss.
    unlabelled_weight : float
        Weight of unknown pixels (−1) as background in the foreground term.
    instance_dice : float
        Weight of :func:`~.terms.instance_dice_loss`; 0 leaves it out.
    instance_dice_from : float
        Share of the steps after which that term is added, once object means are separated.
    teacher : float
        Weight of :func:`~.terms.imitation_loss`, where there is a teacher.
    """

    foreground: _Weight = 1.0
    distance: _Weight = 4.0
    intra: _Weight = 1.0
    inter: _Weight = 1.0
    reg: _Weight = 0.001
    neighbours_only: bool = False
    cosine_form: Literal["squared", "absolute", "signed"] = "squared"
    min_pixels: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    unlabelled_weight: _Weight = 0.0
    instance_dice: _Weight = 0.0
    instance_dice_from: _Share = 0.3
    teacher: _Weight = 1.0


@configuration
class TrainConfig:
    """Settings of a training.

    ``ema_decay`` is the decay of the weights' exponential moving average (Polyak & Juditsky,
    1992); ``fixed_statistics`` keeps the running statistics of batch normalisation, which a few
    crops of one image would bias; ``frozen`` names the stages that are not trained; ``centred``
    draws crops around objects. A validated model is kept unless an earlier one scored more than
    ``margin`` above it.
    """

    steps: int = Field(
        default=4000, ge=1, le=1_000_000, title="Steps", description="Number of training batches."
    )
    batch_size: int = Field(
        default=4,
        ge=1,
        le=64,
        title="Pieces a step",
        description="Image pieces that are learnt from together in a step (batch size).",
    )
    crop: int = Field(
        default=256,
        ge=32,
        le=1024,
        title="Piece size (pixels)",
        description="Side of the image pieces that are learnt from (crop); several objects must "
        "fit in.",
        json_schema_extra={"step": 16},
    )
    learning_rate: float = Field(
        default=1e-3,
        ge=1e-6,
        le=1e-1,
        title="Learning speed",
        description="At the start (learning rate); it falls to a hundredth along a cosine.",
        json_schema_extra={"step": 1e-4},
    )
    warmup: float = Field(
        default=0.05,
        ge=0,
        le=0.9,
        title="Foreground first",
        description="Share of the steps that learn foreground and distance alone (warm-up).",
        json_schema_extra={"step": 0.05},
    )
    validate_every: int = Field(
        default=250,
        ge=1,
        le=1_000_000,
        title="Test every (steps)",
        description="Steps between two scores on the test images (validation).",
    )
    seed: Seed = 0
    ema_decay: Annotated[float, Field(ge=0, le=0.99999)] = 0.998
    weight_decay: _Share = 1e-4
    fixed_statistics: bool = False
    frozen: Frozen = "nothing"
    centred: bool = False
    margin: _Share = 0.0
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)

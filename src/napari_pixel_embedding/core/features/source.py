"""Images whose channels are features: what stands in for a model's configuration.

The features come from another program: descriptors of a vision transformer, flows, principal
components of spectra. They are clustered as they are, and no network runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from napari_pixel_embedding.core.embedding.embedding_map import Space
from napari_pixel_embedding.core.model.config import ModelConfig, Scaling
from napari_pixel_embedding.core.parameters import configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

Foreground = Literal["everywhere", "length", "channel", "image"]
"""Where objects may be: everywhere, where vectors are long, or as a channel or an image says."""
NAME = "features"
MOST_FEATURES = 4096
_PLACES = ("everywhere", "length", "image")
_FEW = 64
"""An axis of up to so many pixels may be one of features where the others are longer."""


@configuration
class FeatureConfig(ModelConfig):
    """Configuration of an image whose channels are features.

    Parameters
    ----------
    in_channels : int
        Channels of the image; ``embedding_dim`` of them are features.
    compare : {"euclidean", "cosine"}
        With "cosine" vectors are scaled to unit length first, so that their angle alone counts.
        Their distances, chords, are then compared like others, because ``space`` is Euclidean.
    foreground : {"everywhere", "length", "channel", "image"}
        Where objects may be.
    foreground_channel : int, optional
        The channel that says so, which is no feature then.
    """

    name: str = NAME
    in_channels: Annotated[int, Field(ge=1, le=MOST_FEATURES)] = 1
    embedding_dim: Annotated[int, Field(ge=1, le=MOST_FEATURES)] = 1
    compare: Space = "euclidean"
    foreground: Foreground = "everywhere"
    foreground_channel: int | None = None

    @property
    def stride(self) -> int:
        """Stride in pixels: every pixel stands for itself."""
        return 1

    @property
    def scaling(self) -> Scaling:
        """Features are not scaled channel by channel: that would change their distances."""
        return "none"

    @property
    def has_distance(self) -> bool:
        """Whether there is a distance map."""
        return False

    @property
    def untrainable(self) -> str:
        """Why it cannot be trained."""
        return (
            "The channels of the image are the embedding, and there is no network to train: choose "
            "a model to fine-tune."
        )


@dataclass(frozen=True)
class FeatureSource:
    """The choice to take an image's channels as features, in place of a model.

    As text, such as ``features:cosine:length``, it stands where a model's name would.

    Parameters
    ----------
    compare : {"euclidean", "cosine"}
        As in :class:`FeatureConfig`.
    foreground : int, "everywhere", "length" or "image"
        Where objects may be: in all pixels; where vectors are long; as the channel of this number
        says; or as another image says, which has the axes of the image but channels.

    Examples
    --------
    >>> str(FeatureSource("cosine", 3)), FeatureSource.parse("features:cosine:3").foreground
    ('features:cosine:3', 3)
    """

    compare: Space = "euclidean"
    foreground: int | str = "everywhere"

    def __post_init__(self) -> None:
        if self.compare not in ("euclidean", "cosine"):
            raise ValueError(
                f"features are compared by 'euclidean' or 'cosine', found {self.compare!r}."
            )
        if isinstance(self.foreground, str) and self.foreground not in _PLACES:
            raise ValueError(
                f"the foreground of features must be one of {', '.join(_PLACES)}, or the number "
                f"of a channel, found {self.foreground!r}."
            )

    def __str__(self) -> str:
        return f"{NAME}:{self.compare}:{self.foreground}"

    @classmethod
    def parse(cls, text: str) -> FeatureSource:
        """Read what ``str`` gives; ``features`` alone has the defaults. Raises ValueError."""
        parts = text.split(":")
        if parts[0] != NAME or len(parts) > 3:
            raise ValueError(f"expected {NAME}:cosine:length or such, found {text!r}.")
        place = parts[2] if len(parts) > 2 else "everywhere"
        compare: Any = parts[1] if len(parts) > 1 else "euclidean"
        return cls(compare, int(place) if place.isdecimal() else place)

    def config_for(self, shape: Sequence[int], axes: str) -> FeatureConfig:
        """Return the configuration for an image; ``axes`` are those of :func:`feature_axes`.

        Raises
        ------
        ValueError
            When the axes have no channels, or there is no such channel.
        """
        axes = axes.upper()
        if "C" not in axes or len(axes) != len(shape):
            raise ValueError(
                f"features need an axis of channels C, and a letter for each axis of an image of "
                f"shape {tuple(shape)}: found axes {axes!r}."
            )
        count = int(shape[axes.index("C")])
        if count > MOST_FEATURES:
            raise ValueError(
                f"at most {MOST_FEATURES} features are taken, found {count} along C: reduce them "
                "first, for example to 32 principal components."
            )
        channel = self._channel(count)
        return FeatureConfig(
            axes="ZYX" if "Z" in axes else "YX",
            in_channels=count,
            embedding_dim=count - (channel is not None),
            compare=self.compare,
            foreground="channel" if channel is not None else str(self.foreground),  # type: ignore[arg-type]
            foreground_channel=channel,
        )

    def _channel(self, count: int) -> int | None:
        if isinstance(self.foreground, str):
            return None
        if count < 2 or not 0 <= self.foreground < count:
            last = f"0 to {count - 1}" if count > 1 else "none, for the only one is a feature"
            raise ValueError(
                f"the channel of the foreground must be {last}, found {self.foreground}."
            )
        return int(self.foreground)


def features_named(source: object) -> FeatureSource | None:
    """Return the choice that stands where a model's name would; None for a model."""
    named = isinstance(source, str) and (source == NAME or source.startswith(f"{NAME}:"))
    return FeatureSource.parse(str(source)) if named else None


def feature_axes(
    shape: Sequence[int], *, chosen: str | None = None, hint: str = "", rgb: bool = False
) -> str:
    """Return the axes of an image of features.

    Parameters
    ----------
    shape : sequence of int
        The image's shape.
    chosen : str, optional
        Axes that the user has chosen.
    hint : str
        Axis names from the image's source; used if C is among them.
    rgb : bool
        Whether the last axis holds colours.

    Raises
    ------
    ValueError
        When the axis of features cannot be told.

    Examples
    --------
    >>> feature_axes((16, 512, 512)), feature_axes((512, 512, 16))
    ('CYX', 'YXC')
    """
    count, named = len(shape), hint.upper() + ("C" if rgb else "")
    if chosen is not None:
        return chosen.upper()
    if len(named) == count == len(set(named)) and {"C", "Y", "X"} <= set(named) <= set("TCZYX"):
        return named
    if count == 3:
        last_is_few = shape[-1] <= _FEW and shape[-1] < min(shape[:-1])
        return "YXC" if rgb or last_is_few else "CYX"
    if rgb and count == 4:
        return "ZYXC"
    raise ValueError(
        f"The axis of the features cannot be told from the shape {tuple(shape)}. Give the axes, a "
        "letter out of TCZYX for each, such as CYX, YXC, CZYX or TCYX."
    )

"""What the user chooses about clustering, and the range in which choosing makes sense."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_pixel_embedding.core.embedding.embedding_map import Space

EUCLIDEAN_DELTA_VAR = 0.5
"""The intra margin at which the Euclidean slider runs from 0.5 to 3.0."""


def bandwidth_range(space: Space, delta_var: float = EUCLIDEAN_DELTA_VAR) -> tuple[float, float]:
    """Smallest and largest bandwidth that tell objects apart.

    Parameters
    ----------
    space : {"euclidean", "cosine"}
        How vectors are compared. Euclidean bandwidths are in embedding units and scale with
        ``delta_var``; cosine bandwidths are ``1 - cos`` and do not.
    delta_var : float
        Intra margin the network was trained with.

    Returns
    -------
    tuple of float
        Lower and upper end of the slider.

    Examples
    --------
    >>> bandwidth_range("euclidean", delta_var=0.5)
    (0.5, 3.0)
    >>> bandwidth_range("cosine")
    (0.05, 0.8)
    """
    if space == "cosine":
        return 0.05, 0.8
    return delta_var, 6.0 * delta_var


def default_bandwidth(space: Space, delta_var: float = EUCLIDEAN_DELTA_VAR) -> float:
    """Bandwidth to begin with: ``2 * delta_var``, or 0.3 for cosine."""
    return 0.3 if space == "cosine" else 2.0 * delta_var


def bandwidth_to_radius(bandwidth: float, space: Space) -> float:
    """Radius of the kernel's ball: the chord between unit vectors under cosine."""
    return math.sqrt(2.0 * bandwidth) if space == "cosine" else bandwidth


def radius_to_bandwidth(radius: float, space: Space) -> float:
    """Inverse of :func:`bandwidth_to_radius`, exact for a radius of single precision."""
    return float(radius) ** 2 / 2.0 if space == "cosine" else float(radius)


def _describe(label: str, low: float, high: float, step: float, tooltip: str) -> dict[str, Any]:
    return {"label": label, "min": low, "max": high, "step": step, "tooltip": tooltip}


@dataclass(frozen=True)
class ClusterParams:
    """Everything a cut of the cluster index depends on.

    Parameters
    ----------
    bandwidth : float
        Radius of the mean shift kernel: embedding units, or ``1 - cos`` for cosine embeddings.
        A cut clamps it to the range of its index, with a warning.
    foreground_threshold : float
        Pixels whose foreground probability is not above it are background. Pixels at or below
        0.1 are background whatever the threshold.
    min_size : int
        Objects of fewer pixels are removed.
    seed_threshold : float
        Depth of a valley in the distance map, relative to the lower of its two peaks, from
        which two seeds are two objects. Without a distance map it has no effect.

    Raises
    ------
    ValueError
        When a value is not finite or out of its range.

    Examples
    --------
    >>> ClusterParams(bandwidth=1.5).bandwidth
    1.5
    """

    bandwidth: float = field(
        default=1.0,
        metadata=_describe(
            "Bandwidth",
            0.5,
            3.0,
            0.01,
            "How far apart two embeddings may be and still belong to one object: "
            "larger merges, smaller splits.",
        ),
    )
    foreground_threshold: float = field(
        default=0.5,
        metadata=_describe(
            "Foreground",
            0.1,
            0.95,
            0.01,
            "How sure the network must be that a pixel belongs to an object.",
        ),
    )
    min_size: int = field(
        default=20,
        metadata=_describe(
            "Minimum size", 0, 10_000, 1, "Objects of fewer pixels (or voxels) are removed."
        ),
    )
    seed_threshold: float = field(
        default=0.15,
        metadata=_describe(
            "Seed depth",
            0.05,
            0.6,
            0.01,
            "How deep the distance map must fall between two seeds to keep them apart: "
            "smaller splits more. Needs a model with a distance head.",
        ),
    )

    def __post_init__(self) -> None:
        _check("bandwidth", self.bandwidth, 0.0, math.inf)
        _check("foreground_threshold", self.foreground_threshold, 0.0, 1.0)
        _check("min_size", self.min_size, 0, math.inf)
        _check("seed_threshold", self.seed_threshold, 0.01, 1.0)

    @classmethod
    def for_space(
        cls, space: Space, delta_var: float = EUCLIDEAN_DELTA_VAR, **changes: Any
    ) -> ClusterParams:
        """Build the defaults of an embedding space.

        Parameters
        ----------
        space : {"euclidean", "cosine"}
            How vectors are compared.
        delta_var : float
            Intra margin the network was trained with.
        **changes
            Fields that shall differ from the defaults.

        Returns
        -------
        ClusterParams
            Parameters with the space's default bandwidth.

        Examples
        --------
        >>> ClusterParams.for_space("cosine").bandwidth
        0.3
        """
        return cls(**{"bandwidth": default_bandwidth(space, delta_var), **changes})


@dataclass(frozen=True)
class LocalBandwidth:
    """A bandwidth of its own for the object under one pixel.

    A cut gives that object as it is at this bandwidth, finer or coarser than its surroundings.
    What it leaves behind, or was torn from, stays whole.

    Parameters
    ----------
    point : tuple of int
        Index ([z,] y, x) of a pixel of the object.
    bandwidth : float
        As in :class:`ClusterParams`; from 0, because an object may be split below the slider.

    Raises
    ------
    ValueError
        When the point has not two or three whole numbers from 0, or the bandwidth is negative or
        not finite.

    Examples
    --------
    >>> from dataclasses import asdict
    >>> recipe = asdict(LocalBandwidth((12, 40), 0.8))
    >>> recipe
    {'point': (12, 40), 'bandwidth': 0.8}
    >>> LocalBandwidth(**recipe) == LocalBandwidth([12, 40], 0.8)
    True
    """

    point: tuple[int, ...]
    bandwidth: float

    def __post_init__(self) -> None:
        point = tuple(int(n) for n in self.point)
        if len(point) not in (2, 3) or min(point) < 0 or point != tuple(self.point):
            raise ValueError(
                f"point must be two or three whole numbers from 0, found {self.point!r}."
            )
        _check("bandwidth", self.bandwidth, 0.0, math.inf)
        object.__setattr__(self, "point", point)
        object.__setattr__(self, "bandwidth", float(self.bandwidth))


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} must be a number from {low} to {high}, found {value!r}.")


LocalBandwidths = tuple[LocalBandwidth, ...]
"""All objects of one image that have a bandwidth of their own."""

"""Parameters of clustering, their defaults and the range of useful bandwidths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from napari_pixel_embedding.core.parameters import configuration

if TYPE_CHECKING:
    from napari_pixel_embedding.core.embedding.embedding_map import Space

EUCLIDEAN_DELTA_VAR = 0.5
"""Default pull margin, at which Euclidean bandwidths range from 0.5 to 3.0."""
_MOST_BANDWIDTH = 10**15  # far above any in use, because embeddings may have any unit


def bandwidth_range(space: Space, delta_var: float = EUCLIDEAN_DELTA_VAR) -> tuple[float, float]:
    """Return the smallest and largest useful bandwidth.

    Parameters
    ----------
    space : {"euclidean", "cosine"}
        How vectors are compared. Euclidean bandwidths are in embedding units and scale with
        ``delta_var``; cosine bandwidths are ``1 - cos`` and do not.
    delta_var : float
        Pull margin of the discriminative loss (De Brabandere et al., 2017) that the network was
        trained with.

    Returns
    -------
    tuple of float
        Lowest and highest bandwidth.

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
    """Return the default bandwidth: ``2 * delta_var``, or 0.3 for cosine."""
    return 0.3 if space == "cosine" else 2.0 * delta_var


def bandwidth_to_radius(bandwidth: float, space: Space) -> float:
    """Return the kernel's radius: the bandwidth, or under cosine the chord of unit vectors."""
    return math.sqrt(2.0 * bandwidth) if space == "cosine" else bandwidth


def radius_to_bandwidth(radius: float, space: Space) -> float:
    """Invert :func:`bandwidth_to_radius`, exactly for a radius of single precision."""
    return float(radius) ** 2 / 2.0 if space == "cosine" else float(radius)


@configuration
class ClusterParams:
    """Parameters of a cut of the cluster index.

    Parameters
    ----------
    bandwidth : float
        Radius of the mean shift kernel: embedding units, or ``1 - cos`` for cosine embeddings.
        A cut clamps it to the range of its index, with a warning.
    foreground_threshold : float
        Pixels with a foreground probability up to this are background. Pixels up to 0.1 are
        background at any threshold.
    min_size : int
        Objects of fewer pixels are removed.
    seed_threshold : float
        Depth of a valley in the distance map, relative to the lower of its two peaks, from
        which two seeds are two objects. No effect without a distance map.

    Raises
    ------
    ValueError
        When a value is not a number, not finite or out of range.

    Examples
    --------
    >>> ClusterParams(bandwidth=1.5).bandwidth
    1.5
    """

    bandwidth: float = Field(
        default=1.0,
        ge=0,
        le=_MOST_BANDWIDTH,
        title="Bandwidth",
        description="How far apart two embeddings may be and still belong to one object: larger "
        "merges, smaller splits.",
        json_schema_extra={"low": 0.5, "high": 3.0, "step": 0.01},
    )
    foreground_threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        title="Foreground",
        description="How sure the network must be that a pixel belongs to an object.",
        json_schema_extra={"low": 0.1, "high": 0.95, "step": 0.01},
    )
    min_size: int = Field(
        default=20,
        ge=0,
        le=10**12,
        title="Minimum size",
        description="Objects of fewer pixels (or voxels) are removed.",
        json_schema_extra={"low": 0, "high": 10_000, "step": 1},
    )
    seed_threshold: float = Field(
        default=0.15,
        ge=0.01,
        le=1,
        title="Seed depth",
        description="How deep the distance map must fall between two seeds to keep them apart: "
        "smaller splits more. Needs a model with a distance head.",
        json_schema_extra={"low": 0.05, "high": 0.6, "step": 0.01},
    )

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
            Pull margin the network was trained with.
        **changes
            Fields that differ from the defaults.

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


@configuration
class LocalBandwidth:
    """Local bandwidth: the bandwidth for the object at one pixel, in place of the cut's.

    A cut shows that object as it is at this bandwidth, finer or coarser than its surroundings.
    The branches of the merge tree beside it stay as at the cut's bandwidth.

    Parameters
    ----------
    point : tuple of int
        Index ([z,] y, x) of a pixel of the object.
    bandwidth : float
        As in :class:`ClusterParams`; from 0, because an object may be split at a bandwidth below
        the range of the index.

    Raises
    ------
    ValueError
        When the point is not two or three whole numbers from 0, or the bandwidth is negative or
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

    point: Annotated[
        tuple[Annotated[int, Field(ge=0, le=2**31)], ...], Field(min_length=2, max_length=3)
    ]
    bandwidth: Annotated[float, Field(ge=0, le=_MOST_BANDWIDTH)]


LocalBandwidths = tuple[LocalBandwidth, ...]
"""Local bandwidths of one image; where two contradict, the later one counts."""

"""Constants of the cluster index.

Lengths in embedding space are multiples of the *unit*: ``delta_var`` of a Euclidean model, half
the chord of the default bandwidth of a cosine model. So they hold for embeddings of any scale.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IndexConstants:
    """Constants of the index, not meant for users: theirs are in ``ClusterParams``.

    Parameters
    ----------
    confident : float
        Foreground probability above which pixels form superpixels.
    weak : float
        Foreground probability above which pixels are labelled at all: up to ``confident`` they
        join the superpixel they touch, or form superpixels of their own where they touch none.
    base_factor, base_cap, base_floor : float
        Radius of the first mean shift: ``base_factor`` times the noise inside objects, between
        ``base_floor`` and ``base_cap`` units.
    leftover_factors : tuple of float
        Multiples of that radius at which the unlabelled blocks are clustered, in this order.
    cores, core_set : int
        Core blocks (with all their neighbours in the set) and blocks that a set of blocks needs
        to become a superpixel. Slivers at borders have fewer.
    ring : float
        Pixels by which superpixels grow into what mean shift left unlabelled.
    speck : int
        Leftover sets of fewer blocks are merged into a neighbour.
    seed_radius : float
        Distance from the mean of a seed's region, in units, up to which blocks join it.
    seed_floor : float
        Relative depth of a valley up to which two maxima are one seed, whatever the user's
        threshold.
    seed_softness : float
        Added to the peak that a valley's depth is divided by, because low peaks are noise.
    hold : float
        Factor on the distance of two means that no valley separates: embeddings drift within
        large objects, and a common seed keeps these whole.
    veto : float
        Most that a valley adds to the height at which two seeds merge, in units. Nothing where
        vectors drift along an object: what is long and thin has valleys within it.
    veto_slope : float
        Units added for each multiple of the seed threshold by which a valley exceeds it.
    core : float
        Share of a seed's distance value from which blocks belong to the seed at the start.
    jump : float
        Step of the embedding along a row that is taken as the end of an object, in units.
    reach : float
        Pixels up to which the vectors on the two sides of an edge are averaged, where vectors
        drift along an object.
    medium_object, large_object : float
        Object diameters in pixels from which blocks are 2 and 4 pixels wide.
    small_image : int
        Number of foreground pixels below which a block is always one pixel.
    """

    confident: float = 0.5
    weak: float = 0.1
    base_factor: float = 1.5
    base_cap: float = 1.2
    base_floor: float = 0.1
    leftover_factors: tuple[float, ...] = (1.0, 1.5, 2.0)
    cores: int = 2
    core_set: int = 6
    ring: float = 3.0
    speck: int = 4
    seed_radius: float = 2.5
    seed_floor: float = 0.05
    seed_softness: float = 0.1
    hold: float = 0.4
    veto: float = 4.0
    veto_slope: float = 2.0
    core: float = 0.4
    jump: float = 2.0
    reach: float = 5.0
    medium_object: float = 20.0
    large_object: float = 48.0
    small_image: int = 100_000

"""The few constants of the cluster index, in one place.

Lengths in embedding space are multiples of the *unit*: ``delta_var`` of a Euclidean model, half
the chord of the default bandwidth of a cosine model. So an embedding of any scale works.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IndexConstants:
    """Constants of the index; users choose with ``ClusterParams`` instead.

    Parameters
    ----------
    confident : float
        Foreground above which pixels form regions.
    weak : float
        Foreground above which pixels are labelled at all: below ``confident`` they join the
        region they touch, or form regions of their own where they touch none.
    base_factor, base_cap, base_floor : float
        Base radius: ``base_factor`` times the noise inside objects, between ``base_floor`` and
        ``base_cap`` units.
    leftover_factors : tuple of float
        Multiples of the base radius at which free blocks are tried in turn.
    cores, core_set : int
        A set must have so many blocks with all neighbours in it, and so many blocks: border
        slivers have not.
    ring : float
        Pixels that regions grow over what mean shift left free.
    speck : int
        Leftover sets of fewer blocks join a neighbour.
    seed_radius : float
        A seed takes what lies within so many units of its region's mean.
    seed_floor : float
        Valleys shallower than this make no seeds, whatever the user's threshold.
    seed_softness : float
        Added to a peak before the valley's depth is divided by it: low peaks are noise.
    hold : float
        Without a valley, the distance between two means counts only so much: large objects
        drift inside, and their seed holds them together.
    veto : float
        What a valley can add at most to the height at which two seeds merge, in units.
    veto_slope : float
        Units added for each seed threshold by which the valley is too deep.
    core : float
        Blocks of at least this share of their seed's distance belong to it from the start.
    jump : float
        Steps of the embedding along a row that end an object, in units.
    medium_object, large_object : float
        Object diameters in pixels from which blocks are 2 and 4 pixels wide.
    small_image : int
        With fewer foreground pixels a block is always one pixel.
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
    medium_object: float = 20.0
    large_object: float = 48.0
    small_image: int = 100_000

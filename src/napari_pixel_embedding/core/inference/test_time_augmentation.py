"""Test-time augmentation: an image looked at from several sides, and the answers turned back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AUGMENTS = {1: "off", 4: "flips", 8: "flips and quarter turns"}
"""How many times the network may look at an image, and how."""


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the plane.

    Parameters
    ----------
    turns : int
        Quarter turns in the plane Y, X.
    mirrored : bool
        Whether X is reversed after that.
    """

    turns: int = 0
    mirrored: bool = False

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Turn an image whose last axes are Y and X."""
        turned = np.rot90(image, self.turns, (-2, -1))
        return np.ascontiguousarray(turned[..., ::-1] if self.mirrored else turned)

    def undo(self, image: NDArray[Any]) -> NDArray[Any]:
        """Turn what :meth:`apply` made back."""
        straight = image[..., ::-1] if self.mirrored else image
        return np.rot90(straight, -self.turns, (-2, -1))

    def undo_vectors(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Turn a field of vectors (D, [Z,] Y, X), along those axes, back: places and directions."""
        back = self.undo(vectors).copy()
        if self.mirrored:
            back[-1] *= -1
        for _ in range(self.turns % 4):
            back[-2:] = np.stack([back[-1], -back[-2]])
        return back


def symmetries(augment: int) -> list[Symmetry]:
    """List the views of an image, the plain one first.

    Parameters
    ----------
    augment : {1, 4, 8}
        How many: the plain one, with its flips, and those with quarter turns.

    Raises
    ------
    ValueError
        For another number.

    Examples
    --------
    >>> symmetries(1)
    [View(turns=0, mirrored=False)]
    """
    if augment not in AUGMENTS:
        raise ValueError(
            f"augment must be one of {', '.join(map(str, AUGMENTS))}, found {augment}."
        )
    turns = range(0, 4, 1 if augment == 8 else 2)
    return [Symmetry(turn, mirrored) for turn in turns for mirrored in (False, True)][:augment]

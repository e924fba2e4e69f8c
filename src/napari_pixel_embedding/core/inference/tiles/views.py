"""Views of an image for test-time augmentation: itself, flipped and turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.options import AUGMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the plane.

    Parameters
    ----------
    turns : int
        Rotations by 90° in the plane Y, X.
    mirrored : bool
        Whether X is reversed after that.
    """

    turns: int = 0
    mirrored: bool = False

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Transform an image whose last axes are Y and X."""
        turned = np.rot90(image, self.turns, (-2, -1))
        return np.ascontiguousarray(turned[..., ::-1] if self.mirrored else turned)

    def undo(self, image: NDArray[Any]) -> NDArray[Any]:
        """Invert :meth:`apply`."""
        straight = image[..., ::-1] if self.mirrored else image
        return np.rot90(straight, -self.turns, (-2, -1))

    def undo_vectors(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Invert :meth:`apply` for a vector field (D, [Z,] Y, X): positions and directions."""
        back = self.undo(vectors).copy()
        if self.mirrored:
            back[-1] *= -1
        for _ in range(self.turns % 4):
            back[-2:] = np.stack([back[-1], -back[-2]])
        return back


def symmetries(augment: int) -> list[Symmetry]:
    """Return the symmetries for test-time augmentation, the identity first.

    Parameters
    ----------
    augment : {1, 4, 8}
        1 for the identity, 4 with flips, 8 with rotations by 90° as well.

    Raises
    ------
    ValueError
        For another number.

    Examples
    --------
    >>> symmetries(1)
    [Symmetry(turns=0, mirrored=False)]
    """
    if augment not in AUGMENTS:
        raise ValueError(
            f"augment must be one of {', '.join(map(str, AUGMENTS))}, found {augment}."
        )
    turns = range(0, 4, 1 if augment == 8 else 2)
    return [Symmetry(turn, mirrored) for turn in turns for mirrored in (False, True)][:augment]

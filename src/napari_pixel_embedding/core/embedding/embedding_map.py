"""The embedding map of a frame: a vector, foreground and distance for every pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

Space = Literal["euclidean", "cosine"]
"""How two embedding vectors are compared: by their distance, or by the angle between them."""


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """Prediction of a network for one frame, at the frame's own pixel size.

    Parameters
    ----------
    embedding : array of float16 or float32, shape (E, [Z,] Y, X)
        A vector for every pixel.
    foreground : array of float, shape ([Z,] Y, X)
        Probability, 0 to 1, that a pixel belongs to any object.
    distance : array of float, shape ([Z,] Y, X), optional
        Distance to the object's border divided by its maximum in that object: 1 in the middle
        of an object, 0 in the background.
    space : {"euclidean", "cosine"}
        How vectors are compared.
    delta_var, delta_dist : float
        Margins of the discriminative loss (De Brabandere et al., 2017) in training, in embedding
        units: pixels lie within ``delta_var`` of their object's mean, the means of touching
        objects ``2 * delta_dist`` apart.
    spacing : tuple of float, optional
        Size of a pixel along each spatial axis; ones when unknown.
    frame : int, optional
        Index along T of the frame this map belongs to; None without a time axis.
    position_channels : int
        Number of leading components that are a pixel position plus a learnt offset.
    drifts : bool
        Whether vectors are alike within a part of an object only, and drift along what is long.
    notes : tuple of str
        What is to be said of how it was made, such as that memory ran out; a sentence each.

    Raises
    ------
    ValueError
        When shapes, space or spacing do not fit together.
    """

    embedding: NDArray[np.floating[Any]]
    foreground: NDArray[np.floating[Any]]
    distance: NDArray[np.floating[Any]] | None = None
    space: Space = "euclidean"
    delta_var: float = 0.5
    delta_dist: float = 1.5
    spacing: tuple[float, ...] | None = None
    frame: int | None = None
    position_channels: int = 0
    drifts: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.embedding.ndim not in (3, 4):
            raise ValueError(
                "embedding must have axes (E, [Z,] Y, X), "
                f"found an array of shape {self.embedding.shape}."
            )
        self._check_shape("foreground", self.foreground)
        if self.distance is not None:
            self._check_shape("distance", self.distance)
        if not 0 <= self.position_channels <= self.embedding_dim:
            raise ValueError(
                f"position_channels must be from 0 to {self.embedding_dim}, "
                f"found {self.position_channels}."
            )
        if self.space not in ("euclidean", "cosine"):
            raise ValueError(f"space must be 'euclidean' or 'cosine', found {self.space!r}.")
        if self.spacing is None:
            object.__setattr__(self, "spacing", (1.0,) * self.ndim)
        elif len(self.spacing) != self.ndim:
            raise ValueError(
                f"spacing must name {self.ndim} axes, one for each of {self.shape}, "
                f"found {self.spacing}."
            )

    def crop(self, box: tuple[slice, ...]) -> EmbeddingMap:
        """Copy a part of the map, so that the memory of the whole can be freed.

        Parameters
        ----------
        box : tuple of slice
            Along ([Z,] Y, X).
        """
        distance = None if self.distance is None else self.distance[box].copy()
        return replace(
            self,
            embedding=self.embedding[(slice(None), *box)].copy(),
            foreground=self.foreground[box].copy(),
            distance=distance,
        )

    def _check_shape(self, name: str, array: NDArray[Any]) -> None:
        if array.shape != self.shape:
            raise ValueError(
                f"{name} must have the embedding's pixels {self.shape}, found {array.shape}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        return self.embedding.shape[1:]

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return self.embedding.ndim - 1

    @property
    def embedding_dim(self) -> int:
        """Number of components of a pixel's vector."""
        return int(self.embedding.shape[0])


def notes_of(maps: Iterable[EmbeddingMap]) -> tuple[str, ...]:
    """Return what is to be said of maps, each sentence once."""
    return tuple(dict.fromkeys(note for emap in maps for note in emap.notes))

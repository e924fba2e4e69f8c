"""Files of corrections: one compressed int32 label image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.core.corrections.corrections import check_corrections

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def save_corrections(
    path: str | os.PathLike[str],
    corrections: ArrayLike,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: str | None = None,
) -> None:
    """Write corrections as a compressed int32 TIFF; an existing file is replaced atomically.

    Parameters
    ----------
    path : path
        Ends in ``.tif`` or ``.tiff``.
    corrections : array of int, shape ([T,] [Z,] Y, X)
    axes, scale, units
        As for :func:`~.images.write_labels`; three axes are ZYX by default.
    """
    from napari_pixel_embedding.core.io.images import write_label_tiff

    fixed = check_corrections(corrections)
    if axes is None and fixed.ndim == 3:
        axes = "ZYX"
    write_label_tiff(path, fixed, axes, scale, units)


def load_corrections(
    path: str | os.PathLike[str], shape: Sequence[int] | None = None
) -> NDArray[np.int32]:
    """Read corrections that :func:`save_corrections` wrote.

    Parameters
    ----------
    path : path
    shape : sequence of int, optional
        Shape of the image they belong to.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file holds something else, or belongs to an image of another shape.
    """
    from napari_pixel_embedding.core.io.images import read_image

    fixed = check_corrections(read_image(path).data, name=str(path))
    if shape is None or fixed.shape == tuple(shape):
        return fixed
    if [n for n in fixed.shape if n > 1] == [n for n in shape if n > 1]:
        return fixed.reshape(tuple(shape))  # files drop axes of length one
    raise ValueError(
        f"Corrections must have the image's shape {tuple(shape)}, found {fixed.shape} in {path}. "
        "Open the image they were made on."
    )

"""Files of corrections: one compressed int32 label image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.core.corrections.corrections import check_corrections

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from napari_pixel_embedding.core.inference.layout import Layout


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
    path: str | os.PathLike[str],
    layout: Layout | None = None,
    *,
    split_masks: bool | None = None,
) -> NDArray[np.int32]:
    """Read corrections: what :func:`save_corrections` wrote, or any label image.

    Parameters
    ----------
    path : path
        −1 is not corrected; a file without −1 corrects every pixel.
    layout : Layout, optional
        How the image that they belong to is read; frames are looked at one by one.
    split_masks : bool, optional
        What to do where one id covers several pieces, as in a binary mask: make every piece an
        object, or take the ids as they are.

    Returns
    -------
    array of int32, shape ([T,] [Z,] Y, X)
        As the image is read; without ``layout`` as they are stored.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    UnseparatedObjects
        When one id covers several pieces, and ``split_masks`` is None.
    ValueError
        When the file holds something else, or belongs to an image of another shape.
    """
    from napari_pixel_embedding.core.io.images import read_labels

    fixed = check_corrections(read_labels(path, unknown=True).data, name=str(path))
    if layout is None:
        return separated(fixed, str(path), None, split_masks)
    if not layout.fits_file(fixed.shape):
        raise ValueError(
            f"Corrections must have the image's shape {layout.label_shape}, found {fixed.shape} "
            f"in {path}. Choose the file that belongs to this image."
        )
    axes = ("T" if layout.frame_axes else "") + layout.spatial
    return separated(layout.lift_file(fixed), str(path), axes, split_masks)


def separated(
    corrections: NDArray[np.int32], name: str, axes: str | None, split_masks: bool | None
) -> NDArray[np.int32]:
    """Return corrections after deciding about masks; parameters as in :func:`load_corrections`."""
    from napari_pixel_embedding.core.io.binary_masks import (
        check_separated,
        connected_components,
        count_pieces,
    )

    if split_masks is None:
        check_separated([(name, count_pieces(corrections, axes))])
    return connected_components(corrections, axes) if split_masks else corrections

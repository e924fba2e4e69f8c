"""Files of corrections: one compressed int32 label image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.core.corrections.corrections import check_corrections
from napari_pixel_embedding.core.validation import check_annotation

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

    labels = read_labels(path, unknown=True).data
    if layout is not None:
        _check_shape(labels.shape, layout, layout.file_shape, str(path))
        labels = layout.lay(layout.lift_file(labels))
    return corrections_from(labels, layout, name=str(path), split_masks=split_masks)


def corrections_from(
    labels: ArrayLike,
    layout: Layout | None = None,
    *,
    name: str = "corrections",
    split_masks: bool | None = None,
) -> NDArray[np.int32]:
    """Return a label image as corrections; other parameters and errors as :func:`load_corrections`.

    Parameters
    ----------
    labels : array of int
        With the image's axes but channels; −1 is not corrected, without −1 every pixel is.
    name : str
        Name in error messages.
    """
    from napari_pixel_embedding.core.io.binary_masks import (
        check_separated,
        connected_components,
        count_pieces,
    )

    ids, axes = check_annotation(labels, name, unknown=True), None
    if layout is not None:
        _check_shape(ids.shape, layout, layout.label_shape, name)
        ids = layout.lift(ids.reshape(layout.label_shape))
        axes = ("T" if layout.frame_axes else "") + layout.spatial
    if split_masks is None:
        check_separated([(name, count_pieces(ids, axes))])
    return connected_components(ids, axes) if split_masks else check_corrections(ids, name)


def _check_shape(
    shape: tuple[int, ...], layout: Layout, expected: tuple[int, ...], name: str
) -> None:
    """Raise ValueError where a shape is another; axes of length one may be missing."""
    if [n for n in shape if n > 1] != [n for n in expected if n > 1]:
        raise ValueError(
            f"Corrections must have the image's shape {layout.label_shape}, found {shape} in "
            f"{name}. Choose those that belong to this image."
        )

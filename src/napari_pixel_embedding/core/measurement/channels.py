"""The channels of an image by name, each of the axes of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_pixel_embedding.core.label_frames import Frame


def split_channels(
    image: Any, axes: str | None, labels: Frame, name: str = "intensity"
) -> dict[str, Any]:
    """Return the channels of an image for :func:`~.measure.measure_objects`.

    Parameters
    ----------
    image : array_like
        An image of the shape of the labels, or with one axis C more.
    axes : str, optional
        Its axes; needed where it has channels.
    labels : Frame
        Any frame of the label image, see :func:`~.label_frames.label_frames`.
    name : str
        Name of the image.

    Returns
    -------
    dict of str to array
        ``name``, or ``name_c0``, ``name_c1`` and so on.

    Raises
    ------
    ValueError
        When the image does not belong to the labels.
    """
    wanted = tuple(labels.array.shape)
    if tuple(image.shape) == wanted:
        return {name: image}
    at = (axes or "").upper().find("C")
    shape = tuple(image.shape[:at]) + tuple(image.shape[at + 1 :])
    if at < 0 or len(axes or "") != len(image.shape) or shape != wanted:
        raise ValueError(
            f"The image {name!r} must have the shape of the labels {wanted}, and one axis C where "
            f"it has channels; found {tuple(image.shape)} with axes {axes or 'unknown'}."
        )
    before = (slice(None),) * at
    return {f"{name}_c{k}": image[(*before, k)] for k in range(image.shape[at])}

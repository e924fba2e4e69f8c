"""Further properties of objects, as scikit-image measures them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.label_frames import Frame


def further_columns(
    frame: Frame, names: Sequence[str], spacing: Sequence[float]
) -> dict[str, NDArray[Any]]:
    """Return properties of :func:`skimage.measure.regionprops_table`.

    Parameters
    ----------
    frame : Frame
        Label image; it is read whole.
    names : sequence of str
        Names of properties that need no image.
    spacing : sequence of float
        Size of a pixel along its axes.

    Raises
    ------
    ValueError
        When a name is unknown, or the property does not exist for such an image.
    """
    from skimage import measure

    properties_of: Any = measure.regionprops_table
    known = _known()
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            advice = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."
            raise ValueError(f"properties must be shape properties, found {name!r}. {advice}")
    try:
        table = properties_of(frame.read(), properties=("label", *names), spacing=tuple(spacing))
    except NotImplementedError as error:
        raise ValueError(
            f"The properties {', '.join(names)} do not all exist for {len(spacing)} axes of the "
            f"pixel size {tuple(spacing)}: {error}."
        ) from error
    return {name: column for name, column in table.items() if name != "label"}


def _known() -> list[str]:
    """Return the names of all properties that need no image."""
    import numpy as np
    from skimage import measure

    regions_of: Any = measure.regionprops
    region = type(regions_of(np.ones((1, 1), int))[0])
    names = [name for name in dir(region) if isinstance(getattr(region, name), property)]
    return [name for name in names if "intensity" not in name and "weighted" not in name]

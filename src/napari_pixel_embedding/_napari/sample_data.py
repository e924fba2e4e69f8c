"""What *File > Open Sample > Pixel Embedding* offers: one function for each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtCore import QTimer

from napari_pixel_embedding._napari.layers.placement import SAMPLE_KEY

if TYPE_CHECKING:
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.io.images import ImageData

_PERCENTILES = (1.0, 99.8)


def sample_layers(name: str) -> list[LayerDataTuple]:
    """Load a bundled sample as an image layer and, hidden, its label image.

    Parameters
    ----------
    name : str
        One of `core.samples.list_samples()`.

    Returns
    -------
    list of tuple
        `(data, attributes, layer type)` of the image and of the labels, with scale and units where
        the pixel size is known.

    Raises
    ------
    ValueError
        No sample has this name.
    """
    from napari_pixel_embedding.core.datasets.samples import get_sample, load_sample

    image, labels = load_sample(name)
    kind = "ground truth" if get_sample(name).ground_truth else "labels made by software"
    place = _placement(image)
    look = {"contrast_limits": _contrast(image.data), **place}
    return _layers(name, image.data, look, labels, f"{name} {kind}", place)


def _layers(
    name: str,
    image: Any,
    look: dict[str, Any],
    labels: Any,
    labels_name: str,
    place: dict[str, Any],
) -> list[LayerDataTuple]:
    """Return a sample's two layers; the image will be the active one."""
    metadata = {SAMPLE_KEY: name}
    hidden = {"name": labels_name, "visible": False, "metadata": metadata, **place}
    QTimer.singleShot(0, _select_image)  # napari selects the layer that is added last
    return [(image, {"name": name, **look}, "image"), (labels, hidden, "labels")]


def _select_image() -> None:
    """Select the image of the sample whose hidden labels are selected."""
    viewer = napari.current_viewer()
    active = None if viewer is None else viewer.layers.selection.active
    name = None if active is None or active.visible else active.metadata.get(SAMPLE_KEY)
    if viewer is None or active is None or name is None:
        return
    below = viewer.layers.index(active) - 1
    if below >= 0 and viewer.layers[below].name.startswith(name):
        viewer.layers.selection.active = viewer.layers[below]


def _contrast(image: NDArray[Any]) -> tuple[float, float]:
    """Return contrast limits, as percentiles that leave out the few brightest pixels."""
    low, high = np.percentile(image, _PERCENTILES)
    return float(low), float(max(high, low + 1))


def _placement(image: ImageData) -> dict[str, Any]:
    axes = image.axes or ""
    place: dict[str, Any] = {"axis_labels": tuple(axes.lower())}
    if image.scale is not None:
        place["scale"] = (1.0,) * axes.count("T") + image.scale
    if image.units is not None:
        place["units"] = tuple("pixel" if axis == "T" else image.units for axis in axes)
    return place


def nuclei_field() -> list[LayerDataTuple]:
    """Fluorescent nuclei, many of them touching."""
    return sample_layers("nuclei-field")


def nuclei_small() -> list[LayerDataTuple]:
    """Small fluorescent nuclei."""
    return sample_layers("nuclei-small")


def nuclei_large() -> list[LayerDataTuple]:
    """Large fluorescent nuclei in contact."""
    return sample_layers("nuclei-large")


def phase_contrast() -> list[LayerDataTuple]:
    """Irregular, touching cells in phase contrast."""
    return sample_layers("phase-contrast")


def embryo_3d() -> list[LayerDataTuple]:
    """Nuclei of a mouse embryo, as a stack."""
    return sample_layers("embryo-3d")


def nuclei_timelapse() -> list[LayerDataTuple]:
    """Nuclei in a scratch assay, over time."""
    return sample_layers("nuclei-timelapse")


def drawn_layers(name: str) -> list[LayerDataTuple]:
    """Load a drawn sample as an image layer and, hidden, its exact label image.

    Parameters
    ----------
    name : str
        Of one of `core.samples.DRAWN_SAMPLES`.

    Returns
    -------
    list of tuple
        `(data, attributes, layer type)` of the image and of the labels.

    Raises
    ------
    ValueError
        No drawn sample has this name.
    """
    from napari_pixel_embedding.core.datasets.samples import load_drawn_sample

    image, labels = load_drawn_sample(name)
    look = {"rgb": True} if image.ndim > labels.ndim else {"contrast_limits": _contrast(image)}
    place = {"axis_labels": tuple("zyx"[-labels.ndim :])}
    return _layers(name, image, {**look, **place}, labels, f"{name} ground truth", place)


def leaves_drawn() -> list[LayerDataTuple]:
    """Leaves of several plants in colours, drawn."""
    return drawn_layers("leaves-drawn")


def bacteria_drawn() -> list[LayerDataTuple]:
    """Rods in dense colonies, drawn."""
    return drawn_layers("bacteria-drawn")

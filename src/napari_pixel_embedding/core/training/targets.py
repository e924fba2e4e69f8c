"""Training targets of annotated images: labels, distance maps, neighbouring objects, centres."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_pixel_embedding.core.boxes import grown
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import (
    resample,
    resample_labels,
    spacing_of_each,
    zoom_for,
    zoomed_shape,
)
from napari_pixel_embedding.core.validation import check_label_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.object_scale import Spacings, Zoom
    from napari_pixel_embedding.core.model.config import ModelConfig


class Sample(NamedTuple):
    """One annotated image, ready for cropping.

    ``image`` (C, [Z,] Y, X) float32 normalised; ``labels`` ([Z,] Y, X) int32 with −1 where
    unknown, −2 where excluded from every loss; ``distance`` like ``labels``, float32;
    ``neighbours`` (P, 2), pairs of labels of neighbouring objects; ``centres`` (K, 2 or 3), the
    centre of each object's bounding box.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    distance: NDArray[np.float32]
    neighbours: NDArray[np.int64]
    centres: NDArray[np.int64]


def prepare_sample(
    image: NDArray[np.float32], labels: NDArray[Any], drifts: bool = False
) -> Sample:
    """Compute the targets of one normalised image (C, [Z,] Y, X) and its label image.

    Distances and neighbours are computed once, on the whole image, so that objects cut off by
    a crop keep their true distance. With ``drifts`` distances are those of long objects, see
    :func:`object_distance`.
    """
    if image.shape[1:] != labels.shape:
        raise ValueError(
            f"image and labels must have the same pixels, found {image.shape[1:]} and "
            f"{labels.shape}."
        )
    labels = np.ascontiguousarray(labels, np.int32)
    distance = object_distance(labels, along=drifts)
    return Sample(image, labels, distance, neighbouring_labels(labels), object_centres(labels))


def object_centres(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Centre of the bounding box of each object of ``labels`` ([Z,] Y, X): shape (K, 2 or 3)."""
    boxes = [box for box in ndimage.find_objects(np.maximum(labels, 0)) if box is not None]
    middles = [[(side.start + side.stop) // 2 for side in box] for box in boxes]
    return np.array(middles, np.int64).reshape(-1, labels.ndim)


def object_distance(labels: NDArray[np.int32], along: bool = False) -> NDArray[np.float32]:
    """Distance of each pixel to its object's border, divided by its maximum in the object.

    Parameters
    ----------
    labels : label image, shape ([Z,] Y, X)
        0 is background; values below 0 count as background.
    along : bool
        Divide by the distance at the nearest point of the object's skeleton instead, which is 1
        all along a filament or a stalk, however thin: nothing there looks like a valley between
        two objects.

    Returns
    -------
    array of float32
        1 at the centre of an object, 0 in the background. The image border is no object border.
    """
    distance = np.zeros(labels.shape, np.float32)
    for label, box in enumerate(ndimage.find_objects(np.maximum(labels, 0)), start=1):
        if box is None:
            continue
        around = grown(box, 1, labels.shape)
        mask = labels[around] == label
        edt = ndimage.distance_transform_edt(mask) if not mask.all() else np.ones(mask.shape)
        most = _at_skeleton(mask, edt)[mask] if along else edt.max()
        distance[around][mask] = np.minimum(edt[mask] / most, 1)
    return distance


def _at_skeleton(mask: NDArray[np.bool_], edt: NDArray[Any]) -> NDArray[Any]:
    """Return the distance to the border at the point of the skeleton nearest to each pixel."""
    from skimage.morphology import skeletonize

    skeleton = skeletonize(mask)  # type: ignore[no-untyped-call]
    if not skeleton.any():
        return np.full(mask.shape, edt.max())
    nearest = ndimage.distance_transform_edt(~skeleton, return_distances=False, return_indices=True)
    found: NDArray[Any] = edt[tuple(nearest)]
    return found


def neighbour_radius(labels: NDArray[np.int32]) -> float:
    """Distance in pixels up to which objects count as neighbours: max(5, ¼ median diameter)."""
    sizes = np.bincount(labels[labels > 0].ravel())
    sizes = sizes[sizes > 0]
    if sizes.size == 0:
        return 5.0
    diameter = (
        2 * np.sqrt(np.median(sizes) / np.pi)
        if labels.ndim == 2
        else 2 * np.cbrt(3 * np.median(sizes) / (4 * np.pi))
    )
    return float(max(5.0, diameter / 4))


def neighbouring_labels(
    labels: NDArray[np.int32], radius: float | None = None
) -> NDArray[np.int64]:
    """Pairs of objects at most ``radius`` apart, also with another object between them.

    The distance of two objects is that of their nearest pixels, between pixel centres: 1 for
    objects that share a border, √2 (√3 in 3-D) for objects that touch at a corner.

    Parameters
    ----------
    labels : label image, shape ([Z,] Y, X)
        0 is background; values below 0 count as background.
    radius : float, optional
        In pixels; :func:`neighbour_radius` of the labels by default.

    Returns
    -------
    array of int64, shape (P, 2)
        Each pair once, the smaller label first.

    Examples
    --------
    >>> neighbouring_labels(np.array([[1, 1, 0, 2, 3]]), radius=2).tolist()
    [[1, 2], [2, 3]]
    >>> neighbouring_labels(np.array([[1, 1, 0, 2, 3]]), radius=3).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if radius is None:
        radius = neighbour_radius(labels)
    rims = _rims(np.maximum(labels, 0))
    found = [
        (label, other)
        for label, box in enumerate(ndimage.find_objects(rims), start=1)
        if box is not None
        for other in _later_within(rims[grown(box, math.ceil(radius), rims.shape)], label, radius)
    ]
    return np.array(found, np.int64).reshape(-1, 2)


def _rims(objects: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep the border pixels of each object; the nearest pixels of two objects are among them."""
    on_rim = np.zeros(objects.shape, bool)
    for axis in range(objects.ndim):
        values, rim = np.moveaxis(objects, axis, 0), np.moveaxis(on_rim, axis, 0)
        differs = values[1:] != values[:-1]
        rim[1:] |= differs
        rim[:-1] |= differs
    return np.where(on_rim, objects, 0)


def _later_within(rims: NDArray[np.int32], label: int, radius: float) -> list[int]:
    """Objects with a larger id whose border is within ``radius`` of that of ``label``."""
    places = np.argwhere(rims >= label)
    labels = rims[tuple(places.T)]
    own = labels == label
    if own.all():
        return []
    tree = cKDTree(places[own], compact_nodes=False, balanced_tree=False)
    distance, _ = tree.query(places[~own], distance_upper_bound=radius + 1)
    near: list[int] = np.unique(labels[~own][distance <= radius]).tolist()
    return near


def prepare_samples(
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    config: ModelConfig,
    axes: str | None = None,
    *,
    diameter: float | None = None,
    spacing: Spacings = None,
) -> list[Sample]:
    """Normalise annotated images and compute their training targets.

    Parameters
    ----------
    images : sequence of arrays
        As :func:`predict_embedding` takes them; each frame along T becomes a sample.
    labels : sequence of arrays, shape ([T,] [Z,] Y, X)
        Label images, 0 is background, −1 unknown.
    config : ModelConfig
        Configuration of the model to train.
    axes : str, optional
        Axes of every image.
    diameter : float, optional
        Typical diameter of the objects in every image, in its pixels; images and labels are
        resampled to the model's object diameter.
    spacing : sequence of float, or a sequence of them, optional
        Size of a pixel along each spatial axis, of every image or of each; see
        :func:`~.object_scale.zoom_for`.
    """
    if len(images) != len(labels) or not images:
        raise ValueError(
            "expected as many label images as images, at least one, "
            f"found {len(images)} images and {len(labels)} label images."
        )
    each = zip(images, labels, spacing_of_each(spacing, len(images)), strict=True)
    samples = []
    for image, label_image, size in each:
        stack = read_stack(image, config, axes, spacing=size)
        zoom = zoom_for(config, diameter, stack.spacing)
        pairs = annotated_frames(config, stack, label_image, zoom)
        samples += [prepare_sample(frame, target, config.drifts) for frame, target in pairs]
    return samples


def annotated_frames(
    config: ModelConfig, stack: ImageStack, labels: Any, zoom: Zoom
) -> list[tuple[NDArray[np.float32], NDArray[np.int32]]]:
    """Pair each frame of an image, as the network takes it, with its label image.

    Parameters
    ----------
    config : ModelConfig
        Configuration of the model; its percentiles are used.
    stack : ImageStack
        The image.
    labels : array_like of int
        With the image's axes without channels; 0 is background, −1 not known.
    zoom : tuple of float
        Factors to resample image and labels by, from :func:`~.object_scale.zoom_for`; or from
        :func:`~.object_scale.zoom_of_planes`, where objects already have the model's size.

    Raises
    ------
    ValueError
        When labels and image differ in shape, or labels hold values that are no ids.
    """
    labels = check_label_image(labels, unknown=True)
    frames = list(stack.normalised(config.percentiles))
    pixels = frames[0].shape[1:]
    if stack.layout is not None and labels.shape == stack.layout.label_shape:
        labels = stack.layout.lift(labels)
    if labels.shape != (len(frames), *pixels) and (len(frames) > 1 or labels.shape != pixels):
        expected = pixels if len(frames) == 1 else (len(frames), *pixels)
        raise ValueError(f"expected labels of the image's shape {expected}, found {labels.shape}.")
    per_frame = _small_ids(labels).reshape(len(frames), *pixels)
    shape = zoomed_shape(pixels, zoom)
    return [
        (resample(frame, shape), resample_labels(target, shape))
        for frame, target in zip(frames, per_frame, strict=True)
    ]


def _small_ids(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Return a label image as int32; large ids are renumbered, since tables are indexed by id."""
    if labels.max() <= max(labels.size, 2**16):
        return labels.astype(np.int32)
    unique, inverse = np.unique(labels, return_inverse=True)
    ids = np.where(unique > 0, np.cumsum(unique > 0), np.where(unique < 0, -1, 0))
    return ids.astype(np.int32)[inverse.reshape(labels.shape)]

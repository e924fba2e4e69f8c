"""Recording what made a label image: image, model and versions."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.features.source import NAME, features_named
from napari_pixel_embedding.core.recipe.recipe import (
    MOST_RANGES,
    ImageRecord,
    ModelReference,
    SegmentationRecipe,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import LocalBandwidth
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.segmentation.segment import Method, Segmented

_PACKAGES = ("napari-pixel-embedding", "numba", "numpy", "scikit-image", "scipy", "torch")
"""Packages that compute."""


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute labels."""
    found = {"python": platform.python_version()}
    for package in (*_PACKAGES, "bioimage-cpp"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def pixels_key(stack: ImageStack) -> str:
    """Return a hash of the pixels that a model sees, before normalisation.

    It is the same whatever the order of the image's axes, its file and its name; a changed pixel,
    another channel or another type of numbers gives another one.

    Examples
    --------
    >>> from napari_pixel_embedding.core.inference.axes import ImageStack
    >>> one = pixels_key(ImageStack(np.zeros((2, 3)), "YX"))
    >>> one == pixels_key(ImageStack(np.zeros((3, 2)), "YX"))
    False
    """
    array = np.asarray(stack.array)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    digest = hashlib.sha256(f"{stack.axes} {array.shape} {array.dtype.kind}".encode())
    digest.update(str(array.dtype.itemsize).encode())
    for part in array if array.ndim > 2 else [array]:
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()[:16]


def intensities_of(
    ranges: NDArray[np.floating[Any]] | None,
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Return intensity ranges ([T,] C, 2) for an :class:`ImageRecord`; empty where too many."""
    if ranges is None:
        return ()
    each = ranges[None] if ranges.ndim == 2 else ranges
    if len(each) > MOST_RANGES or not np.isfinite(each).all():
        return ()
    return tuple(tuple((float(a), float(b)) for a, b in frame) for frame in each)


def model_reference(
    name: str, source: str | os.PathLike[str] | None, fingerprint: str
) -> ModelReference:
    """Return the reference to a model; the path of a file is made absolute.

    Given features are their choice as text alone: what is measured for an image follows from it.
    """
    features = features_named(source) if isinstance(source, str) else None
    if features is not None:
        digest = hashlib.sha256(str(features).encode()).hexdigest()
        return ModelReference(NAME, str(features), digest[:16])
    if source is not None and Path(source).expanduser().is_file():
        source = Path(source).expanduser().absolute()
    place = None if source is None else str(source)
    if place is not None and text_of(place) != place:
        place = None  # a path that no text file can hold
    return ModelReference(text_of(name), place, fingerprint)


def text_of(name: str) -> str:
    """Return a name as text that can be stored: names of files may hold bytes that are none."""
    return name.encode("utf-8", "replace").decode()[:1000]


def recipe_of_run(
    segmented: Segmented,
    options: PredictOptions,
    model: ModelReference,
    *,
    method: Method = "mean_shift",
    local_bandwidths: Sequence[Sequence[LocalBandwidth]] = (),
    name: str = "",
    diameter_source: Any = None,
) -> SegmentationRecipe:
    """Return the recipe of what :func:`~.segment.segment_and_record` has made.

    Parameters
    ----------
    segmented : Segmented
    options : PredictOptions
        What the network was run with.
    model : ModelReference
    method, local_bandwidths
        What the labels were cut with.
    name : str
        Name of the image.
    diameter_source : str, optional
        Where the diameter comes from; by default it was typed, where there is one.
    """
    stack = segmented.stack
    layout = stack.layout
    record = ImageRecord(
        name=text_of(name),
        shape=stack.array.shape if layout is None else layout.shape,
        pixels=pixels_key(stack),
        percentiles=segmented.model.config.percentiles,
        intensities=intensities_of(stack.ranges),
        local_bandwidths=tuple(map(tuple, local_bandwidths)),
    )
    given: Any = diameter_source or "typed"
    channel: Any = None if layout is None else layout.channel
    augment: Any = options.augment
    return SegmentationRecipe(
        model=model,
        axes=stack.axes if layout is None else layout.axes,
        clustering=segmented.params,
        method=method,
        channel=channel,
        spacing=stack.spacing,
        diameter=options.diameter,
        diameter_source="model" if options.diameter is None else given,
        augment=augment,
        tile=options.tile,
        device=options.device,
        image=record,
        versions=installed_versions(),
    )

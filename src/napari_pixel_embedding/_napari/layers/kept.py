"""What an objects layer keeps in its metadata, and which image it belongs to.

Metadata may come from an older version or be edited by hand: what is missing or of a wrong type is
left out, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_pixel_embedding._napari.layers.labels_editor import Shown
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY, SAMPLE_KEY
from napari_pixel_embedding.core.blockwise.roi import ROI
from napari_pixel_embedding.core.clustering.params import LocalBandwidth
from napari_pixel_embedding.core.features.source import features_named
from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.core.model.config import ModelFileError, find_model
from napari_pixel_embedding.core.recipe.recipe import KEY as RECIPE_KEY
from napari_pixel_embedding.core.recipe.recipe import recipe_in
from napari_pixel_embedding.session import PreviousAnnotations
from napari_pixel_embedding.session.recipe.record import session_recipe
from napari_pixel_embedding.session.state.results import EarlierRun
from napari_pixel_embedding.session.state.whole_image import WholeImageCorrections

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
    from napari_pixel_embedding.session import Session

_OBJECTS_ONLY = {"layout", RECIPE_KEY, "corrections"}
"""Keys that no other layer of ours has."""


def is_input(layer: Any) -> bool:
    """Whether a layer is an image to segment, not a picture of ours."""
    return isinstance(layer, Image) and "colors" not in _entry(layer)


def is_ours(layer: Any) -> bool:
    """Whether the plugin made a layer: a result, or the ground truth of a sample."""
    return METADATA_KEY in layer.metadata or SAMPLE_KEY in layer.metadata


def is_objects(layer: Any) -> bool:
    """Whether a layer shows objects that a run of ours has found."""
    plain = isinstance(layer, Labels) and not layer.multiscale
    return plain and bool(_OBJECTS_ONLY & {*_entry(layer)})


def image_of(labels: Labels, viewer: Viewer) -> Image | None:
    """Return the image that an objects layer belongs to; None if it is not open.

    It is the very layer that was segmented, under whatever name, or else one of its former name
    and shape.
    """
    images = [layer for layer in viewer.layers if is_input(layer)]
    kept = read(labels)
    same = [layer for layer in images if str(layer.unique_id) == kept.get("image_id")]
    named = [one for one in images if one.name == kept.get("image") and _covers(labels, one, kept)]
    return next(iter(same + named), None)


def objects_of(image: Image, viewer: Viewer) -> Labels | None:
    """Return the uppermost objects layer of an image, if there is one."""
    layers = (layer for layer in reversed(viewer.layers) if is_objects(layer))
    return next((layer for layer in layers if image_of(layer, viewer) is image), None)


def reading_of(image: Image, viewer: Viewer) -> tuple[str | None, Any]:
    """Return the axes and the channel that were chosen when an image was segmented, if it was."""
    labels = objects_of(image, viewer)
    if labels is None:
        return None, None
    recipe = recipe_in(labels.metadata)
    return read(labels).get("chosen_axes"), None if recipe is None else recipe.channel


def _covers(labels: Labels, image: Image, kept: dict[str, Any]) -> bool:
    """Whether a labels layer has the shape of an image's labels, or is a part of it."""
    layout, shape = (
        kept.get("layout"),
        image.data[0].shape if image.multiscale else image.data.shape,
    )
    if layout is not None:
        return bool(layout.shape == tuple(shape))
    ndim = min(labels.ndim, image.ndim)
    shape = shape[:-1] if image.rgb else shape
    return bool(labels.data.shape[-ndim:] == tuple(shape)[-ndim:])


def describe(session: Session, image: Image | None) -> dict[str, Any]:
    """Return what is kept with the objects layer of a session."""
    chosen, recipe = session.image, session_recipe(session)
    return {
        "image": None if chosen is None else chosen.name,
        "image_id": None if image is None else str(image.unique_id),
        "chosen_axes": None if chosen is None else chosen.axes,
        "layout": session.layout,
        RECIPE_KEY: None if recipe is None else recipe.to_dict(),
        "object_count": session.object_count,
        "corrected_count": session.corrected_count,
        "local_bandwidths": session.local_bandwidths,
        "corrections": session.corrections,
        "accepted": session.accepted,
        "deleted": session.deleted,
        "roi": session.roi,
        "whole_image": session.whole_image,
    }


def read(layer: Labels) -> dict[str, Any]:
    """Return what a layer keeps, without what is of a wrong type."""
    entry = _entry(layer)
    return {name: entry[name] for name, is_right in _CHECKS.items() if is_right(entry.get(name))}


def entry_of(layer: Labels) -> dict[Any, Any]:
    """Return the entry of a layer's metadata to write into."""
    if not isinstance(layer.metadata.get(METADATA_KEY), dict):
        layer.metadata[METADATA_KEY] = {}
    entry: dict[Any, Any] = layer.metadata[METADATA_KEY]
    return entry


def _entry(layer: Any) -> Mapping[Any, Any]:
    entry = layer.metadata.get(METADATA_KEY)
    return entry if isinstance(entry, Mapping) else {}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_label_image(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim in (2, 3, 4)


def _is_accepted(value: Any) -> bool:
    if not isinstance(value, frozenset):
        return False
    return all(isinstance(one, tuple) and len(one) == 2 for one in value)


def _is_local(value: Any) -> bool:
    if not isinstance(value, tuple) or not all(isinstance(frame, tuple) for frame in value):
        return False
    return all(isinstance(one, LocalBandwidth) for frame in value for one in frame)


def _is_a(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "image": _is_a(str),
    "image_id": _is_a(str),
    "chosen_axes": _is_a(str),
    "layout": _is_a(Layout),
    "object_count": _is_count,
    "corrected_count": _is_count,
    "local_bandwidths": _is_local,
    "corrections": _is_label_image,
    "accepted": _is_accepted,
    "deleted": _is_accepted,
    "roi": _is_a(ROI),
    "whole_image": _is_a(WholeImageCorrections),
    "shown": _is_a(Shown),
}


def left_behind(layer: Labels) -> PreviousAnnotations:
    """Return what an objects layer holds, and what was painted there since it was left."""
    kept = read(layer)
    shown: Shown | None = kept.get("shown")
    layout: Layout | None = kept.get("layout")
    return PreviousAnnotations(
        corrections=kept.get("corrections"),
        local_bandwidths=kept.get("local_bandwidths", ()),
        axes="" if layout is None else layout.read_axes,
        layout=layout,
        shown=None if shown is None else shown.labels,
        found=None if shown is None else shown.read(layer),
        accepted=kept.get("accepted", frozenset()),
        deleted=kept.get("deleted", frozenset()),
        roi=kept.get("roi"),
        whole_image=kept.get("whole_image"),
        run=_earlier_run(layer, kept),
    )


def _earlier_run(layer: Labels, kept: dict[str, Any]) -> EarlierRun:
    run = EarlierRun(
        layer.name,
        kept.get("image", layer.name),
        _count(layer, kept),
        kept.get("corrected_count", 0),
    )
    recipe = recipe_in(layer.metadata)
    if recipe is None:
        return run
    return replace(
        run,
        model=recipe.model.name,
        model_source=_source(recipe),
        cluster_params=recipe.clustering,
        method=recipe.method,
        diameter=recipe.diameter,
        diameter_source=recipe.diameter_source,
    )


def _count(layer: Labels, kept: dict[str, Any]) -> int:
    """Return the number of objects: as the run said, unless that is unknown."""
    if "object_count" in kept:
        return int(kept["object_count"])
    return int(np.count_nonzero(np.unique(layer.data)))


def _source(recipe: SegmentationRecipe) -> str:
    """Return from where the model can be loaded again; empty if it cannot."""
    source = recipe.model.source
    with suppress(ModelFileError, OSError, ValueError):
        if source:
            if features_named(source) is None:
                find_model(source)
            return source
    return ""

"""Columns in the features of a labels layer, which several parts write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Labels

_KEYS = ("index", "frame")
"""Columns that say of which object a row is; napari looks for the label in ``index``."""


def put_features(layer: Labels, columns: Mapping[str, Any]) -> None:
    """Write columns into a layer's features, and keep those that others have written.

    Parameters
    ----------
    layer : napari.layers.Labels
    columns : mapping of str to sequence
        ``index``, the label of each row, ``frame`` where labels have frames, and others. Of equal
        labels napari shows the last.
    """
    import pandas as pd

    new, old = pd.DataFrame(dict(columns)), pd.DataFrame(layer.features)
    keys = [name for name in _KEYS if name in new and name in old]
    others = [name for name in old if name not in new]
    same_frames = ("frame" in new) == ("frame" in old)
    if others and "index" in keys and same_frames:
        new = new.merge(old[[*keys, *others]].drop_duplicates(keys), on=keys, how="left")
    layer.features = new


def drop_features(layer: Labels, names: Iterable[str]) -> None:
    """Take columns out of a layer's features."""
    import pandas as pd

    old = pd.DataFrame(layer.features)
    left = old.drop(columns=[name for name in names if name in old and name not in _KEYS])
    layer.features = left.drop(columns=[k for k in _KEYS if k in left]) if _empty(left) else left


def _empty(table: Any) -> bool:
    """Whether nothing but keys is left."""
    return all(name in _KEYS for name in table)

"""The ways to cluster an embedding, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from napari_pixel_embedding.core.clustering.build import build_cluster_index
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

Method = Literal["index", "mutex"]
METHODS: tuple[Method, ...] = ("index", "mutex")
"""Connected mean shift, cut from the live index; mutex watershed."""


def cluster(
    emap: EmbeddingMap, params: ClusterParams, method: Method = "index"
) -> NDArray[np.unsignedinteger[Any]]:
    """Cluster the embedding of one frame.

    Parameters
    ----------
    emap : EmbeddingMap
        From :func:`predict_embedding`.
    params : ClusterParams
        Mutex watershed has no use for its seed threshold.
    method : {"index", "mutex"}
        See :func:`build_cluster_index` and :func:`mutex_watershed`.

    Returns
    -------
    array of uint16 or uint32, shape ([Z,] Y, X)
        Label image, 0 is background.

    Raises
    ------
    ValueError
        For another method, or when the package that it needs is missing.
    """
    if method == "index":
        return build_cluster_index(emap).cut(params)
    if method == "mutex":
        return mutex_watershed(emap, params)
    raise ValueError(f"method must be one of {', '.join(METHODS)}, found {method!r}.")

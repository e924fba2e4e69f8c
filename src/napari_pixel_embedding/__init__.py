"""Interactive instance segmentation from pixel embeddings.

The chain is made of pure functions: `predict_embedding` turns an image into an `EmbeddingMap`,
`build_cluster_index` prepares it once, and `ClusterIndex.cut` gives a label image (0 is background)
for every `ClusterParams`. `segment` does all of it in one call. Names are resolved when they are
first used, so that importing the package loads neither torch nor Qt.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

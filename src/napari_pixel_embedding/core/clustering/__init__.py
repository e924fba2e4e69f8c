"""Clustering: an index built once per embedding, cut at any bandwidth in milliseconds.

Names are resolved when they are first used: a window that opens needs only the parameters.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

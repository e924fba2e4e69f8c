"""The state of one viewer's work and the controller that changes it. No Qt, no napari.

Names are resolved when they are first used, because a window needs only some of them to open.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

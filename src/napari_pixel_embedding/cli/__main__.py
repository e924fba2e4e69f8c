"""``python -m napari_pixel_embedding.cli``."""

import sys

from napari_pixel_embedding.cli import main

sys.exit(main())

"""What a killed process has left is removed when a dock opens."""

import os
import time

from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding.core.io.leftovers import AGE_S


def test_an_old_leftover_goes_when_a_dock_opens(own_folder, dock, qtbot):
    old = own_folder / "corrections" / f".{'0a' * 16}.tmp"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"half")
    os.utime(old, (time.time() - AGE_S - 60,) * 2)
    dock(SegmentPanel)
    qtbot.waitUntil(lambda: not old.exists(), timeout=20_000)

"""The odd inputs of ``odd_inputs.py`` in the window: opened by napari, segmented by Run.

    xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/odd_inputs_window.py [--only WORD]

Each file is opened as by dropping it on the viewer, and Run is pressed on each layer. Right is the
result of the clean image (or the number of objects that is expected); where there is none, one
sentence in the window. What napari's own readers refuse or read as something else is listed apart.
A traceback, an unexpected error or an empty result without a word is wrong.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("NAPARI_CONFIG", "")
os.environ.setdefault("QT_API", "pyqt6")

import napari
import numpy as np
from intensities import f1
from napari.layers import Image
from odd_inputs import Case, all_cases, sample
from qtpy.QtCore import QEventLoop, QTimer

from napari_pixel_embedding import load_model, segment
from napari_pixel_embedding._napari.tabs import TABS
from napari_pixel_embedding.core.io.user_folder import temporary_user_folder

PLUGIN = "napari-pixel-embedding"
_PIPES = ("a pipe", "a device", "claims 4 TB")
"""Files that napari's own readers wait for, or fill the memory with."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="Groups whose name contains this.")
    options = parser.parse_args()
    clean = sample()
    expected = segment(clean, load_model("nuclei-fluo"), device="cpu")
    found: Counter[str] = Counter()
    with temporary_user_folder():
        viewer = napari.Viewer(show=True)
        panel = viewer.window.add_plugin_dock_widget(PLUGIN, TABS[0])[1]
        panel.models.add_file("nuclei-fluo")
        for case in all_cases(clean):
            if options.only in case.group and case.name not in _PIPES:
                said = _outcome(viewer, panel, case, expected)
                found[said.split(":")[0]] += 1
                print(f"| {case.group} | {case.name} | {said} |", flush=True)
        viewer.close()
    print(
        f"\n{sum(found.values())} inputs: " + ", ".join(f"{n} {what}" for what, n in found.items())
    )
    return int(found["WRONG"] > 0 or not found["right"])


def _outcome(viewer: Any, panel: Any, case: Case, expected: np.ndarray) -> str:
    viewer.layers.clear()
    with tempfile.TemporaryDirectory() as folder:
        path = case.write(Path(folder))
        try:
            layers = viewer.open(str(path), plugin="napari")
        except BaseException as error:  # whatever a reader raises
            return f"refused by napari: {type(error).__name__}: {str(error)[:90]}"
        images = [layer for layer in layers if isinstance(layer, Image)]
        if not images:
            return "refused by napari: no image layer"
        said = [_segment(viewer, panel, layer, case, expected) for layer in images]
    return next((one for one in said if one.startswith("WRONG")), said[0])


def _segment(viewer: Any, panel: Any, layer: Any, case: Case, expected: np.ndarray) -> str:
    """Press Run, and judge what the window shows."""
    session = panel.session
    viewer.layers.selection.active = layer
    before = session.labels
    if not panel.run_button.isEnabled():
        reason = panel.run_button.toolTip().splitlines()[-1]
        return f"says: {reason}" if len(reason) > 15 else "WRONG: Run is disabled without a reason"
    session.error = None
    panel.run_button.click()
    end = time.monotonic() + 120
    while session.running or (session.labels is before and not session.error):
        if time.monotonic() > end:
            return "WRONG: it never ends"
        loop = QEventLoop()
        QTimer.singleShot(10, loop.quit)
        loop.exec()
    said = session.error or ""
    if "nexpected error" in said or "Traceback" in said:
        return f"WRONG: {said[:200]}"
    if session.labels is None or session.labels is before:
        return f"says: {said[:150]}" if len(said) > 15 else "WRONG: neither labels nor a sentence"
    return _judged(
        np.asarray(session.labels), case, expected, f"{said} {panel.footer.status.text()}"
    )


def _judged(labels: np.ndarray, case: Case, expected: np.ndarray, said: str) -> str:
    planes = labels.reshape(-1, *labels.shape[-2:])
    count = sum(np.unique(plane[plane > 0]).size for plane in planes)
    if count == 0:
        return f"says: {said[:150]}" if len(said.strip()) > 15 else "WRONG: empty without a word"
    if case.count is not None:
        return (
            f"right: {count} objects" if count == case.count else f"other: {count} of {case.count}"
        )
    (rows, columns), plane = expected.shape, planes[0].shape
    if plane[0] < rows or plane[1] < columns:
        return "other: a smaller image"
    worst = min(f1(expected, one[:rows, :columns]) for one in planes)
    return f"right: F1 {worst:.2f}" if worst >= case.least else f"other: F1 {worst:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())

"""Whatever raises in a worker, the window says so, frees its buttons and works on."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from qtpy.QtWidgets import QAbstractButton

from tests._napari.attacks.conftest import WORKS

FAULTS = (
    partial(RuntimeError, "the disk is full of errors"),
    MemoryError,
    partial(torch.OutOfMemoryError, "CUDA out of memory"),
    partial(OSError, 28, "No space left on device"),
    partial(RecursionError, "maximum recursion depth exceeded"),
    partial(SystemExit, 3),
    KeyboardInterrupt,
    GeneratorExit,
)


def enabled(window):
    """The buttons that can be pressed."""
    return {
        (name, button.objectName(), button.text())
        for name, panel in window.panels.items()
        for button in panel.findChildren(QAbstractButton)
        if button.isEnabled() and button.text() and "folder" not in button.text()
    }


@pytest.mark.parametrize("work", WORKS)
def test_a_worker_that_raises_frees_the_window(window, jobs, work):
    window.run()
    memory, before = window.controller.memory, enabled(window)
    for fault in FAULTS:
        jobs.fault, jobs.failed = fault, 0
        WORKS[work](window)
        window.settle()
        assert jobs.failed, f"{work} started no work"
        assert not window.busy, fault
        jobs.fault = None
    assert window.mine_are_untouched()
    window.field.data = window.image.copy()
    window.controller.memory = memory
    window.run()
    assert window.session.error is None
    assert window.objects.data.max() > 0
    assert "Run" in {text for _, _, text in before} and before - enabled(window) == set()


def test_what_is_no_error_is_told_too(window, jobs):
    jobs.fault = partial(SystemExit, "out of licences")
    window.segment.run_button.click()
    window.settle()
    assert "ended by SystemExit: out of licences" in window.segment.footer.status.text()
    np.testing.assert_array_equal(window.field.data, window.image)

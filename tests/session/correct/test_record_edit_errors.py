"""An error while an edit is recorded is a message."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session import Engine, ImmediateExecutor, Session, SessionController


@pytest.mark.parametrize("error", [ValueError("wrong"), RuntimeError("defect"), MemoryError()])
@pytest.mark.parametrize("where", ["engine", "change"])
def test_an_error_in_recording_an_edit_is_a_message(monkeypatch, error, where):

    def fail(*args, **options):
        raise error

    session = Session()
    engine = Engine(record_edit=fail) if where == "engine" else Engine()
    controller = SessionController(session, ImmediateExecutor(), engine)
    if where == "change":
        monkeypatch.setattr(controller.corrections, "change", fail)
    controller.corrections.record_edit(np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32))
    assert "recording the edit" in session.error or str(error) in session.error
    assert session.corrections is None

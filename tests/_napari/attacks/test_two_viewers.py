"""Two viewers side by side: each keeps its own layers, settings and work."""

from __future__ import annotations

import numpy as np
import pytest

from tests._napari.attacks.conftest import WORKS, Window, close


@pytest.fixture
def two(make_napari_viewer, sized_model, qtbot, tmp_path, jobs, monkeypatch):
    monkeypatch.setattr("napari_pixel_embedding._napari.workspace.show_error", lambda text: None)
    made = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        made.append(Window(make_napari_viewer(), sized_model, qtbot, folder, jobs))
    yield made
    for window in made:
        close(window)


def state(window):
    """What the second viewer shows."""
    return {layer.name: np.asarray(layer.data).copy() for layer in window.viewer.layers}


@pytest.mark.parametrize("work", WORKS)
def test_work_in_one_changes_nothing_in_the_other(two, work):
    first, second = two
    for window in two:
        window.run()
    first.settle()
    before, params = state(second), second.session.cluster_params
    WORKS[work](first)
    first.settle()
    assert first.session.error is None
    after = state(second)
    assert before.keys() == after.keys()
    for name, data in before.items():
        np.testing.assert_array_equal(after[name], data, name)
    assert second.session.cluster_params == params
    assert not second.busy
    first.controller.fine_tuning.stop()


def test_both_run_at_once_and_one_closes(two):
    first, second = two
    for window in two:
        window.viewer.layers.selection.active = window.field
        window.segment.run_button.click()
    close(first)
    second.wait(lambda: second.session.labels is not None and not second.session.running)
    second.settle()
    assert second.objects.data.max() > 0
    assert not second.workspace.closed and first.workspace.closed
    second.objects.paint((32, 48), 500)
    second.wait(lambda: second.session.corrected_count >= 1)


def test_one_journal_for_one_image_in_two_viewers(two):
    """The same image in both: what is corrected in either is kept."""
    for number, window in enumerate(two):
        window.run()
        window.objects.paint((10 + 40 * number, 48), 500 + number)
        window.wait(lambda shown=window: shown.session.corrected_count >= 1)
        window.settle()
    from napari_pixel_embedding.core.corrections.journal import read_journal
    from napari_pixel_embedding.core.io.user_folder import user_folder

    for window in two:
        close(window)
    kept = [read_journal(path).corrections for path in user_folder().rglob("*.corrections")]
    assert {500, 501} <= {int(n) for fixed in kept for n in np.unique(fixed)}

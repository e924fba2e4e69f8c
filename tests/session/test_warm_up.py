from __future__ import annotations

import pytest

from napari_pixel_embedding.session.warm_up import WarmUp


def test_nobody_waits_for_what_was_not_started_or_has_ended():
    called = []
    warm_up = WarmUp(lambda: called.append("work"))
    warm_up.wait(lambda: called.append("waiting"))
    warm_up()
    warm_up.wait(lambda: called.append("waiting"))
    assert called == ["work"]


def test_an_error_ends_the_waiting():
    def fail():
        assert warm_up.under_way
        raise ValueError("broken")

    warm_up = WarmUp(fail)
    with pytest.raises(ValueError, match="broken"):
        warm_up()
    assert not warm_up.under_way


def test_waiting_can_be_cancelled():
    """As a run is: its report raises."""
    warm_up = WarmUp(lambda: warm_up.wait(lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        warm_up()

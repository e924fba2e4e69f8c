from __future__ import annotations

import pytest

from napari_pixel_embedding.session.closing import close_all


def test_all_steps_are_done_and_all_errors_are_raised():
    done, errors = [], [ValueError("a"), KeyError("b")]

    def fail(error):
        done.append(error)
        raise error

    with pytest.raises(ExceptionGroup) as caught:
        close_all(lambda: fail(errors[0]), lambda: done.append(1), lambda: fail(errors[1]))
    assert done == [errors[0], 1, errors[1]]
    assert list(caught.value.exceptions) == errors


def test_one_error_is_raised_as_it_is():
    error = ValueError("a")

    def fail():
        raise error

    with pytest.raises(ValueError, match="a") as caught:
        close_all(fail)
    assert caught.value is error


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, SystemExit])
def test_requests_to_end_the_process_pass_through(wrong):
    def fail():
        raise wrong

    with pytest.raises(wrong):
        close_all(fail)


def test_what_is_no_error_stops_no_step_either():
    called = []

    def leave():
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        close_all(leave, lambda: called.append("last"))
    assert called == ["last"]

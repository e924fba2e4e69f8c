from __future__ import annotations

import pytest

from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.session import ImmediateExecutor, JobLine
from tests.session.fakes import QueueExecutor


class Listener:
    def __init__(self):
        self.results, self.errors, self.items = [], [], []

    def handlers(self):
        return {
            "done": self.results.append,
            "failed": self.errors.append,
            "progress": self.items.append,
        }


def test_result_and_progress_arrive_in_order():
    heard = Listener()

    def work(report):
        report("a")
        report("b")
        return "done"

    line = JobLine(ImmediateExecutor())
    line.start(work, **heard.handlers())
    assert (heard.items, heard.results, heard.errors) == (["a", "b"], ["done"], [])
    assert not line.busy


def test_error_arrives_as_the_exception_itself():
    heard, error = Listener(), KeyError("x")

    def work(report):
        raise error

    JobLine(ImmediateExecutor()).start(work, **heard.handlers())
    assert heard.errors == [error]
    assert heard.results == []


def test_answer_of_an_older_job_is_dropped():
    heard, queue = Listener(), QueueExecutor()
    line = JobLine(queue)
    line.start(lambda report: "old", **heard.handlers())
    queue.work()  # finished, its answer is on the way
    line.start(lambda report: "new", **heard.handlers())
    queue.settle()
    assert heard.results == ["new"]


def test_late_error_and_progress_of_an_older_job_are_dropped():
    heard, queue = Listener(), QueueExecutor()
    line = JobLine(queue)

    def work(report):
        report("late")
        raise ValueError("late")

    line.start(work, **heard.handlers())
    queue.work()
    line.cancel()
    queue.settle()
    assert (heard.items, heard.errors) == ([], [])


def test_cancelled_work_stops_at_its_next_report():
    heard, queue, reached = Listener(), QueueExecutor(), []
    line = JobLine(queue)

    def work(report):
        reached.append("start")
        assert line.cancel()
        report(0.5)
        reached.append("never")

    line.start(work, **heard.handlers())
    queue.settle()
    assert reached == ["start"]
    assert (heard.items, heard.results, heard.errors) == ([], [], [])


def test_job_cancelled_before_it_began_does_nothing():
    queue, began = QueueExecutor(), []
    line = JobLine(queue)
    line.start(lambda report: began.append(1), **Listener().handlers())
    line.cancel()
    queue.settle()
    assert began == []
    assert not line.busy


def test_cancel_says_whether_there_was_a_job():
    line = JobLine(QueueExecutor())
    assert not line.cancel()
    line.start(lambda report: None, **Listener().handlers())
    assert line.cancel()


def test_work_that_raises_cancelled_is_no_error():
    heard = Listener()

    def work(report):
        raise Cancelled

    JobLine(ImmediateExecutor()).start(work, **heard.handlers())
    assert heard.errors == []


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, SystemExit])
def test_requests_to_end_the_process_pass_through(wrong):
    def work(report):
        raise wrong

    with pytest.raises(wrong):
        JobLine(ImmediateExecutor()).start(work, **Listener().handlers())

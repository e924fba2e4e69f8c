from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.session import ImmediateExecutor, JobQueue
from napari_pixel_embedding.session.jobs import without_report
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

    jobs = JobQueue(ImmediateExecutor())
    jobs.start(work, **heard.handlers())
    assert (heard.items, heard.results, heard.errors) == (["a", "b"], ["done"], [])
    assert not jobs.busy


def test_error_arrives_as_the_exception_itself():
    heard, error = Listener(), KeyError("x")

    def work(report):
        raise error

    JobQueue(ImmediateExecutor()).start(work, **heard.handlers())
    assert heard.errors == [error]
    assert heard.results == []


def test_answer_of_an_older_job_is_dropped():
    heard, queue = Listener(), QueueExecutor()
    jobs = JobQueue(queue)
    jobs.start(lambda report: "old", **heard.handlers())
    queue.work()  # finished, its answer is on the way
    jobs.start(lambda report: "new", **heard.handlers())
    queue.settle()
    assert heard.results == ["new"]


def test_late_error_and_progress_of_an_older_job_are_dropped():
    heard, queue = Listener(), QueueExecutor()
    jobs = JobQueue(queue)

    def work(report):
        report("late")
        raise ValueError("late")

    jobs.start(work, **heard.handlers())
    queue.work()
    jobs.cancel()
    queue.settle()
    assert (heard.items, heard.errors) == ([], [])


def test_cancelled_work_stops_at_its_next_report():
    heard, queue, reached = Listener(), QueueExecutor(), []
    jobs = JobQueue(queue)

    def work(report):
        reached.append("start")
        assert jobs.cancel()
        report(0.5)
        reached.append("never")

    jobs.start(work, **heard.handlers())
    queue.settle()
    assert reached == ["start"]
    assert (heard.items, heard.results, heard.errors) == ([], [], [])


def test_job_cancelled_before_it_began_does_nothing():
    queue, began = QueueExecutor(), []
    jobs = JobQueue(queue)
    jobs.start(lambda report: began.append(1), **Listener().handlers())
    jobs.cancel()
    queue.settle()
    assert began == []
    assert not jobs.busy


def test_cancel_says_whether_there_was_a_job():
    jobs = JobQueue(QueueExecutor())
    assert not jobs.cancel()
    jobs.start(lambda report: None, **Listener().handlers())
    assert jobs.cancel()


def test_work_that_was_not_cancelled_and_says_so_is_answered():
    heard = Listener()

    def work(report):
        raise Cancelled

    queue = JobQueue(ImmediateExecutor())
    queue.start(work, **heard.handlers())
    assert "ended by Cancelled" in str(heard.errors[0]) and not queue.busy


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, SystemExit])
def test_requests_to_end_the_process_pass_through(wrong):
    def work(report):
        raise wrong

    with pytest.raises(wrong):
        JobQueue(ImmediateExecutor()).start(work, **Listener().handlers())


# --------------------------------------------------------------------------------- the policies

POLICIES = ("newest cancels", "newest waits", "first in, first out")
MOST_WAITING = 3

actions = st.lists(st.sampled_from(["start", "start", "work", "deliver", "cancel"]), max_size=40)


@dataclass
class Trace:
    """A queue whose jobs return their own numbers, and what became of each of them."""

    policy: str
    executor: QueueExecutor = field(default_factory=QueueExecutor)
    started: int = 0
    begun: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    cancelled_before: int = 0

    def __post_init__(self):
        self.queue = JobQueue(self.executor, self.policy, most_waiting=MOST_WAITING)

    def start(self):
        number, self.started = self.started, self.started + 1

        def prepare():
            self.begun.append(number)
            return lambda report: number

        self.queue.start_prepared(prepare, done=self.take, failed=pytest.fail)

    def take(self, number):
        self.answered.append(number)

    def cancel(self):
        before, self.cancelled_before = self.queue.busy, self.started
        assert self.queue.cancel() == before

    def do(self, action):
        if action == "work":
            if self.executor.jobs:
                self.executor.work()
        elif action == "deliver":
            self.executor.deliver()
        else:
            getattr(self, action)()

    @property
    def under_way(self):
        return [n for n in self.begun if n not in self.answered and n >= self.cancelled_before]


@pytest.mark.parametrize("policy", POLICIES)
@given(actions=actions)
def test_answers_come_once_and_in_the_order_of_starting(policy, actions):
    trace = Trace(policy)
    for action in actions:
        trace.do(action)
    trace.executor.settle()
    assert trace.answered == sorted(set(trace.answered))
    assert trace.begun == sorted(set(trace.begun))
    assert not trace.queue.busy


@pytest.mark.parametrize("policy", POLICIES)
@given(actions=actions)
def test_at_most_one_job_is_under_way(policy, actions):
    trace = Trace(policy)
    for action in actions:
        trace.do(action)
        assert sum(not job.cancelled for job in trace.executor.jobs) <= 1
        if policy != "newest cancels":
            assert len(trace.under_way) <= 1


@pytest.mark.parametrize("policy", POLICIES)
@given(actions=actions)
def test_nothing_is_answered_after_it_was_cancelled(policy, actions):
    trace = Trace(policy)
    for action in actions:
        before = len(trace.answered)
        trace.do(action)
        assert all(number >= trace.cancelled_before for number in trace.answered[before:])


@pytest.mark.parametrize("policy", POLICIES)
@given(actions=actions)
def test_the_newest_job_is_always_answered(policy, actions):
    trace = Trace(policy)
    for action in [*actions, "start"]:
        trace.do(action)
    trace.executor.settle()
    assert trace.answered[-1] == trace.started - 1


@pytest.mark.parametrize("policy", POLICIES)
@given(actions=actions)
def test_a_queue_is_busy_until_its_newest_job_has_answered(policy, actions):
    trace = Trace(policy)
    for action in actions:
        trace.do(action)
        newest = trace.started - 1
        expected = newest >= trace.cancelled_before and newest not in trace.answered
        assert trace.queue.busy == expected


@given(actions=actions)
def test_newest_cancels_answers_only_the_newest(actions):
    trace = Trace("newest cancels")
    for action in actions:
        before = len(trace.answered)
        trace.do(action)
        assert trace.answered[before:] in ([], [trace.started - 1])


@pytest.mark.parametrize("policy", ["newest waits", "first in, first out"])
@given(actions=actions)
def test_what_has_begun_is_answered_unless_it_is_cancelled(policy, actions):
    trace = Trace(policy)
    for action in actions:
        if action != "cancel":
            trace.do(action)
    trace.executor.settle()
    assert trace.answered == trace.begun


@pytest.mark.parametrize(("policy", "waiting"), [("newest waits", 1), ("first in, first out", 3)])
@pytest.mark.parametrize("count", range(1, 8))
def test_of_many_jobs_the_newest_wait(policy, waiting, count):
    trace = Trace(policy)
    for _ in range(count):
        trace.start()
    trace.executor.settle()
    assert trace.answered == [0, *range(max(count - waiting, 1), count)]


@given(actions=st.lists(st.sampled_from(["start", "work", "deliver"]), max_size=40))
def test_first_in_first_out_loses_nothing_while_there_is_room(actions):
    trace = Trace("first in, first out")
    for action in actions:
        if action != "start" or trace.started - len(trace.answered) <= MOST_WAITING:
            trace.do(action)
    trace.executor.settle()
    assert trace.answered == list(range(trace.started))


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_an_error_is_answered_and_the_next_job_begins(policy):
    heard, executor = Listener(), QueueExecutor()
    queue = JobQueue(executor, policy, most_waiting=MOST_WAITING)
    error = ValueError("no")

    def fail(report):
        raise error

    queue.start(fail, **heard.handlers())
    queue.start(lambda report: report("half") or "next", **heard.handlers())
    executor.settle()
    assert (heard.errors, heard.items, heard.results) == ([error], ["half"], ["next"])


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_a_defect_in_an_answer_does_not_stop_the_queue(policy):
    heard, executor = Listener(), QueueExecutor()
    queue = JobQueue(executor, policy, most_waiting=MOST_WAITING)

    def defect(result):
        raise ZeroDivisionError

    queue.start(lambda report: 1, done=defect, failed=heard.errors.append)
    queue.start(lambda report: 2, **heard.handlers())
    executor.work()
    with pytest.raises(ZeroDivisionError):
        executor.deliver()
    executor.settle()
    assert heard.results == [2]


def test_prepared_work_sees_the_state_that_the_job_before_has_left():
    executor, state = QueueExecutor(), []
    queue = JobQueue(executor, "first in, first out", most_waiting=MOST_WAITING)

    def prepare():
        found = list(state)
        return lambda report: found

    for name in "abc":
        queue.start_prepared(
            prepare,
            done=lambda found, name=name: state.append((name, len(found))),
            failed=pytest.fail,
        )
    executor.settle()
    assert state == [("a", 0), ("b", 1), ("c", 2)]


def test_a_job_that_is_to_be_first_goes_before_those_that_wait():
    heard, executor = Listener(), QueueExecutor()
    queue = JobQueue(executor, "first in, first out", most_waiting=MOST_WAITING)
    for number in (1, 2):
        queue.start(lambda report, number=number: number, **heard.handlers())
    queue.start_prepared(lambda: lambda report: "first", **heard.handlers(), first=True)
    executor.settle()
    assert heard.results == [1, "first", 2]


def test_jobs_wait_until_the_queue_is_ready():
    heard, executor, ready = Listener(), QueueExecutor(), []
    queue = JobQueue(
        executor, "first in, first out", most_waiting=MOST_WAITING, ready=lambda: bool(ready)
    )
    queue.start(lambda report: 1, **heard.handlers())
    queue.start(lambda report: 2, **heard.handlers())
    executor.settle()
    assert (heard.results, queue.busy) == ([], True)
    ready.append(True)
    queue.resume()
    executor.work()
    ready.clear()
    executor.deliver()
    executor.settle()
    assert (heard.results, queue.busy) == ([1], True)
    assert queue.cancel()
    ready.append(True)
    queue.resume()
    executor.settle()
    assert (heard.results, queue.busy) == ([1], False)


def test_work_that_reports_nothing_takes_its_arguments_at_once():
    values = [3]
    work = without_report(max, values[0], 1)
    values[0] = 9
    assert work(pytest.fail) == 3

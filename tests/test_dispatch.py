"""Which task runs when: a device other than the CPU serves one at a time."""

import time
from dataclasses import dataclass, replace
from itertools import combinations

import pytest

from harness.execution.dispatch import Work, together
from harness.execution.pools import Failure, InProcess, Processes, Task
from harness.plugins.loading import registry


@dataclass(frozen=True)
class Nap:
    """A task's argument: which it is, how long it takes, where it is."""

    number: int
    seconds: float = 0.3
    device: str = ""

    def on(self, device):
        """Return the same on a device."""
        return replace(self, device=device)


def nap(argument, _registry, report):
    """Sleep, and return the device, and when it was in use."""
    started = time.monotonic()
    report(argument.number)
    time.sleep(argument.seconds)
    return argument.device, started, time.monotonic()


def overlaps(first, second):
    """Return whether two stretches of time have a moment in common."""
    return first[1] < second[2] and second[1] < first[2]


@pytest.fixture
def pool():
    """Return four processes."""
    processes = Processes(4)
    yield processes
    processes.stop()


@pytest.mark.slow
def test_an_accelerator_serves_one_task_at_a_time_and_the_cpu_many(pool):
    """Two devices are both used, and never by two tasks at once; tasks of the CPU run beside them."""
    places = [("cuda:0", "cuda:1")] * 4 + [("cuda:1",)] + [("cpu",)] * 4
    works = [Work(Task(nap, Nap(index), "nap"), devices) for index, devices in enumerate(places)]
    results = dict(together(pool, works))
    assert results.keys() == set(range(len(works)))
    for index, (device, *_) in results.items():
        assert device in places[index]
    accelerated = [result for result in results.values() if result[0] != "cpu"]
    assert {result[0] for result in accelerated} == {"cuda:0", "cuda:1"}
    for first, second in combinations(accelerated, 2):
        assert first[0] != second[0] or not overlaps(first, second)
    shared = [result for result in results.values() if result[0] == "cpu"]
    assert any(overlaps(first, second) for first, second in combinations(shared, 2))
    assert any(overlaps(first, second) for first in shared for second in accelerated)


@pytest.mark.parametrize("make", [lambda: InProcess(registry()), lambda: Processes(1)], ids=["in process", "a process"])
def test_tasks_start_in_their_order_and_tell_that_they_do(make):
    """Started, reported, ended, one after the other; a result is yielded before the next but one begins."""
    pool, events = make(), []
    works = [
        Work(
            Task(nap, Nap(index, 0.0), "nap"),
            (),
            started=lambda index=index: events.append(("started", index)),
            report=lambda message: events.append(("said", message)),
        )
        for index in range(4)
    ]
    try:
        for index, result in together(pool, works):
            events.append(("ended", index))
            assert result[0] == "cpu"
    finally:
        pool.stop()
    assert [index for event, index in events if event == "started"] == [0, 1, 2, 3]
    assert [index for event, index in events if event == "ended"] == [0, 1, 2, 3]
    for index in range(2):
        assert events.index(("ended", index)) < events.index(("started", index + 2))


def unpicklable(_argument, _registry, _report):
    """Return what cannot be passed on."""
    return lambda: None


def test_a_result_that_cannot_be_passed_on_is_a_failure(pool):
    """The worker says so, and goes on to the next task."""
    works = [Work(Task(unpicklable, Nap(0), "x"), ()), Work(Task(nap, Nap(1, 0.0), "nap"), ())]
    results = dict(together(pool, works))
    assert isinstance(results[0], Failure)
    assert results[0].reason.startswith("its result cannot be passed on: ")
    assert results[1][0] == "cpu"


@pytest.mark.slow
def test_a_device_serves_as_many_tasks_as_the_suite_shares_it_among(pool):
    """Two at a time where it is shared by two, and each is said to have run beside another."""
    beside = set()
    works = [
        Work(Task(nap, Nap(index), "nap"), ("cuda:0",), share=2, beside=lambda index=index: beside.add(index))
        for index in range(4)
    ]
    spans = [result for _, result in together(pool, works)]
    at_once = [sum(overlaps(span, other) for other in spans) for span in spans]
    assert max(at_once) > 1
    assert all(sum(other[1] <= span[1] < other[2] for other in spans) <= 2 for span in spans)
    assert beside == {0, 1, 2, 3}

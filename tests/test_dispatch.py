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


def overlaps(one, other):
    """Say whether two stretches of time have a moment in common."""
    return one[1] < other[2] and other[1] < one[2]


@pytest.fixture
def pool():
    """Return four processes."""
    found = Processes(4)
    yield found
    found.stop()


@pytest.mark.slow
def test_an_accelerator_serves_one_task_at_a_time_and_the_cpu_many(pool):
    """Two devices are both used, and never by two tasks at once; tasks of the CPU run beside them."""
    places = [("cuda:0", "cuda:1")] * 4 + [("cuda:1",)] + [("cpu",)] * 4
    works = [Work(Task(nap, Nap(index), "nap"), devices) for index, devices in enumerate(places)]
    results = dict(together(pool, works))
    assert results.keys() == set(range(len(works)))
    for index, (device, *_) in results.items():
        assert device in places[index]
    accelerated = [one for one in results.values() if one[0] != "cpu"]
    assert {one[0] for one in accelerated} == {"cuda:0", "cuda:1"}
    for one, other in combinations(accelerated, 2):
        assert one[0] != other[0] or not overlaps(one, other)
    shared = [one for one in results.values() if one[0] == "cpu"]
    assert any(overlaps(one, other) for one, other in combinations(shared, 2))
    assert any(overlaps(one, other) for one in shared for other in accelerated)


@pytest.mark.parametrize("make", [lambda: InProcess(registry()), lambda: Processes(1)], ids=["in process", "a process"])
def test_tasks_start_in_their_order_and_tell_that_they_do(make):
    """Started, reported, ended, one after the other; a result is yielded before the next but one begins."""
    pool, told = make(), []
    works = [
        Work(
            Task(nap, Nap(index, 0.0), "nap"),
            (),
            started=lambda index=index: told.append(("started", index)),
            report=lambda said: told.append(("said", said)),
        )
        for index in range(4)
    ]
    try:
        for index, result in together(pool, works):
            told.append(("ended", index))
            assert result[0] == "cpu"
    finally:
        pool.stop()
    assert [index for what, index in told if what == "started"] == [0, 1, 2, 3]
    assert [index for what, index in told if what == "ended"] == [0, 1, 2, 3]
    for index in range(2):
        assert told.index(("ended", index)) < told.index(("started", index + 2))


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
    at_once = [sum(overlaps(one, other) for other in spans) for one in spans]
    assert max(at_once) > 1
    assert all(sum(other[1] <= one[1] < other[2] for other in spans) <= 2 for one in spans)
    assert beside == {0, 1, 2, 3}

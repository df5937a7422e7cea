"""Tasks that take several slots of a pool: as they were forecast, and never more than there are."""

from concurrent.futures import Future
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.execution.dispatch import Work, together
from harness.execution.forecast import makespan
from harness.execution.pools import Task


@dataclass(frozen=True)
class Lasting:
    """A task's argument that says how long it takes, and how many slots."""

    seconds: float
    slots: int

    def on(self, _device):
        """Return the same."""
        return self


class Clocked:
    """A pool whose tasks end by its own clock; it refuses more than it has slots for."""

    def __init__(self, slots):
        self.slots, self.now, self.running = slots, 0.0, []

    def submit(self, task, report=None):
        """Start a task."""
        del report
        self.running.append((self.now + task.argument.seconds, task.argument.slots, future := Future()))
        assert sum(slots for _, slots, _ in self.running) <= self.slots
        return future

    def wait(self):
        """End the next task."""
        self.running.sort(key=lambda each: each[0])
        self.now, _, future = self.running.pop(0)
        future.set_result(None)
        return [future]


@st.composite
def tasks_of_slots(draw):
    """Draw a pool's slots and tasks, those of most slots and then the longest first."""
    slots = draw(st.integers(1, 6))
    tasks = draw(st.lists(st.tuples(st.integers(1, slots), st.floats(0.1, 1000.0)), max_size=12))
    return slots, sorted(tasks, reverse=True)


@settings(max_examples=50)
@given(tasks_of_slots())
def test_tasks_of_several_slots_run_as_they_were_forecast(drawn):
    """Never more than the pool has at a time, in their order; the end is `makespan`'s."""
    slots, tasks = drawn
    pool, started = Clocked(slots), []
    works = [
        Work(
            Task(print, Lasting(seconds, width), "x"),
            (),
            slots=width,
            started=lambda index=index: started.append(index),
        )
        for index, (width, seconds) in enumerate(tasks)
    ]
    ended = [index for index, _ in together(pool, works)]
    assert started == sorted(ended) == list(range(len(tasks)))
    assert pool.now == pytest.approx(makespan([seconds for _, seconds in tasks], slots, [width for width, _ in tasks]))

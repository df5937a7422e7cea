"""Which task runs when: as many at a time as the pool takes, on every device but the CPU one at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from harness.execution.pools import Pool, Task
from harness.trial.tasks import Report

SHARED = "cpu"
"""The device that several tasks may use at a time."""


class Stopped(Exception):  # noqa: N818 - not an error: it was asked for
    """The run is to stop here."""


@dataclass(frozen=True)
class Work:
    """A task whose argument can be moved to a device (it has a method ``on``), and the devices that it may use."""

    task: Task
    devices: tuple[str, ...]
    started: Callable[[], None] | None = None
    beside: Callable[[], None] | None = None
    """Called whenever another task has come to run at the same time."""
    report: Report | None = None


def together(pool: Pool, works: Sequence[Work]) -> Iterator[tuple[int, Any]]:
    """Run tasks, and yield the number and the result of each as it ends.

    They are started in their order, but for those whose devices are all in use.
    """
    waiting = list(range(len(works)))
    running: dict[Future[Any], tuple[int, str]] = {}
    _start(pool, works, waiting, running)
    while running:
        ended = [(running.pop(future)[0], future.result()) for future in pool.wait()]
        # First the pool gets new work, then the caller the results: nothing idles while results are written.
        _start(pool, works, waiting, running)
        yield from ended


def _start(pool: Pool, works: Sequence[Work], waiting: list[int], running: dict[Future[Any], tuple[int, str]]) -> None:
    """Start what fits, and move it from ``waiting`` to ``running``."""
    while waiting and len(running) < pool.slots:
        busy = {device for _, device in running.values() if device != SHARED}
        possible = ((i, d) for i in waiting for d in works[i].devices or (SHARED,) if d not in busy)
        chosen = next(possible, None)
        if chosen is None:
            return
        index, device = chosen
        waiting.remove(index)
        work = works[index]
        if work.started:
            work.started()
        task = replace(work.task, argument=work.task.argument.on(device))
        running[pool.submit(task, work.report)] = chosen
        if len(running) > 1:
            for number, _ in running.values():
                beside = works[number].beside
                if beside:
                    beside()

"""How long a run takes on an accelerator, where one repetition of the work is too short to be timed."""

from collections.abc import Callable
from math import ceil
from time import perf_counter

SPIN_UP = 0.2
"""Seconds of work before a run: an accelerator's clocks rise under load, and fall when it waits."""
RUN = 0.5
"""Seconds that a run takes at least: 51,200 images are 10 to 60 ms."""

TOGETHER = 10
"""Steps, at most, whose products are queued before the device is waited for: waiting for each measures latency."""


def steps_together(steps: int) -> int:
    """Return the largest number of steps, up to `TOGETHER`, that divides all of them.

    >>> steps_together(100), steps_together(9), steps_together(11)
    (10, 9, 1)
    """
    return next(count for count in range(TOGETHER, 0, -1) if steps % count == 0)


def spin_up(run: Callable[[], None]) -> None:
    """Do the work for `SPIN_UP` seconds."""
    end = perf_counter() + SPIN_UP
    while perf_counter() < end:
        run()


def repeats(run: Callable[[], None]) -> int:
    """Return how often the work is to be repeated in a run, after a spin-up."""
    spin_up(run)
    started = perf_counter()
    run()
    return max(1, ceil(RUN / (perf_counter() - started)))

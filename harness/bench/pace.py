"""How long a run takes on an accelerator, where one repetition of the work is too short to be timed."""

from collections.abc import Callable
from math import ceil
from time import perf_counter

SPIN_UP = 0.2
"""Seconds of work before a run: an accelerator's clocks rise under load, and fall when it waits."""
RUN = 0.5
"""Seconds that a run takes at least: 51,200 images are 10 to 60 ms."""


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

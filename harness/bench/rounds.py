"""Rounds: every case once, then every case again, so that a drift of the machine falls on all alike."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter

from harness.bench.cases import Case
from harness.bench.measurements import Measurement
from harness.bench.prepared import Prepared, prepare
from harness.errors import one_line


@dataclass(frozen=True)
class Measured:
    """What was measured, and, of the cases that were not, why: ``unavailable`` here, or ``failed``."""

    measurements: list[Measurement]
    unavailable: dict[Case, str]
    failed: dict[Case, str]


def interleaved(runs: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Return the seconds of each run in each round (runs, rounds).

    Rounds alternate in direction: of a steady drift, too, each run gets its share.
    """
    seconds: list[list[float]] = [[] for _ in runs]
    for count in range(rounds):
        for index in range(len(runs))[:: -1 if count % 2 else 1]:
            started = perf_counter()
            runs[index]()
            seconds[index].append(perf_counter() - started)
    return seconds


def measure(cases: Sequence[Case], rounds: int) -> Measured:
    """Measure cases, interleaved; one that fails costs itself alone."""
    unavailable: dict[Case, str] = {}
    failed: dict[Case, str] = {}
    with ExitStack() as stack:
        ready = []
        for case in cases:
            answer = case.ask()
            if answer.backend is None:
                unavailable[case] = answer.reason
                continue
            try:
                ready.append(stack.enter_context(prepare(case)))
            except Exception as error:  # noqa: BLE001 - whatever a backend raises is its own case's result
                failed[case] = one_line(error)
        seconds = interleaved([_guarded(one, failed) for one in ready], rounds)
        measurements = [
            one.measured(taken) for one, taken in zip(ready, seconds, strict=True) if one.case not in failed
        ]
    return Measured(measurements, unavailable, failed)


def _guarded(prepared: Prepared, failed: dict[Case, str]) -> Callable[[], None]:
    """Return a run that notes what it raises, and does nothing from then on."""

    def run() -> None:
        if prepared.case in failed:
            return
        try:
            prepared.run()
        except Exception as error:  # noqa: BLE001 - see above
            failed[prepared.case] = one_line(error)

    return run

"""Rounds: every case once, then every case again, so that a drift of the machine falls on all alike."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import nan

from harness.bench.advance import Advance, Say
from harness.bench.cases import Case
from harness.bench.measurements import Measurement
from harness.bench.prepared import UnavailableError
from harness.bench.process import FailedError
from harness.bench.sessions import Session
from harness.bench.storage import stored


@dataclass(frozen=True)
class Measured:
    """The measurements, and why other cases have none: they are ``unavailable`` here, or ``failed``."""

    measurements: list[Measurement]
    unavailable: dict[Case, str] = field(default_factory=dict)
    failed: dict[Case, str] = field(default_factory=dict)
    caching_seconds: float | None = None
    """Of putting the images into the cache."""


def interleaved(
    runs: Sequence[Callable[[], float]], rounds: int, ended: Callable[[], None] = lambda: None
) -> list[list[float]]:
    """Return the seconds of each run in each round (runs, rounds); a run returns its seconds.

    Rounds alternate in direction, so that each run gets its share of a steady drift. ``ended`` is called after each.
    """
    seconds: list[list[float]] = [[] for _ in runs]
    for count in range(rounds):
        for index in range(len(runs))[:: -1 if count % 2 else 1]:
            seconds[index].append(runs[index]())
        ended()
    return seconds


def measure(
    cases: Sequence[Case],
    rounds: int,
    *,
    plain: Mapping[str, str] | None = None,
    timeout: float | None = None,
    say: Say | None = None,
    news: Say | None = None,
) -> Measured:
    """Measure cases, each in fresh processes, interleaved; a failing one does not stop the others.

    ``plain``: the environment of peers; by default this process's. ``timeout``: the seconds that each start and
    each run of a case may take. ``say`` is called with what is started or measured now, ``news`` with how long it will
    take, after the first round.
    """
    environment = dict(os.environ) if plain is None else plain
    advance = Advance(rounds, say, news)
    unavailable: dict[Case, str] = {}
    failed: dict[Case, str] = {}
    everywhere: dict[tuple[str, ...], str] = {}
    with ExitStack() as stack:
        images = stack.enter_context(stored(max(case.rows for case in cases)))
        sessions: list[Session] = []
        waiting = list(cases)
        while waiting:
            case = waiting.pop(0)
            place = (case.kind, case.backend, case.device)
            reason = everywhere.get(place)
            if reason:
                unavailable[case] = reason
                continue
            seen = len(sessions) + len(unavailable) + len(failed) + 1
            advance.starting(case.title, seen, seen + len(waiting))
            session = Session(case, images.dataset, environment, timeout)
            try:
                sessions.append(stack.enter_context(session))
            except UnavailableError as error:
                unavailable[case] = error.reason
                if error.everywhere:
                    everywhere[place] = error.reason
            except FailedError as error:
                failed[case] = str(error)
            else:
                waiting = _with_kernels(case, session) + waiting
        advance.begin()
        runs = [_guarded(session, failed, advance.measuring) for session in sessions]
        seconds = interleaved(runs, rounds, advance.ended)
        measurements = [
            session.measured(taken)
            for session, taken in zip(sessions, seconds, strict=True)
            if session.case not in failed
        ]
    return Measured(measurements, unavailable, failed, images.seconds)


def _with_kernels(case: Case, session: Session) -> list[Case]:
    """Return the cases that measure the same matrix library with each of its kernels."""
    if case.kernel:
        return []
    return [
        replace(case, kernel=name, variables=tuple(variables.items())) for name, variables in session.kernels.items()
    ]


def _guarded(session: Session, failed: dict[Case, str], say: Say) -> Callable[[], float]:
    """Return a run that records what it raises, and does nothing from then on."""

    def run() -> float:
        if session.case in failed:
            return nan
        say(session.case.title)
        try:
            return session.run()
        except FailedError as error:
            failed[session.case] = str(error)
            return nan

    return run

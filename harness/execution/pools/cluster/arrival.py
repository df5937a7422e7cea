"""The beginning of a run on a cluster: which nodes it waits for."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from math import inf
from time import monotonic
from typing import Any

from harness.errors import HarnessError, printable
from harness.execution.pools.cluster.roster import Roster
from harness.execution.pools.cluster.waiting import patience
from harness.text import some

SAY_SECONDS, LATE_SECONDS, LATE_TIMES = 15.0, 60.0, 3.0
"""Seconds until a run says which workers it waits for; seconds that it waits for others once one is ready, and how many
times as long as that one took: on busy machines others take long, too."""


def wait_for_first(roster: Roster, take: Callable[[], object], say: Callable[[str], None]) -> None:
    """Wait until every worker that is there has been looked at, and one of them is ready.

    One whose threads are busy, or that does not answer, takes part later: where another is ready, it is not waited for
    without a limit. ``take`` takes the messages of a moment.

    Raises:
        HarnessError: none is ready.
    """
    begun, seconds, said, latest = monotonic(), patience(), False, inf
    if not roster.joining:
        say(f"waiting {seconds:g} s for a worker to join")
    while roster.joining or (not roster.ready and not roster.refused):
        if monotonic() - begun > seconds and not roster.joining:
            msg = (
                f"--cluster: the scheduler has no worker, and none joined within {seconds:g} s. "
                "'dask worker ADDRESS --no-nanny --memory-limit 0' starts one"
            )
            raise HarnessError(msg)
        if roster.joining and not said and monotonic() - begun > SAY_SECONDS:
            said = True
            names = printable(some(sorted(roster.joining.copy().values())))
            say(f"not ready yet: {names}. A worker takes part once it answers and has a free thread")
        if roster.ready:
            latest = min(latest, begun + LATE_SECONDS + LATE_TIMES * (monotonic() - begun))
        if monotonic() > latest:
            break
        take()
    take()
    if not roster.ready:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in roster.refused.items())
        msg = f"--cluster: none of its nodes can take part: {printable(reasons)}"
        raise HarnessError(msg)


def wait_for_answers(asked: Mapping[str, Future[Any]], say: Callable[[str], None]) -> None:
    """Wait for the answers of nodes, which may be busy or hang; where one has come, for the others not without a limit.

    A stopped machine is known to the scheduler for five minutes.
    """
    begun, said, latest = monotonic(), False, inf
    while True:
        answered, silent = wait(asked.values(), max(min(SAY_SECONDS, latest - monotonic()), 0.0))
        names = printable(some([name for name, future in asked.items() if future in silent]))
        if not silent:
            return
        if monotonic() >= latest:
            say(f"no answer yet: {names}. The others begin, and it takes part once it answers")
            return
        if not said:
            said = True
            say(f"still asked what it can do: {names}. It may have no free thread, or hang")
        if answered and latest == inf:
            latest = monotonic() + LATE_SECONDS + LATE_TIMES * (monotonic() - begun)

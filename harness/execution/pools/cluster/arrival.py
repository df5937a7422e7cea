"""The beginning of a run on a cluster: which nodes it waits for."""

from collections.abc import Callable
from math import inf
from time import monotonic

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

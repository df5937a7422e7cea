"""Plans a request without carrying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.api.asking import Request, planned_run
from harness.execution.forecast import timings_of
from harness.execution.outlook import Outlook, outlook
from harness.execution.plan import Plan, make_plan
from harness.execution.pools import Pool
from harness.execution.sharing import shared
from harness.execution.smoke import probe
from harness.machine.paths import status_of
from harness.plugins.loading import Registry
from harness.store import Run, take_up
from harness.suite import LoadedSuite


@dataclass(frozen=True)
class Foreseen:
    """A plan, the run that it would go on with, and what would become of every trial."""

    plan: Plan
    run: Run
    outlook: Outlook
    problems: dict[str, str]
    """Why experiments that were tried out cannot run, by name."""
    pool: Pool
    """Where more can be asked while it is open."""
    threads: list[str]
    """What there is to say of trials that share the cores, a line each."""


@contextmanager
def foreseen(
    request: Request,
    loaded: LoadedSuite,
    plugins: Registry,
    *,
    probed: bool = False,
    said: Callable[[str], None] = lambda _line: None,
) -> Iterator[Foreseen]:
    """Yield what a run of a request would do; ``probed``: a few batches of unknown trials are trained, for their time.

    Nothing is downloaded. ``said`` is called with lines about a cluster.

    Raises:
        HarnessError: the request cannot be carried out.
    """
    with request.pool([loaded], plugins, said) as pool:
        made = make_plan(
            loaded, plugins, pool, only=request.only, threads=request.each, device=request.device, download=False
        )
        here = planned_run(request.directory(loaded), loaded, made)
        if status_of(here.directory):
            here = take_up(here)
        timings = timings_of(pool)
        problems = probe(made, pool, timings) if probed else {}
        lines: list[str] = []
        if request.shares:
            made, lines = shared(made, here, pool.slots, timings)
        yield Foreseen(made, here, outlook(made, here, plugins, pool, timings, problems), problems, pool, lines)

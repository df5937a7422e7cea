"""Carries a request out: plans it, takes its directory up, trains and tests, and notes how the run came about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from harness.api.asking import Request, planned_run
from harness.errors import HarnessError
from harness.execution.forecast import timings_of
from harness.execution.plan import Plan, make_plan
from harness.execution.pools import Pool
from harness.execution.run import Outcome, execute
from harness.execution.sharing import shared
from harness.execution.training import Conditions
from harness.machine.host import host
from harness.plugins.loading import Registry
from harness.plugins.observers import Observers
from harness.plugins.revisions import checkouts, revision
from harness.store import Run, locked, set_aside, take_up
from harness.suite import LoadedSuite
from harness.text import duration

CHECKPOINTS = "2m"
"""The time between two checkpoints of a long trial, where none is asked for."""


@dataclass(frozen=True)
class Terms:
    """How trials run, beside what they are: durations as text (``"30m"``), see ``harness run``."""

    timeout: str | None = None
    checkpoint: str = CHECKPOINTS
    fail_fast: bool = False
    fresh: bool = False

    def conditions(self, loaded: LoadedSuite) -> Conditions:
        """Return them for a suite, which may have a time limit.

        Raises:
            HarnessError: a text is no duration.
        """
        limit = duration("--timeout", self.timeout) or duration("suite.timeout", loaded.suite.suite.timeout)
        return Conditions(limit, self.fail_fast, duration("--checkpoint", self.checkpoint) or 0.0)


def carry_out(
    request: Request,
    loaded: LoadedSuite,
    plugins: Registry,
    terms: Terms,
    observers: Observers,
    *,
    watching: Sequence[object] = (),
    command: Sequence[str],
    moved: Callable[[Path], None] = lambda _aside: None,
    said: Callable[[str], None] = lambda _line: None,
) -> tuple[Run, Outcome]:
    """Train and test what a request asks for; return the run, and what became of its trials.

    ``watching``: objects whose hooks observe this run alone, as context managers around it where they are some.
    ``command``: how the run was asked for, in words, for its ``run.json``. ``moved`` is called with the place of an
    earlier run that a fresh one moves aside, ``said`` with lines about a cluster, and about backends instead of others.

    An interrupt (`KeyboardInterrupt`) ends every process of the run and passes, as does the loss of a cluster
    (`LostError`): finished trials are stored, and the same request resumes.

    Raises:
        HarnessError: the request cannot be carried out; nothing is overwritten.
    """
    terms.conditions(loaded)  # a mistake in them is found before anything is planned
    with request.pool([loaded], plugins, said) as pool:
        made = make_plan(loaded, plugins, pool, only=request.only, threads=request.each, device=request.device)
        for line in made.substitutes:
            said(line)
        if terms.fresh and (aside := set_aside(request.directory(loaded))):
            moved(aside)
        return carried(
            request,
            loaded,
            made,
            plugins,
            pool,
            terms,
            observers,
            watching=watching,
            command=command,
            said=said,
        )


def carried(
    request: Request,
    loaded: LoadedSuite,
    made: Plan,
    plugins: Registry,
    pool: Pool,
    terms: Terms,
    observers: Observers,
    *,
    watching: Sequence[object],
    command: Sequence[str],
    said: Callable[[str], None] = lambda _line: None,
) -> tuple[Run, Outcome]:
    """Train and test what is planned, in its run directory, as `carry_out` says.

    Raises:
        HarnessError: the directory holds something else, or cannot be written to.
    """
    conditions = terms.conditions(loaded)
    planned = planned_run(request.directory(loaded), loaded, made)
    with locked(planned.directory):
        here, timings = take_up(planned), timings_of(pool)
        lines: list[str] = []
        if request.shares:
            made, lines = shared(made, here, pool.slots, timings)
            for line in lines:
                said(line)
        notes = _notes(request, loaded, made, plugins, command)
        worked = _worked(here)
        here.write_header(notes | worked)
        before = _progress(observers)

        def noted(whole: bool) -> None:
            ended = now()
            last = {"trials_ended": ended, "trials_commit": notes["git_commit"]}
            over = {"last_ended": ended} if whole else {}
            here.write_header(notes | (last if _progress(observers) > before else worked) | over)

        with _observed(plugins, watching):
            outcome = execute(here, made, plugins, pool, conditions, timings, observers, noted)
    return here, replace(outcome, threads=tuple(lines))


def _worked(run: Run) -> dict[str, object]:
    """Return when the run's trials last ran, and at which commit, as its notes have it; nothing of a new run.

    Earlier versions noted only the last command: it is taken for the one that ran them.
    """
    try:
        notes = run.notes()
    except HarnessError:
        return {}
    ended = notes.get("trials_ended") or notes.get("last_ended") or notes.get("last_started")
    return (
        {"trials_ended": ended, "trials_commit": notes.get("trials_commit", notes.get("git_commit"))} if ended else {}
    )


def _progress(observers: Observers) -> int:
    """Return how many trials and tests have ended."""
    return observers.calls["trial_finished"] + observers.calls["trial_evaluated"]


@contextmanager
def _observed(plugins: Registry, watching: Sequence[object]) -> Iterator[None]:
    """Call the hooks of some objects within the block."""
    with ExitStack() as stack:
        for observer in watching:
            if hasattr(observer, "__exit__"):
                stack.enter_context(observer)  # type: ignore[arg-type] # its class has both methods
            plugins.manager.register(observer)
            stack.callback(plugins.manager.unregister, observer)
        yield


def _notes(
    request: Request, loaded: LoadedSuite, made: Plan, plugins: Registry, command: Sequence[str]
) -> dict[str, object]:
    from harness import __version__

    return {
        "harness": __version__,
        "suite_file": written(str(request.suite if isinstance(request.suite, str | PathLike) else loaded.path)),
        "command": [written(word) for word in command],
        "last_started": now(),
        "environment": host(),
        "git_commit": revision(loaded.path),
        "git_checkouts": checkouts(plugins, made.components),
    }


def written(text: str) -> str:
    """Return a word of the command line for JSON: bytes that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def now() -> str:
    """Return the time in UTC, as ``run.json`` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")

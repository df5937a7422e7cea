"""Making a run directory, or taking up the one that is there: nothing of another suite is ever overwritten."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.errors import HarnessError
from harness.store.run import Run
from harness.suite import Suite
from harness.suite.problems import spell

_FREE = {"suite", "finalists", "robustness", "leaderboard"}
"""Tables that may change from one command to the next: they add seeds and evaluations, or only say how to show."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory for this driver; the system lets go of it when the process ends, however it ends.

    Raises:
        HarnessError: another driver holds it, or it cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        msg = f"{directory}: another harness is running here. Wait for it, or name another directory with --out"
        raise HarnessError(msg) from None
    except OSError as error:
        msg = f"{directory}: cannot be written to: {error.strerror}. Name another directory with --out"
        raise HarnessError(msg) from None
    try:
        yield
    finally:
        lock.release()


def set_aside(directory: Path) -> Path | None:
    """Move a run that is there to a name with the present time, and return that; None if there is none."""
    if not (directory / "run.json").exists():
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = directory.with_name(f"{directory.name}.{stamp}")
    directory.rename(aside)
    return aside


def take_up(run: Run) -> Run:
    """Return ``run`` with the trials that earlier commands planned in its directory, if it holds the same suite.

    Raises:
        HarnessError: the directory holds something else.
    """
    if not (run.directory / "run.json").exists():
        strangers = [path.name for path in run.directory.iterdir() if path.name != ".lock"]
        if strangers:
            msg = f"{run.directory}: holds {strangers[0]!r}, and no run. Name an empty or new directory with --out"
            raise HarnessError(msg)
        return run
    earlier = Run.open(run.directory)
    difference = _difference(earlier, run)
    if difference:
        msg = (
            f"{run.directory}: holds another suite: {difference}. Name another directory with --out, or --fresh keeps "
            "this run aside"
        )
        raise HarnessError(msg)
    planned = {*earlier.planned, *run.planned}
    seeds = sorted({seed for _, seed in planned}, key=_rank([seed for _, seed in earlier.planned + run.planned]))
    ordered = [(name, seed) for name in run.suite.experiments for seed in seeds if (name, seed) in planned]
    return Run(run.directory, run.suite, run.dataset, ordered)


def _rank(order: list[int]) -> Any:
    return order.index


def _difference(earlier: Run, later: Run) -> str | None:
    """Return the first thing in which a suite differs beyond seeds and what may be added, in words."""
    before, after = (_comparable(run.suite) for run in (earlier, later))
    for name in before["experiments"]:
        if name not in after["experiments"]:
            return f"experiments.{name} is not in this one"
    after["experiments"] = {name: after["experiments"][name] for name in before["experiments"]}
    found = _first_difference(before, after, ())
    if found is None and earlier.dataset.digest != later.dataset.digest:
        return f"dataset {later.dataset.name!r} has other images now ({later.dataset.digest[:12]})"
    return found


def _comparable(suite: Suite) -> dict[str, Any]:
    content = {key: value for key, value in suite.model_dump(mode="json").items() if key not in _FREE}
    for experiment in content["experiments"].values():
        experiment.pop("group")
        experiment.pop("description")
    return content


def _first_difference(before: Any, after: Any, path: tuple[str, ...]) -> str | None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            found = _first_difference(before.get(key), after.get(key), (*path, key))
            if found:
                return found
        return None
    return None if before == after else f"{spell(path)} was {before!r}, and is {after!r} here"

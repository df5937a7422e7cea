"""`harness bench --suite`: runs a suite for its cost beside its trials, planned before anything is measured."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.cli.bench_progress import Lines, shown_on
from harness.errors import HarnessError, as_typed
from harness.text import counted, predicted

if TYPE_CHECKING:
    from harness.bench import Overhead
    from harness.plugins.loading import Registry


def planned_suite(named: Path | None, plugins: Registry) -> Path | None:
    """Return a suite's file, and say what its run will be; None where no suite is asked for.

    Raises:
        HarnessError: it cannot be run whole and here, or would download its dataset, whose time would count.
    """
    if named is None:
        return None
    from harness.api.asking import Request
    from harness.api.foreseeing import foreseen
    from harness.suite.shipped import suite_path

    path = suite_path(named)
    trials, seconds = 0, []
    with TemporaryDirectory(prefix="harness-bench-") as folder:
        request = Request(path, jobs=1, out=Path(folder) / "run")
        for loaded in request.load_all(plugins).suites:
            with foreseen(request, loaded, plugins) as ahead:
                for trial in ahead.outlook.trials:
                    if trial.state == "unavailable":
                        name = f"{trial.row.experiment} seed {trial.row.seed}"
                        msg = f"--suite {as_typed(named)}: {name} cannot run here: {trial.note}"
                        raise HarnessError(msg)
                trials += len(ahead.outlook.trials)
                seconds.append(ahead.outlook.seconds)
    known = [each for each in seconds if each is not None]
    takes = "time unknown, because nothing similar has run on this machine"
    if len(known) == len(seconds):
        takes = f"{predicted(sum(known))} of training"
    Lines().news(f"suite {named} is run after the cases: {counted(trials, 'trial')}, one at a time; {takes}")
    return path


def suite_aloud(suite: Path | None) -> Overhead | None:
    """Run a suite, as `harness.bench.overhead` does, and show the progress; None where there is none."""
    from harness.bench import overhead

    if suite is None:
        return None
    lines = Lines()
    lines.news(f"running suite {suite}, one trial at a time")
    with shown_on(lines) as update:
        return overhead(suite, say=lambda text: update(f"suite {suite}: {text}"))

"""Loads and runs suites, and finds runs: what `harness` offers to programs and notebooks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api import columns
from harness.api.arguments import Overrides, requested
from harness.api.asking import SuiteSource
from harness.api.carrying import CHECKPOINTS, Terms, carry_out
from harness.api.handle import Run
from harness.api.several import carry_out_each
from harness.api.surroundings import settled
from harness.api.watching import watching_of
from harness.errors import HarnessError, LostError, as_typed, shown
from harness.live.beside import shown_beside
from harness.machine.host import Threads
from harness.machine.paths import is_folder
from harness.plugins.loading import registry
from harness.plugins.observers import OBSERVED, Observers
from harness.store import listed
from harness.store.lost import lines_on
from harness.suite import LoadedSuite
from harness.text import natural

if TYPE_CHECKING:
    import pandas as pd

    from harness.execution.run import Outcome


def load_suite(
    suite: SuiteSource,
    *,
    dataset: str | None = None,
    data_directory: str | os.PathLike[str] | None = None,
    seeds: int | Iterable[int] | None = None,
    overrides: Overrides = None,
    only: str | Iterable[str] = (),
) -> LoadedSuite:
    """Read, complete and check a suite: the name of a shipped one, a file's path, a table, or a loaded one.

    ``overrides``: ``{"experiments.M0.epochs": 5}``. ``dataset``, ``data_directory`` and ``seeds`` replace the suite's.
    ``only``: names or globs of the experiments that are needed; the others may lack components.

    Raises:
        HarnessError: the suite or a change is wrong; the message, one line, says where and what would do.
    """
    request = requested(
        suite, overrides=overrides, dataset=dataset, data_directory=data_directory, seeds=seeds, only=only
    )
    return request.load(registry())


def run(
    suite: SuiteSource,
    *,
    dataset: str | None = None,
    data_directory: str | os.PathLike[str] | None = None,
    only: str | Iterable[str] = (),
    seeds: int | Iterable[int] | None = None,
    overrides: Overrides = None,
    jobs: int | None = None,
    threads: Threads = 1,
    device: str | None = None,
    timeout: float | str | None = None,
    checkpoint: str = CHECKPOINTS,
    fail_fast: bool = False,
    out: str | os.PathLike[str] | None = None,
    cluster: str | None = None,
    observers: Iterable[object] = (),
    fresh: bool = False,
    progress: bool | None = None,
) -> Run:
    """Train and test a suite, as ``harness run`` does; the same call resumes, and finished trials are not repeated.

    ``suite``, ``dataset``, ``data_directory``, ``only``, ``seeds`` and ``overrides`` as in `load_suite`. ``jobs``:
    trials at once, a process each; 0: all in this process; None: one a core. ``threads``: of a trial's matrix
    products; ``"auto"``: the longest trials get those that would be idle.
    ``cluster``: run on a Dask cluster instead: ``"tcp://HOST:PORT"``, a scheduler file, or ``"local:4"``.
    ``timeout`` of a trial: seconds, or ``"30m"``. ``out``: the run directory; None: ``runs/SUITE[-DATASET]``.
    ``observers``: objects with methods that `harness.hookimpl` marks, called as `harness.hookspecs` says. ``fresh``:
    move an existing run aside. ``progress``: None shows how far it is where a person looks, on a terminal (standard
    error) and in a notebook; True also writes lines to standard error elsewhere; False shows nothing.

    A trial that fails is a row with its reason, as `Run.trials` shows, and the others go on. A perturbation that fails
    in a test costs its own cells, which `Run.remarks` names; `Run.complete` is then false. An interrupt
    (`KeyboardInterrupt`) ends all processes of the run: finished trials are stored. Needs no signal handler, and may be
    called in any thread; the processes that it starts do not run the caller's script or notebook. Plugins that are
    quarantined because of errors are named in a `UserWarning` each.

    Raises:
        HarnessError: the suite or an argument is wrong, another process is writing the run, or the cluster is lost;
            nothing is overwritten.
    """
    plugins = registry()
    for entry in plugins.quarantined:  # one may be an observer, or have what the suite names
        warnings.warn(str(entry), stacklevel=2)
    request = requested(
        suite,
        overrides=overrides,
        dataset=dataset,
        data_directory=data_directory,
        only=only,
        seeds=seeds,
        device=device,
        jobs=jobs,
        threads=threads,
        out=out,
        cluster=cluster,
    )
    display = watching_of(progress)
    watching = [*map(_observer, observers), display]
    terms = Terms(None if timeout is None else str(timeout), checkpoint, fail_fast, fresh)
    with settled(request.each), shown_beside(display):
        suites = request.load_all(plugins)
        loaded = suites.suites[0] if len(suites.suites) == 1 else request.load(plugins)  # which refuses several
        observing = Observers(plugins.manager)
        try:
            if suites.labels:
                ended = carry_out_each(
                    request, suites, plugins, terms, observing, watching=lambda _label: watching,
                    command=request.command, said=display.note,
                )  # fmt: skip
                [(here, outcome)] = [
                    (finished.run, finished.outcome) for finished in ended if finished.run and finished.outcome
                ]
            else:
                here, outcome = carry_out(
                    request, loaded, plugins, terms, observing, watching=watching, command=request.command,
                    said=display.note,
                )  # fmt: skip
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"finished trials are in {request.directory(loaded)}; the same call resumes")
            raise
        except LostError as lost:
            msg = f"interrupted: {lost}. Finished trials are in {request.directory(loaded)}; the same call resumes"
            raise HarnessError(msg) from lost
    return Run(here.directory, _remarks(outcome))


def _observer(observer: object) -> object:
    """Return an observer.

    Raises:
        HarnessError: none of its methods observes a run.
    """
    for name in OBSERVED:
        with suppress(Exception):
            if hasattr(getattr(observer, name), "harness_impl"):
                return observer
    msg = f"observers: {shown(observer)} has no method that @harness.hookimpl marks. Known: {', '.join(OBSERVED)}."
    raise HarnessError(msg)


def _remarks(outcome: Outcome) -> list[str]:
    return [
        *outcome.substitutes,
        *outcome.threads,
        *(f"damaged: {damage}" for damage in outcome.damaged),
        *(f"stale: {stale}" for stale in outcome.stale),
        *lines_on(outcome.lost),
        *(f"observer {place} {what}" for place, what in outcome.faulty.items()),
    ]


def open_run(directory: str | os.PathLike[str]) -> Run:
    """Return the run in a directory.

    Raises:
        HarnessError: there is none, it is damaged, or of another format.
    """
    return Run(directory)


def runs(folder: str | os.PathLike[str] = "runs") -> pd.DataFrame:
    """Return a line for each run right below a folder: its directory, suite, state, last change and size.

    Raises:
        HarnessError: there is no such folder.
    """
    import pandas as pd

    place = checked_folder(Path(folder))
    lines = []
    for each in sorted(listed(place), key=lambda each: natural(str(each.directory))):
        changed = pd.Timestamp(each.changed, unit="s", tz="UTC")
        lines.append([str(each.directory), each.suite, each.state, changed, each.size])
    return columns.framed(columns.RUNS, lines)


def checked_folder(folder: Path) -> Path:
    """Return a folder of runs.

    Raises:
        HarnessError: there is none.
    """
    if not is_folder(folder):
        msg = f"{as_typed(folder)}: no such folder. 'harness run SUITE' creates runs/"
        raise HarnessError(msg)
    return folder

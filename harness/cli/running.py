"""The commands that plan and run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.planning import Plan
    from harness.plugins import Registry
    from harness.store import Run
    from harness.suite import LoadedSuite

SuitePath = Annotated[Path, typer.Argument(metavar="SUITE", help="The suite's TOML file.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY.PATH=VALUE", help="Override a key of the suite: experiments.M0.epochs=5. Repeatable."
    ),
]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="Use this dataset, with the suite's split.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Only these experiments, a name or a glob: 'M1*'. Repeatable."),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="1,2,3", help="Train with these seeds instead of the suite's.")
]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of a trial's matrix products.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run directory. Default: runs/SUITE[-DATASET]")
]
SHOWN = ("overview", "validation", "comparison", "robustness")
"""The tables that a run ends with; `harness leaderboard` has the others too."""

Fresh = Annotated[bool, typer.Option("--fresh", help="Keep the run that is there aside, and start anew.")]


def run(
    suite: SuitePath,
    *,
    assignments: Assignments = None,
    dataset: DatasetName = None,
    only: Only = None,
    seeds: Seeds = None,
    threads: Threads = 1,
    out: Out = None,
    fresh: Fresh = False,
) -> None:
    """Run a suite: train, test the finalists, show the leaderboards.

    The same command again resumes: what is done is not done again.
    """
    _settle_threads(threads)
    from harness.cli.progress import Progress
    from harness.leaderboard import render_all, tables
    from harness.planning import make_plan
    from harness.plugins import registry
    from harness.pools import InProcess
    from harness.runner import execute
    from harness.store import locked, set_aside, take_up
    from harness.summary import summarise

    plugins = registry()
    loaded = _load(suite, plugins, assignments, dataset, seeds)
    made = make_plan(loaded, plugins, only=only or (), threads=threads)
    directory = out or _default_directory(suite, dataset)
    planned = _planned_run(directory, loaded, made)
    if fresh:
        aside = set_aside(directory)
        if aside:
            typer.echo(f"the run that was there is now in {aside}", err=True)
    with locked(directory):
        here = take_up(planned)
        here.write_header(_notes(suite))
        plugins.manager.register(Progress())
        try:
            outcome = execute(here, made, plugins, InProcess())
        except KeyboardInterrupt:
            typer.echo(f"interrupted: what is done is kept in {directory}; the same command resumes", err=True)
            raise typer.Exit(130) from None
        for damage in outcome.repaired:
            typer.echo(f"repaired: {damage}; the trial was run again", err=True)
        shown = [table for table in tables(summarise(here)) if table.key.partition("-")[0] in SHOWN]
        typer.echo(render_all(shown, "terminal"))
    for row in outcome.rows:
        if row.status != "done":
            log = here.trial_directory(row.experiment, row.seed) / "log.txt"
            where = f" (traceback: {log})" if log.exists() else ""
            typer.echo(f"{row.experiment} seed {row.seed} {row.status}: {row.reason}{where}", err=True)
    typer.echo(
        f"results: {directory}\nevery table, also as Markdown, CSV, LaTeX or JSON: harness leaderboard {directory}",
        err=True,
    )
    if not outcome.all_well:
        raise typer.Exit(1)


def plan(
    suite: SuitePath,
    *,
    assignments: Assignments = None,
    dataset: DatasetName = None,
    only: Only = None,
    seeds: Seeds = None,
    out: Out = None,
) -> None:
    """Show what would run, what is done, and what no backend here can honour."""
    from harness.planning import make_plan
    from harness.plugins import registry
    from harness.runner import reusable
    from harness.store import take_up

    plugins = registry()
    loaded = _load(suite, plugins, assignments, dataset, seeds)
    made = make_plan(loaded, plugins, only=only or ())
    directory = out or _default_directory(suite, dataset)
    here = _planned_run(directory, loaded, made)
    if directory.exists():
        here = take_up(here)
    from tabulate import tabulate

    lines, counts = [], {"run": 0, "done": 0, "unavailable": 0}
    for one in made.trials:
        stored, damage = reusable(here, one)
        state = "done" if stored else "run" if one.spec else "unavailable"
        counts[state] += 1
        note = one.row.reason or (f"damaged, will run again: {damage}" if damage else "")
        row = one.row
        epochs = one.spec.epochs if one.spec else ""
        lines.append([row.experiment, row.seed, row.group, row.backend, row.parameters, epochs, state, note])
    sizes = made.sizes
    typer.echo(
        f"{loaded.suite.suite.name}: {len(lines)} trials, {counts['done']} done, {counts['run']} to run, "
        f"{counts['unavailable']} unavailable\n"
        f"dataset {loaded.suite.dataset.name}: {made.data.rows:,} images, {len(made.data.class_names)} classes, "
        f"{sizes['train']:,} train / {sizes['val']:,} val / {sizes['test']:,} test\nrun directory: {directory}"
    )
    headers = ["Experiment", "Seed", "Group", "Backend", "Parameters", "Epochs", "State", ""]
    typer.echo(tabulate(lines, headers=headers, tablefmt="simple", intfmt=","))


def _settle_threads(threads: int) -> None:
    """Set what the numeric libraries read when they load: it must stand before the first of them is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def _load(
    suite: Path, plugins: Registry, assignments: list[str] | None, dataset: str | None, seeds: str | None
) -> LoadedSuite:
    from harness.suite import load_suite

    numbers = None
    if seeds is not None:
        try:
            numbers = [int(seed) for seed in seeds.split(",")]
        except ValueError:
            msg = f"--seeds {seeds}: not whole numbers between commas, as in 1,2,3"
            raise HarnessError(msg) from None
    return load_suite(suite, plugins, assignments=assignments or (), dataset=dataset, seeds=numbers)


def _default_directory(suite: Path, dataset: str | None) -> Path:
    from harness.files import safe_name

    return Path("runs") / safe_name(suite.stem + (f"-{dataset}" if dataset else ""))


def _planned_run(directory: Path, loaded: LoadedSuite, made: Plan) -> Run:
    from harness.store import Dataset, Run

    data = made.data
    about = Dataset(loaded.suite.dataset.name, data.digest, data.rows, data.class_names, made.sizes)
    planned = [(one.row.experiment, one.row.seed) for one in made.trials]
    return Run(directory, loaded.suite, about, planned)


def _notes(suite: Path) -> dict[str, object]:
    from datetime import UTC, datetime

    from harness import __version__, environment

    return {
        "harness": __version__,
        "suite_file": str(suite),
        "command": ["harness", *sys.argv[1:]],
        "last_started": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment.host(),
        "git_commit": environment.git_commit(Path.cwd()),
    }

"""Options that several commands share, and what the commands make of them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_experiment, complete_suite
from harness.errors import HarnessError, as_typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.execution.plan import Plan
    from harness.execution.pools import Pool
    from harness.machine.kernels import Kernel
    from harness.plugins.loading import Registry
    from harness.store import Run
    from harness.suite import LoadedSuite

MOST = 4096
"""Processes, or threads of a process: more than any machine has cores."""

SuitePath = Annotated[
    Path, typer.Argument(metavar="SUITE", help="The suite's TOML file.", autocompletion=complete_suite)
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY.PATH=VALUE", help="Override a key of the suite: experiments.M0.epochs=5. Repeatable."
    ),
]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="Use this dataset, with the suite's split.")
]
DataDirectory = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="The folder of the dataset's files. Also: HARNESS_DATA_DIR."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="Only the experiments of this name or glob: 'M1*'. Repeatable.",
        autocompletion=complete_experiment,
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="1,2,3", help="Train with these seeds instead of the suite's.")
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help="The device where the suite gives none: cpu, cuda, cuda:1, …"),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        min=0,
        max=MOST,
        envvar="HARNESS_JOBS",
        help="Trials at once, a process each; 0: all in this process. Default: one a core.",
    ),
]
Threads = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, max=MOST, help="Threads for a trial's matrix products.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run directory. Default: runs/SUITE[-DATASET]")
]


def settle_threads(threads: int) -> None:
    """Set the thread variables that numeric libraries read when they are imported; call this before."""
    from harness.machine.threads import VARIABLES

    for name in VARIABLES:
        os.environ[name] = str(threads)


def settle(threads: int) -> Kernel | None:
    """Set the threads and the kernel of NumPy's matrix products, before NumPy is imported here or in a worker.

    Return the measured kernels, None if the kernel is not for harness to choose.
    """
    from harness.machine.kernels import settle_kernel

    settle_threads(threads)
    return settle_kernel(say=lambda text: typer.echo(text, err=True))


@contextmanager
def pool_of(jobs: int | None, threads: int) -> Iterator[Pool]:
    """Yield a pool of ``jobs`` processes, by default as many as the cores have room for; it stops after the block."""
    from harness.execution.pools import InProcess, Processes
    from harness.machine.host import cores
    from harness.plugins.loading import registry

    slots = max(1, cores() // threads) if jobs is None else jobs
    pool: Pool = Processes(slots) if slots else InProcess(registry())
    try:
        yield pool
    finally:
        pool.stop()


def load(
    suite: Path,
    plugins: Registry,
    assignments: list[str] | None,
    dataset: str | None,
    seeds: str | None,
    data_directory: Path | None = None,
    only: Sequence[str] | None = None,
) -> LoadedSuite:
    """Return the suite as the command line changes it; plugins that the ``only`` experiments need must be installed."""
    from harness.suite import load_suite

    numbers = None
    if seeds is not None:
        try:
            numbers = [int(seed) for seed in seeds.split(",")]
        except ValueError:
            msg = f"--seeds {as_typed(seeds, 80)}: not whole numbers. Separate them with commas: 1,2,3"
            raise HarnessError(msg) from None
    return load_suite(
        suite,
        plugins,
        assignments=assignments or (),
        dataset=dataset,
        data_directory=data_directory,
        seeds=numbers,
        only=only or (),
    )


def duration(option: str, text: str | None) -> float | None:
    """Return an option's duration in seconds."""
    from harness.text import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise HarnessError(msg) from None


def run_directory(suite: Path, dataset: str | None, out: Path | None) -> Path:
    """Return the run directory of a suite."""
    from harness.store.names import located, safe_name

    name = suite.stem + (f"-{dataset}" if dataset else "")
    return out or Path("runs") / located(Path("runs"), {name: safe_name(name)})[name]


def planned_run(directory: Path, loaded: LoadedSuite, made: Plan) -> Run:
    """Return the run of a plan."""
    from harness.store import Run

    planned = [(trial.row.experiment, trial.row.seed) for trial in made.trials]
    return Run(directory, loaded.suite, made.dataset, planned, made.components)

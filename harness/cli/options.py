"""What several commands share: the options that change a suite, and what is made of them."""

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
"""Processes, or threads of one: more than any machine has cores."""

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
    typer.Option("--data-dir", metavar="DIR", help="Where the dataset's files are. Also: HARNESS_DATA_DIR."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="Only these experiments, a name or a glob: 'M1*'. Repeatable.",
        autocompletion=complete_experiment,
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="1,2,3", help="Train with these seeds instead of the suite's.")
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help="Where the suite says no device: cpu, cuda, cuda:1, …"),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=0,
        max=MOST,
        envvar="HARNESS_JOBS",
        help="Trials at a time, a process each; 0: in this one. Default: the cores.",
    ),
]
Threads = Annotated[int, typer.Option("--threads", min=1, max=MOST, help="Threads of a trial's matrix products.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run directory. Default: runs/SUITE[-DATASET]")
]


def settle_threads(threads: int) -> None:
    """Set what the numeric libraries read when they load: it must stand before the first of them is imported."""
    from harness.machine.threads import VARIABLES

    for name in VARIABLES:
        os.environ[name] = str(threads)


def settle(threads: int) -> Kernel | None:
    """Settle the threads, and the kernel of NumPy's matrix products: before NumPy is imported, here or in a worker.

    Return what is known of the kernels, None where the choice is not ours.
    """
    from harness.machine.kernels import settle_kernel

    settle_threads(threads)
    return settle_kernel(say=lambda text: typer.echo(text, err=True))


@contextmanager
def pool_of(jobs: int | None, threads: int) -> Iterator[Pool]:
    """Give a pool of ``jobs`` processes, by default as many as the cores have room for; it ends with the block."""
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
    """Return the suite as the command line changes it; the plugins that ``only`` these experiments need are here."""
    from harness.suite import load_suite

    numbers = None
    if seeds is not None:
        try:
            numbers = [int(seed) for seed in seeds.split(",")]
        except ValueError:
            msg = f"--seeds {as_typed(seeds, 80)}: not whole numbers between commas, as in 1,2,3"
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
    """Return the seconds that an option means."""
    from harness.text import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise HarnessError(msg) from None


def run_directory(suite: Path, dataset: str | None, out: Path | None) -> Path:
    """Return where a suite's run is."""
    from harness.store.names import located, safe_name

    name = suite.stem + (f"-{dataset}" if dataset else "")
    return out or Path("runs") / located(Path("runs"), {name: safe_name(name)})[name]


def planned_run(directory: Path, loaded: LoadedSuite, made: Plan) -> Run:
    """Return the run that a plan asks for."""
    from harness.store import Dataset, Run

    data = made.data
    name = loaded.suite.dataset.name
    about = Dataset(name, data.digest, data.rows, data.class_names, made.sizes, data.title, data.checked, made.split)
    planned = [(one.row.experiment, one.row.seed) for one in made.trials]
    return Run(directory, loaded.suite, about, planned, made.components)

"""Options that several commands share, and what the commands make of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_experiment, complete_suite
from harness.errors import HarnessError, as_typed
from harness.machine.host import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.asking import Request
    from harness.machine.kernels import Kernel

SuitePath = Annotated[
    Path,
    typer.Argument(
        metavar="SUITE",
        help="A TOML file, or a name of 'harness suites'.",
        autocompletion=complete_suite,
    ),
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
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", help="Run on a Dask cluster: tcp://HOST:PORT, a scheduler file, or local:4."
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


def request(
    suite: Path,
    *,
    assignments: list[str] | None = None,
    dataset: str | None = None,
    data_directory: Path | None = None,
    only: Sequence[str] | None = None,
    seeds: str | None = None,
    device: str | None = None,
    jobs: int | None = None,
    threads: int = 1,
    out: Path | None = None,
    cluster: str | None = None,
) -> Request:
    """Return what a command's options ask for."""
    from harness.api.asking import Request

    numbers = None
    if seeds is not None:
        try:
            numbers = [int(seed) for seed in seeds.split(",")]
        except ValueError:
            msg = f"--seeds {as_typed(seeds, 80)}: not whole numbers. Separate them with commas: 1,2,3"
            raise HarnessError(msg) from None
    if cluster is not None and not any(word.startswith(("--jobs", "-j")) for word in sys.argv):
        jobs = None  # it comes from HARNESS_JOBS, which is for runs on this machine
    changes = (assignments or (), dataset, data_directory, only or (), numbers)
    return Request(suite, *changes, device, jobs, threads, out, cluster)

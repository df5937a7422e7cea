"""Options that several commands share, and what the commands make of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_experiment, complete_suite
from harness.errors import HarnessError, as_typed
from harness.machine.host import MOST, Threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.asking import Request
    from harness.machine.kernels import Kernel

SuitePath = Annotated[
    Path,
    typer.Argument(
        metavar="SUITE",
        help="A TOML file, or a name that 'harness suites' lists.",
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
        help="Only the experiments with this name, or that match this pattern: 'M1*'. Repeatable.",
        autocompletion=complete_experiment,
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="1,2,3", help="Train with these seeds instead of the suite's.")
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="The device of experiments for which the suite names none: cpu, cuda, cuda:1, …",
    ),
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
        help="How many trials run at once, each in a process. 0: all in this process. Default: one per core.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", help="Run on a Dask cluster: tcp://HOST:PORT, a scheduler file, or local:4."
    ),
]
ThreadNumber = Annotated[
    str,
    typer.Option(
        "--threads", metavar="N", help="Threads of a trial's matrix products. auto: the longest trials use idle cores."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run directory. Default: runs/SUITE[-DATASET]")
]


def threads_of(text: str) -> Threads:
    """Return what an option of this text asks for.

    Raises:
        HarnessError: neither a number of threads nor ``auto``.
    """
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST)) and 1 <= int(text) <= MOST):
        msg = f"--threads {as_typed(text, 80)}: not a whole number from 1 to {MOST}, nor auto"
        raise HarnessError(msg)
    return int(text)


def settle_threads(threads: int) -> None:
    """Set the thread variables that numeric libraries read when they are imported; call this before."""
    from harness.machine.threads import VARIABLES

    for name in VARIABLES:
        os.environ[name] = str(threads)


def settle(threads: Threads) -> Kernel | None:
    """Set the threads and the kernel of NumPy's matrix products, before NumPy is imported here or in a worker.

    Return the measured kernels, None if the kernel is not for harness to choose.
    """
    from harness.machine.kernels import settle_kernel

    settle_threads(1 if threads == "auto" else threads)
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
    threads: Threads = 1,
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

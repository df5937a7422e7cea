"""``harness cluster``: what helps to run on a cluster."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from harness.cli.options import SuitePath
from harness.errors import HarnessError, as_typed

cluster = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
_WORD = re.compile(r"[\w.:@%+/=,-]+")


@cluster.callback()
def about() -> None:
    """Print job scripts for clusters."""


@cluster.command()
def slurm(
    suite: SuitePath,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- OPTIONS]", help="Options of 'harness run', after '--'.")
    ] = None,
    *,
    nodes: Annotated[int, typer.Option("--nodes", metavar="N", min=1, help="The nodes of the job.")],
    cpus: Annotated[int, typer.Option("--cpus", metavar="N", min=1, help="Cores of a node: trials at once there.")],
    gpus: Annotated[int, typer.Option("--gpus", metavar="N", min=0, help="GPUs of a node.")] = 0,
    time: Annotated[str, typer.Option("--time", metavar="LIMIT", help="The job's time limit.")] = "24:00:00",
    partition: Annotated[str | None, typer.Option("--partition", metavar="NAME", help="The partition.")] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="The account.")] = None,
    directive: Annotated[
        list[str] | None, typer.Option("--directive", metavar="OPTION", help="An option of sbatch. Repeatable.")
    ] = None,
    setup: Annotated[
        list[str] | None, typer.Option("--setup", metavar="LINE", help="A line of shell that comes first. Repeatable.")
    ] = None,
) -> None:
    """Print a job script for SLURM.

    It starts a scheduler, a worker on every node, and 'harness run' on the first, in one allocation. Submit it with
    sbatch: harness cluster slurm SUITE --nodes 4 --cpus 16 > job.sh; sbatch job.sh. Submitted again, it resumes.
    """
    from harness.execution.pools.cluster.slurm import Allocation, job_script
    from harness.suite.shipped import suite_path

    path = suite_path(suite)
    if not path.is_file():
        msg = f"{as_typed(path)}: no such suite file"
        raise HarnessError(msg)
    for option in options or ():
        if option.partition("=")[0] in {"--cluster", "--jobs", "-j"}:
            msg = f"{as_typed(option, 80)}: the script says where trials run. Leave it out"
            raise HarnessError(msg)
    given = [("--time", time), ("--partition", partition), ("--account", account)]
    for name, value in [*given, *(("--directive", value) for value in directive or ())]:
        if value is not None and not _WORD.fullmatch(value):
            msg = f"{name} {as_typed(value, 80)}: not one word of letters, digits and .:@%+/=,-"
            raise HarnessError(msg)
    wanted = Allocation(nodes, cpus, gpus, time, partition, account, directive or (), setup or ())
    name = "harness-" + re.sub(r"[^\w.-]", "-", path.stem)
    typer.echo(job_script(name, str(suite), options or (), wanted), nl=False)

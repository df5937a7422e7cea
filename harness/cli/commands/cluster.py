"""``harness cluster``: what helps to run on a cluster."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import SuitePath, request, threads_of
from harness.errors import HarnessError, as_typed

cluster = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
_WORD = re.compile(r"[\w.:@%+/=,-]+")
_TIME = re.compile(r"[0-9]+(:[0-9]+){0,2}|[0-9]+-[0-9]+(:[0-9]+){0,2}")
"""SLURM's formats of a time limit, as ``man sbatch`` lists them."""
_DECIDED = {
    "cluster": "the script says where trials run",
    "jobs": "the script says where trials run",
    "fresh": "a job that SLURM requeues would begin anew",
}
"""Options of ``harness run`` that the script leaves no choice about, by their parameter, and why."""


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
        list[str] | None, typer.Option("--setup", metavar="LINE", help="A line of shell code to run first. Repeatable.")
    ] = None,
) -> None:
    """Print a job script for SLURM.

    It starts a scheduler, a worker on every node, and 'harness run' on the first, in one allocation. The suite and the
    options are checked first, as 'harness plan' does, but for the data. Submit it with sbatch from the same folder:
    harness cluster slurm SUITE --nodes 4 --cpus 16 > job.sh; sbatch job.sh. Submit it again to resume.
    """
    from harness.execution.pools.cluster.slurm import Allocation, job_script
    from harness.suite.shipped import suite_path

    path = suite_path(suite)
    if not _TIME.fullmatch(time):
        msg = (
            f"--time {as_typed(time, 80)}: not a time limit of SLURM. Write minutes, hours:minutes:seconds or "
            "days-hours: 90, 12:00:00, 2-12"
        )
        raise HarnessError(msg)
    _check(path, options or ())
    given = [("--time", time), ("--partition", partition), ("--account", account)]
    for name, value in [*given, *(("--directive", value) for value in directive or ())]:
        if value is not None and not _WORD.fullmatch(value):
            msg = f"{name} {as_typed(value, 80)}: not one word of letters, digits and .:@%+/=,-"
            raise HarnessError(msg)
    wanted = Allocation(nodes, cpus, gpus, time, partition, account, directive or (), setup or ())
    name = "harness-" + re.sub(r"[^\w.-]", "-", path.stem)
    typer.echo(job_script(name, str(suite), options or (), wanted), nl=False)


def _check(suite: Path, options: Sequence[str]) -> None:
    """Refuse a faulty suite, options that ``harness run`` does not take, and those that the script decides.

    Otherwise the job would say so, once it has waited its turn.

    Raises:
        HarnessError: the suite or a value is wrong, or the script decides one of the options.
        click.UsageError: one is not an option of ``harness run``.
    """
    from harness.api.carrying import Terms
    from harness.cli.commands.run import run
    from harness.execution.plan import choose
    from harness.plugins.loading import registry

    command = typer.Typer(rich_markup_mode=None, add_completion=False)
    command.command("run")(run)
    context = typer.main.get_command(command).make_context("harness run", [str(suite), *options])
    for name, why in _DECIDED.items():
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE":
            msg = f"--{name}: {why}. Leave it out"
            raise HarnessError(msg)
    given = context.params
    same = ("assignments", "dataset", "data_directory", "only", "seeds", "device", "out")
    asked = request(
        suite, **{name: given[name] for name in same}, threads=threads_of(given["threads"]), cluster="of the script"
    )
    terms = Terms(given["timeout"], given["checkpoint"])
    for loaded in asked.load_all(registry()).suites:
        choose(loaded.suite, asked.only)
        terms.conditions(loaded)

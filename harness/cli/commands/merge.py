"""``harness merge``: one run of several of the same suite."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.printing import say


def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories of one suite.", autocompletion=complete_run)
    ],
    *,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="The new run directory.")],
) -> None:
    """Merge runs of one suite into a new run.

    The runs may have other seeds, experiments and severities, from other machines. A trial that several have must
    be the same in all, but for times and machines. Tables do not compare times of different machines.
    """
    from harness.api.merging import merge_runs
    from harness.text import command, counted

    merged = merge_runs(runs, into, command=["harness", *sys.argv[1:]])
    done = sum(row.status == "done" for row in merged.rows)
    for line in merged.left_out:
        say(line, err=True)
    say(f"{merged.directory}: {done} of {counted(len(merged.rows), 'trial')} done, from {counted(len(runs), 'run')}")
    say(f"tables: {command('harness', 'leaderboard', merged.directory)}", err=True)

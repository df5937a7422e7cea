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

    The runs may have different seeds, experiments and severities, and come from different machines. A trial that
    several runs have must be the same in all of them, except for times and machines. Tables do not compare times of
    different machines. Directories of several datasets are merged dataset by dataset.
    """
    from harness.api.merging import merge_runs
    from harness.text import command, counted

    merged = merge_runs(runs, into, command=["harness", *sys.argv[1:]])
    done = sum(row.status == "done" for row in merged.rows)
    for line in merged.left_out:
        say(line, err=True)
    on = f" on {counted(len(merged.datasets), 'dataset')}" if merged.datasets else ""
    trials = counted(len(merged.rows), "trial")
    say(f"{merged.directory}: {done} of {trials} done{on}, from {counted(len(runs), 'run')}")
    say(f"tables: {command('harness', 'leaderboard', merged.directory)}", err=True)

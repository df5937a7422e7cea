"""``harness reproduce``: one stored trial, trained again here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.options import DataDirectory, settle
from harness.cli.printing import say

_CODES = {"identical": 0, "within": 0, "failed": 1, "outside": 3, "undecided": 4}


def reproduce(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="EXPERIMENT/SEED.")],
    *,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Which dataset's trial, where the directory holds several."),
    ] = None,
    data_directory: DataDirectory = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep the new run there. Default: it is removed.")
    ] = None,
) -> None:
    """Train a stored trial again and compare.

    Shows whether the new trial is bit-identical to the stored one, or within the interval that the stored seeds
    predict, or outside it; and what differs in settings, plugins and environment. Exit code 0: identical or within the
    interval; 1: the trial could not be trained; 3: outside the interval; 4: not identical, and there is no interval
    because only one seed is stored.
    """
    settle(1)
    from harness.api.reproducing import reproduce as again
    from harness.cli.tables import table
    from harness.errors import HarnessError, as_typed

    experiment, _, seed = trial.rpartition("/")
    if not experiment or not seed.isdecimal():
        msg = f"{as_typed(trial, 80)}: not of the form EXPERIMENT/SEED. Example: M0/42"
        raise HarnessError(msg)
    reproduction = again(
        run, experiment, int(seed), dataset=dataset, data_directory=data_directory, out=out, progress=True
    )
    if reproduction.metrics:
        lines = []
        for each in reproduction.metrics:
            interval = "" if each.interval is None else f"[{each.interval[0]:.6g}, {each.interval[1]:.6g}]"
            judged = {True: "within", False: "outside", None: "?"}[each.within]
            same = "identical" if each.stored == each.here else judged
            lines.append([each.metric, f"{each.stored:.6g}", f"{each.here:.6g}", interval, same])
        table("", lines, ["metric", "stored", "here", "95 % of seeds", "verdict"])
    for change in reproduction.meaning:
        say(f"differs: {change}")
    for key, before, now in reproduction.environment:
        say(f"differs: {key} was {before or 'absent'}, is {now or 'absent'}")
    say(str(reproduction))
    if code := _CODES[reproduction.verdict.value]:
        raise typer.Exit(code)

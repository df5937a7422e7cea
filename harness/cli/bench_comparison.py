"""`harness bench --compare`: what the measurements mean beside a baseline's, and `--fail-on-slower`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from harness.cli.ending import gate_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.bench import Comparison, Measurement


def compared_with(path: Path | None, now: Sequence[Measurement], before: Sequence[Measurement]) -> list[Comparison]:
    """Return the comparisons with a baseline's measurements, ``path``; report what cannot be compared."""
    from harness.bench import FEWEST, calibrations, compare

    if not path or not now:
        return []
    with about(path):
        compared = compare(now, before, calibrations())
    titles_now, titles_before = ([measurement.title for measurement in some] for some in (now, before))
    for titles, what in (
        ([title for title in titles_now if title not in titles_before], f"not in {path}"),
        ([title for title in titles_before if title not in titles_now], "not measured now"),
    ):
        if titles:
            typer.echo(f"{what}: {', '.join(titles)}", err=True)
    lacking = [row.invocations for row in compared if row.invocations < FEWEST]
    if lacking:
        typer.echo(
            f"no verdict with fewer than {FEWEST} calibrated invocations (there are {min(lacking)}): 'harness bench "
            "--calibrate' adds some",
            err=True,
        )
    if any(row.disturbed for row in compared):
        typer.echo(
            f"no verdict where another program used a case's cores, now or in {path}: measure again when none runs",
            err=True,
        )
    return compared


def gate(compared: Sequence[Comparison], *, require_verdict: bool) -> int:
    """Report the cases that are slower than the baseline or have no verdict; return the exit code."""
    slower = [row.now.title for row in compared if row.verdict == "slower"]
    undecided = [row.now.title for row in compared if not row.decided]
    for titles, what in ((slower, "slower"), (undecided, "cannot tell")):
        if titles:
            typer.echo(f"--fail-on-slower: {what}: {', '.join(titles)}", err=True)
    return gate_code(failed=bool(slower), undecided=bool(undecided), require_verdict=require_verdict)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Put a file's name before the errors about its content."""
    from harness.errors import HarnessError

    try:
        yield
    except HarnessError as error:
        msg = f"{path}: {error}"
        raise HarnessError(msg) from None

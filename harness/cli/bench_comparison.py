"""`harness bench --compare`: what the measurements mean beside a baseline's, and `--fail-on-slower`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.bench import Comparison, Measurement


def compared_with(path: Path | None, now: Sequence[Measurement], before: Sequence[Measurement]) -> list[Comparison]:
    """Return the comparisons with a baseline's measurements, ``path``; report what cannot be compared."""
    from harness.bench import compare, floors

    if not path or not now:
        return []
    with about(path):
        compared = compare(now, before, floors())
    titles_now, titles_before = ([measurement.title for measurement in some] for some in (now, before))
    for titles, what in (
        ([title for title in titles_now if title not in titles_before], f"not in {path}"),
        ([title for title in titles_before if title not in titles_now], "not measured now"),
    ):
        if titles:
            typer.echo(f"{what}: {', '.join(titles)}", err=True)
    if any(comparison.margin is None for comparison in compared):
        typer.echo("no verdict without a noise floor: 'harness bench --calibrate' measures it", err=True)
    if any(comparison.disturbed for comparison in compared):
        typer.echo(f"no verdict where other processes used a case's cores, now or in {path}", err=True)
    return compared


def not_kept(compared: Sequence[Comparison]) -> bool:
    """Report the cases that are slower than the baseline or have no verdict; return whether there are any."""
    slower = [comparison.now.title for comparison in compared if comparison.verdict == "slower"]
    unjudged = [comparison.now.title for comparison in compared if comparison.verdict.startswith("no verdict")]
    for titles, what in ((slower, "slower"), (unjudged, "no verdict, which does not pass")):
        if titles:
            typer.echo(f"--fail-on-slower: {what}: {', '.join(titles)}", err=True)
    return bool(slower or unjudged)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Put a file's name before the errors about its content."""
    from harness.errors import HarnessError

    try:
        yield
    except HarnessError as error:
        msg = f"{path}: {error}"
        raise HarnessError(msg) from None

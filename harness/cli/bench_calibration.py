"""`harness bench --calibrate`: measures the machine's noise floor."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import typer

from harness.cli.bench_output import say_missing
from harness.cli.printing import say
from harness.cli.tables import table
from harness.text import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.bench import Calibration, Case


def calibrate_each(
    cases: Sequence[Case], rounds: int, invocations: int, timeout: float | None, *, chosen: bool
) -> None:
    """Measure each backend's first case against itself, in turns: noise differs between devices and BLAS libraries.

    A backend that fails does not stop the others. The exit code is then 1, also if a ``chosen`` one is unavailable.
    """
    from harness.bench import FailedError, UnavailableError, calibrate, keep

    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.backend, case)
    kept: dict[Case, Calibration] = {}
    missing: dict[Case, str] = {}
    failed: dict[Case, str] = {}
    turns = [(number, case) for number in range(1, invocations + 1) for case in first.values()]
    began, done = monotonic(), 0
    for place, (number, case) in enumerate(turns):
        coming = [other for _, other in turns[place:] if other not in missing and other not in failed]
        if case not in coming:
            continue
        left = f", about {spoken((monotonic() - began) / done * len(coming))} left" if done else ""
        say(f"measuring {case.title} against itself, {number} of {invocations}{left}", err=True)
        done += 1
        try:
            kept[case] = keep(calibrate(case, rounds, timeout=timeout))
        except UnavailableError as error:
            missing[case] = error.reason
        except FailedError as error:
            failed[case] = str(error)
    if kept:
        _show(kept)
    say_missing(missing)
    say_missing(failed, "failed: ")
    if failed or not kept or (chosen and missing):
        raise typer.Exit(1)


def _show(kept: Mapping[Case, Calibration]) -> None:
    """Print the noise of each backend."""
    from harness.bench import FEWEST
    from harness.bench.calibration import calibration_path

    lines = []
    for case, calibration in kept.items():
        noise, machine = calibration.noise, calibration.machine
        count, disturbed = len(calibration.invocations), sum(calibration.disturbed)
        floor = f"±{noise.floor():.1%}" if noise else "–"
        lines.append([case.title, machine.device, machine.blas, count, disturbed, floor])
    table("noise floor", lines, ["case", "device", "BLAS", "invocations", "disturbed", "noise"], minor=["device"])
    typer.echo(f"stored in {calibration_path()}")
    if any(calibration.noise is None for calibration in kept.values()):
        typer.echo(f"a comparison needs {FEWEST} invocations or more: calibrate again", err=True)
    if any(sum(each.disturbed) and len(each.disturbed) - sum(each.disturbed) < FEWEST for each in kept.values()):
        typer.echo(
            "another program used the cores, so the noise floor is too high: calibrate again when none runs", err=True
        )

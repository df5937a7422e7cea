"""`harness bench --calibrate`: measures the machine's noise floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.bench_output import say_missing
from harness.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench import Case


def calibrate_each(cases: Sequence[Case], rounds: int, timeout: float | None, *, chosen: bool) -> None:
    """Measure each backend's first case against itself: noise differs between devices and BLAS libraries.

    A backend that fails does not stop the others. The exit code is then 1, also if a ``chosen`` one is unavailable.
    """
    from harness.bench import FailedError, UnavailableError, calibrate, keep

    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.backend, case)
    lines, missing, failed, path = [], {}, {}, None
    for case in first.values():
        typer.echo(f"measuring {case.title} against itself", err=True)
        try:
            calibration = calibrate(case, rounds, timeout=timeout)
        except UnavailableError as error:
            missing[case] = error.reason
        except FailedError as error:
            failed[case] = str(error)
        else:
            path = keep(calibration)
            machine = calibration.machine
            lines.append([case.title, machine.device, machine.blas, f"±{calibration.floor:.1%}"])
    if lines:
        table("noise floor", lines, ["case", "device", "BLAS", "noise"])
        typer.echo(f"stored in {path}")
    say_missing(missing)
    say_missing(failed, "failed: ")
    if failed or not lines or (chosen and missing):
        raise typer.Exit(1)

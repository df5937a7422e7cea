"""The command that measures speed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import Threads, settle_threads, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench import Case, Comparison, Measured, Measurement

_TITLES = {"train": "training", "predict": "prediction"}


class BenchFormat(StrEnum):
    """How measurements are written."""

    terminal = "terminal"
    json = "json"


def bench(
    *,
    backends: Annotated[
        list[str] | None, typer.Option("--backend", metavar="NAME", help="Only this backend. Repeatable.")
    ] = None,
    networks: Annotated[
        list[str] | None, typer.Option("--network", metavar="NAME", help="Only this network: M0. Repeatable.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Where to run: auto, cpu, cuda, cuda:1, …")
    ] = "auto",
    threads: Threads = 1,
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, help="Runs of each case, or of each process that calibrates."),
    ] = 7,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Images of a run. Default: 51200.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure each backend against itself: its noise floor on this machine.")
    ] = False,
    read: Annotated[
        Path | None,
        typer.Option("--read", metavar="FILE", help="Take a file's measurements: of --save, or pytest-benchmark's."),
    ] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the measurements.")] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="Compare with those that a file keeps.")
    ] = None,
    fail_on_slower: Annotated[
        bool, typer.Option("--fail-on-slower", help="Exit with code 3 where a case is slower than it was.")
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        BenchFormat, typer.Option("--format", "-f", help="How to write the measurements.")
    ] = BenchFormat.terminal,
) -> None:
    """Measure training and prediction of every backend: median samples a second, case by case in turns.

    A comparison gives no verdict below the noise floor of this machine, and none without --calibrate.
    """
    _check(calibrate=calibrate, read=read, save=save, compare=compare, fail_on_slower=fail_on_slower)
    settle_threads(threads)
    import harness.bench as measuring

    before = measuring.read(compare) if compare else []
    if read:
        measured = measuring.Measured(_chosen(measuring.read(read), backends, networks, read), {}, {})
    else:
        cases = measuring.cases_for(
            backends or (), networks or (), device=device, threads=threads, rows=rows or measuring.ROWS
        )
        if calibrate:
            _calibrate(cases, rounds, chosen=bool(backends))
            return
        typer.echo(f"measuring {len(cases)} cases in {rounds} rounds", err=True)
        measured = measuring.measure(cases, rounds)
    compared = _compared(compare, measured.measurements, before)
    _show(measured, compared, format)
    if save and measured.measurements:
        measuring.save(save, measured.measurements)
    if measured.failed or not measured.measurements or (backends and measured.unavailable):
        raise typer.Exit(1)
    if fail_on_slower and any(one.verdict == "slower" for one in compared):
        raise typer.Exit(3)


def _check(
    *, calibrate: bool, read: Path | None, save: Path | None, compare: Path | None, fail_on_slower: bool
) -> None:
    """Refuse options that do not go together."""
    from harness.errors import HarnessError

    if calibrate and (read or save or compare):
        msg = "--calibrate: goes with neither --read, --save nor --compare: it keeps the noise floor in the cache"
        raise HarnessError(msg)
    if fail_on_slower and not compare:
        msg = "--fail-on-slower: slower than what? Name a baseline with --compare FILE"
        raise HarnessError(msg)


def _chosen(
    found: Sequence[Measurement], backends: list[str] | None, networks: list[str] | None, path: Path
) -> list[Measurement]:
    """Return the measurements of a file that the command asks for."""
    from harness.errors import HarnessError

    wanted = [
        one
        for one in found
        if one.backend in (backends or [one.backend]) and one.network in (networks or [one.network])
    ]
    if not wanted:
        msg = f"{path}: holds none of these backends and networks; it has {', '.join(one.title for one in found)}"
        raise HarnessError(msg)
    return wanted


def _calibrate(cases: Sequence[Case], rounds: int, *, chosen: bool) -> None:
    """Measure each backend's first case against itself: a device and a BLAS have a noise of their own."""
    from harness.bench import calibrate, keep

    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.backend, case)
    lines, missing, path = [], {}, None
    for case in first.values():
        answer = case.ask()
        if answer.backend is None:
            missing[case] = answer.reason
            continue
        typer.echo(f"measuring {case.title} against itself", err=True)
        found = calibrate(case, rounds)
        path = keep(found)
        lines.append([case.title, found.machine.device, found.machine.blas, f"±{found.floor:.1%}"])
    if lines:
        table("noise floor", lines, ["case", "device", "BLAS", "noise"])
        typer.echo(f"kept in {path}")
    _say_missing(missing)
    if not lines or (chosen and missing):
        raise typer.Exit(1)


def _compared(path: Path | None, now: Sequence[Measurement], before: Sequence[Measurement]) -> list[Comparison]:
    from harness.bench import compare, floors
    from harness.errors import HarnessError

    if not path or not now:
        return []
    try:
        found = compare(now, before, floors())
    except HarnessError as error:
        msg = f"{path}: {error}"
        raise HarnessError(msg) from None
    for titles, what in (
        ([one.title for one in now if one.title not in {other.title for other in before}], f"not in {path}"),
        ([one.title for one in before if one.title not in {other.title for other in now}], "not measured now"),
    ):
        if titles:
            typer.echo(f"{what}: {', '.join(titles)}", err=True)
    if any(one.margin is None for one in found):
        typer.echo("no verdict where the machine's noise is not known: 'harness bench --calibrate' finds it", err=True)
    return found


def _show(measured: Measured, compared: Sequence[Comparison], form: BenchFormat) -> None:
    if form is BenchFormat.json:
        _show_json(measured, compared)
    else:
        for work, title in _TITLES.items():
            found = {(one.backend, one.network): one for one in measured.measurements if one.work == work}
            columns = list(dict.fromkeys(network for _, network in found))
            names = list(dict.fromkeys(backend for backend, _ in found))
            cells = [[name, *(_cell(found.get((name, network))) for network in columns)] for name in names]
            if cells:
                table(f"{title}, samples/s: median ± half the interquartile range", cells, ["backend", *columns])
        if compared:
            lines = [[one.now.title, f"{one.ratio:.3f}", _verdict(one), "; ".join(one.changes)] for one in compared]
            table("against the baseline", lines, ["case", "ratio", "verdict", "changed since"])
    _say_missing(measured.unavailable)
    _say_missing(measured.failed, "failed: ")


def _show_json(measured: Measured, compared: Sequence[Comparison]) -> None:
    import json

    from harness.bench.measurements import document

    content = document(measured.measurements) | {
        "unavailable": {case.title: reason for case, reason in measured.unavailable.items()},
        "failed": {case.title: reason for case, reason in measured.failed.items()},
        "comparisons": [
            {
                "case": one.now.title,
                "ratio": one.ratio,
                "margin": one.margin,
                "verdict": one.verdict,
                "changes": one.changes,
            }
            for one in compared
        ],
    }
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


def _say_missing(reasons: dict[Case, str], what: str = "") -> None:
    """Say what was not measured and why: once for each backend where the reason is the same."""
    told: dict[tuple[str, str], list[Case]] = {}
    for case, reason in reasons.items():
        told.setdefault((case.backend, reason), []).append(case)
    for (backend, reason), cases in told.items():
        networks = ", ".join(dict.fromkeys(case.network for case in cases))
        typer.echo(f"{backend} ({networks}): {what}{reason}", err=True)


def _cell(measurement: Measurement | None) -> str:
    return f"{measurement.samples_per_second:,.0f} ±{measurement.spread:.1%}" if measurement else ""


def _verdict(comparison: Comparison) -> str:
    return comparison.verdict if comparison.margin is None else f"{comparison.verdict} (±{comparison.margin:.1%})"

"""``harness bench``: measures speed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.bench_calibration import calibrate_each
from harness.cli.bench_options import check_options
from harness.cli.bench_output import BenchFormat, show
from harness.cli.options import MOST, duration, settle
from harness.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.bench import Case, Comparison, Measured, Measurement

Names = list[str] | None
ROUNDS = 7
TIMEOUT = "30m"
"""Generous: without ``--rows``, a start or a run takes seconds."""


def bench(
    *,
    backends: Annotated[Names, typer.Option("--backend", metavar="NAME", help="Only this backend. Repeatable.")] = None,
    peers: Annotated[
        Names,
        typer.Option("--peer", metavar="NAME", help="Only this peer ('harness plugins' lists them), or none."),
    ] = None,
    networks: Annotated[
        Names, typer.Option("--network", metavar="NAME", help="Only this network: M0. Repeatable.")
    ] = None,
    works: Annotated[
        Names,
        typer.Option(
            "--work", metavar="NAME", help="Only this: train, products, predict, evaluate, perturb, load. Repeatable."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="Where to run: auto (the default), cpu, cuda:1, …")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "--processes", "-j", min=1, max=MOST, help="Processes that do the same at the same time."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, max=MOST, help="Threads of each. Default: 1, or, without --jobs, --cores."),
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option(
            "--cores",
            min=1,
            max=MOST,
            help="So many threads of one process, then as many processes. Default: all, up to 4.",
        ),
    ] = None,
    precisions: Annotated[
        Names, typer.Option("--precision", metavar="NAME", help="float32 (the default), bfloat16. Repeatable.")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", min=1, help="Runs of each case, or of each process that calibrates. Default: 7."),
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Images of a run. Default: 51200.")] = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="30m", help="How long a case's start, or a run, may take. Default: 30m."),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option("--suite", metavar="FILE", help="Run this suite too, for what it costs beside trials."),
    ] = None,
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
        bool,
        typer.Option(
            "--fail-on-slower", help="Exit with code 3 where a case is slower than it was, or gets no verdict."
        ),
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        BenchFormat, typer.Option("--format", "-f", help="How to write the measurements.")
    ] = BenchFormat.terminal,
) -> None:
    """Measure backends beside plain use of the same libraries, and beside what the machine can do, in turns.

    Every case runs in fresh processes of its own. A comparison gives no verdict below the noise floor of this
    machine, none on what was disturbed, and none without --calibrate.
    """
    check_options(
        {
            "--peer": peers,
            "--network": networks,
            "--work": works,
            "--device": device,
            "--precision": precisions,
            "--jobs": jobs,
            "--threads": threads,
            "--cores": cores,
            "--rows": rows,
            "--rounds": rounds,
            "--timeout": timeout,
            "--suite": suite,
            "--calibrate": calibrate,
            "--read": read,
            "--save": save,
            "--compare": compare,
            "--fail-on-slower": fail_on_slower,
            "--format": format is not BenchFormat.terminal,
        }
    )
    limit = duration("--timeout", timeout or TIMEOUT)
    plain = dict(os.environ)  # peers get it as it is
    settle(threads or 1)
    import harness.bench as measuring

    if save:
        measuring.check_place(save)
    if suite:
        _check_suite(suite)
    before = measuring.read(compare) if compare else []
    names = {"backends": backends or (), "networks": networks or ()}
    if read:
        with _of(read):
            found = measuring.picked(
                measuring.read(read), peers=peers or (), works=works or (), precisions=precisions or (), **names
            )
        measured = measuring.Measured(found)
    else:
        cases = measuring.chosen(
            peers=["none"] if calibrate else peers or (),
            works=measuring.WORKS if calibrate else works or (),
            places=[measuring.Placement(1, threads or 1)] if calibrate else measuring.placements(jobs, threads, cores),
            precisions=precisions or ("float32",),
            device=device or "auto",
            rows=rows or measuring.ROWS,
            **names,
        )
        if calibrate:
            calibrate_each(cases, rounds or ROUNDS, limit, chosen=bool(backends))
            return
        if compare:
            with _of(compare):
                measuring.check_common([case.title for case in cases], before)
        measured = _measure(cases, rounds or ROUNDS, plain, limit)
    compared: list[Comparison] = []
    cost = None
    try:
        if save and measured.measurements:
            measuring.save(save, measured.measurements)
        compared = _compared(compare, measured.measurements, before)
        cost = measuring.overhead(suite) if suite else None
    finally:  # whatever becomes of these: what was measured is shown
        show(measured, compared, cost, format)
    if measured.failed or not measured.measurements or _lacks_a_chosen(measured, backends):
        raise typer.Exit(1)
    if fail_on_slower and _not_kept(compared):
        raise typer.Exit(3)


def _not_kept(compared: Sequence[Comparison]) -> bool:
    """Say whether a case is slower than it was, or not known to be as fast: as `harness compare --fail-on` has it."""
    slower = [one.now.title for one in compared if one.verdict == "slower"]
    unjudged = [one.now.title for one in compared if one.verdict.startswith("no verdict")]
    for titles, what in ((slower, "slower"), (unjudged, "no verdict, which is no pass")):
        if titles:
            typer.echo(f"--fail-on-slower: {what}: {', '.join(titles)}", err=True)
    return bool(slower or unjudged)


def _check_suite(path: Path) -> None:
    """Refuse a suite that does not load before anything is measured."""
    from harness.plugins.loading import registry
    from harness.suite import load_suite

    load_suite(path, registry())


@contextmanager
def _of(path: Path) -> Iterator[None]:
    """Name a file in the errors that are about what is in it."""
    from harness.errors import HarnessError

    try:
        yield
    except HarnessError as error:
        msg = f"{path}: {error}"
        raise HarnessError(msg) from None


def _measure(cases: Sequence[Case], rounds: int, plain: Mapping[str, str], timeout: float | None) -> Measured:
    """Measure, and say on a terminal what is going on."""
    import sys

    from harness.bench import measure

    typer.echo(f"measuring {counted(len(cases), 'case')} in {counted(rounds, 'round')}", err=True)
    if not sys.stderr.isatty():
        return measure(cases, rounds, plain=plain, timeout=timeout)
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        return measure(cases, rounds, plain=plain, timeout=timeout, say=status.update)


def _lacks_a_chosen(measured: Measured, backends: Names) -> bool:
    """Say whether a backend that was asked for by name could not train or predict something."""
    return bool(backends) and any(
        case.kind == "backend" and case.work != "products" and case.precision == "float32"
        for case in measured.unavailable
    )


def _compared(path: Path | None, now: Sequence[Measurement], before: Sequence[Measurement]) -> list[Comparison]:
    from harness.bench import compare, floors

    if not path or not now:
        return []
    with _of(path):
        found = compare(now, before, floors())
    for titles, what in (
        ([one.title for one in now if one.title not in {other.title for other in before}], f"not in {path}"),
        ([one.title for one in before if one.title not in {other.title for other in now}], "not measured now"),
    ):
        if titles:
            typer.echo(f"{what}: {', '.join(titles)}", err=True)
    if any(one.margin is None for one in found):
        typer.echo("no verdict where the machine's noise is not known: 'harness bench --calibrate' finds it", err=True)
    if any(one.disturbed for one in found):
        typer.echo(f"no verdict where a case was disturbed, now or in {path}: others had its cores", err=True)
    return found

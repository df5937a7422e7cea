"""The command that measures speed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.bench_output import BenchFormat, say_missing, show
from harness.cli.options import settle
from harness.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.bench import Case, Comparison, Measured, Measurement

Names = list[str] | None


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
        str, typer.Option("--device", metavar="NAME", help="Where to run: auto, cpu, cuda, cuda:1, …")
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "--processes", "-j", min=1, help="Processes that do the same at the same time."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, help="Threads of each. Default: the cores, up to 4, as threads and as processes."
        ),
    ] = None,
    precisions: Annotated[
        Names, typer.Option("--precision", metavar="NAME", help="float32 (the default), bfloat16. Repeatable.")
    ] = None,
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, help="Runs of each case, or of each process that calibrates."),
    ] = 7,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Images of a run. Default: 51200.")] = None,
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
        bool, typer.Option("--fail-on-slower", help="Exit with code 3 where a case is slower than it was.")
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        BenchFormat, typer.Option("--format", "-f", help="How to write the measurements.")
    ] = BenchFormat.terminal,
) -> None:
    """Measure backends beside plain use of the same libraries, and beside what the machine can do, in turns.

    Every case runs in fresh processes of its own. A comparison gives no verdict below the noise floor of this
    machine, and none without --calibrate.
    """
    _check(calibrate=calibrate, rounds=rounds, read=read, save=save, compare=compare, fail_on_slower=fail_on_slower)
    plain = dict(os.environ)  # peers get it as it is
    settle(threads or 1)
    import harness.bench as measuring

    if save:
        measuring.check_place(save)
    before = measuring.read(compare) if compare else []
    if read:
        measured = measuring.Measured(_chosen(measuring.read(read), backends, networks, read))
    else:
        places = [measuring.Placement(1, threads or 1)] if calibrate else measuring.placements(jobs, threads)
        cases = measuring.chosen(
            backends=backends or (),
            peers=["none"] if calibrate else peers or (),
            networks=networks or (),
            works=measuring.WORKS if calibrate else works or (),
            places=places,
            precisions=precisions or ("float32",),
            device=device,
            rows=rows or measuring.ROWS,
        )
        if calibrate:
            _calibrate(cases, rounds, chosen=bool(backends))
            return
        measured = _measure(cases, rounds, plain)
    compared = _compared(compare, measured.measurements, before)
    show(measured, compared, measuring.overhead(suite) if suite else None, format)
    if save and measured.measurements:
        measuring.save(save, measured.measurements)
    if measured.failed or not measured.measurements or _lacks_a_chosen(measured, backends):
        raise typer.Exit(1)
    if fail_on_slower and any(one.verdict == "slower" for one in compared):
        raise typer.Exit(3)


def _check(
    *,
    calibrate: bool,
    rounds: int,
    read: Path | None,
    save: Path | None,
    compare: Path | None,
    fail_on_slower: bool,
) -> None:
    """Refuse options that do not go together."""
    from harness.errors import HarnessError

    if calibrate and (read or save or compare):
        msg = "--calibrate: goes with neither --read, --save nor --compare: it keeps the noise floor in the cache"
        raise HarnessError(msg)
    if calibrate and rounds == 1:
        msg = (
            "--rounds 1: with one run in each process, --calibrate would not see how runs of one process differ, and "
            "the noise floor would be too low. Leave it out (7), or name at least 2"
        )
        raise HarnessError(msg)
    if fail_on_slower and not compare:
        msg = "--fail-on-slower: slower than what? Name a baseline with --compare FILE"
        raise HarnessError(msg)


def _measure(cases: Sequence[Case], rounds: int, plain: Mapping[str, str]) -> Measured:
    """Measure, and say on a terminal what is going on."""
    import sys

    from harness.bench import measure

    typer.echo(f"measuring {len(cases)} cases in {rounds} {'rounds' if rounds > 1 else 'round'}", err=True)
    if not sys.stderr.isatty():
        return measure(cases, rounds, plain=plain)
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        return measure(cases, rounds, plain=plain, say=status.update)


def _lacks_a_chosen(measured: Measured, backends: Names) -> bool:
    """Say whether a backend that was asked for by name could not train or predict something."""
    return bool(backends) and any(
        case.kind == "backend" and case.work != "products" and case.precision == "float32"
        for case in measured.unavailable
    )


def _chosen(found: Sequence[Measurement], backends: Names, networks: Names, path: Path) -> list[Measurement]:
    """Return the measurements of a file that the command asks for."""
    from harness.bench.cases import known_networks
    from harness.errors import HarnessError

    names = known_networks(networks or ())
    wanted = [
        one
        for one in found
        if (not backends or one.kind != "backend" or one.backend in backends) and (not networks or one.network in names)
    ]
    if not any(one.kind == "backend" for one in wanted):
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
    say_missing(missing)
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

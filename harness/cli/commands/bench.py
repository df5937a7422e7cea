"""``harness bench``: measures speed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.bench_calibration import calibrate_each
from harness.cli.bench_comparison import about, compared_with, gate
from harness.cli.bench_options import check_options, options_named
from harness.cli.bench_output import show
from harness.cli.bench_progress import measured_aloud
from harness.cli.bench_suite import planned_suite, suite_aloud
from harness.cli.options import settle
from harness.cli.tables import Format
from harness.machine.host import MOST
from harness.text import duration

if TYPE_CHECKING:
    from harness.bench import Comparison, Measured

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
        Names, typer.Option("--network", metavar="NAME", help="Only this network, an experiment's name. Repeatable.")
    ] = None,
    network_suite: Annotated[
        Path | None,
        typer.Option(
            "--networks",
            metavar="FILE",
            help="Suite with the networks: those of its finalists, or if it names none, of all. Default: full.",
        ),
    ] = None,
    works: Annotated[
        Names,
        typer.Option(
            "--work",
            metavar="NAME",
            help="Only this work: train, products, predict, evaluate, perturb or load. Repeatable.",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="Where to run: auto (the default), cpu, cuda:1, …")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "--processes", "-j", metavar="N", min=1, max=MOST, help="Processes that do the same work at once."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            max=MOST,
            help="How many threads each process has. Default: 1; without --jobs, see --cores.",
        ),
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option(
            "--cores",
            metavar="N",
            min=1,
            max=MOST,
            help="Measure one process with this many threads, then this many processes. Default: all cores, up to 4.",
        ),
    ] = None,
    precisions: Annotated[
        Names, typer.Option("--precision", metavar="NAME", help="float32 (the default) or bfloat16. Repeatable.")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds", metavar="N", min=1, help="Runs of each case, or of each process of --calibrate. Default: 7."
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="Images that each run takes. Default: 51200.")
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="30m", help="Limit of a case's start, and of each run. Default: 30m."),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            "--suite", metavar="SUITE", help="Also run this suite, and report the time that it spends outside trials."
        ),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure the noise floor of each backend on this machine.")
    ] = False,
    invocations: Annotated[
        int | None,
        typer.Option(
            "--invocations", metavar="N", min=1, help="How often --calibrate measures each backend. Default: 8."
        ),
    ] = None,
    read: Annotated[
        Path | None,
        typer.Option(
            "--read", metavar="FILE", help="Measure nothing: read a file that --save or pytest-benchmark wrote."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the measurements to a file.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="Compare with the measurements in this file.")
    ] = None,
    fail_on_slower: Annotated[
        bool,
        typer.Option("--fail-on-slower", help="Exit with code 3 if a case is slower, 4 if one has no verdict."),
    ] = False,
    require_verdict: Annotated[
        bool,
        typer.Option("--require-verdict", help="With --fail-on-slower: no verdict is code 3, not 4."),
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        Format, typer.Option("--format", "-f", help="How to write the measurements. csv: a line for each case.")
    ] = Format.terminal,
) -> None:
    """Measure the speed of backends.

    Measures backends, other programs for the same work ("peers") and the fastest matrix products of this machine, in
    turns. Every case runs in new processes. A comparison gives a verdict only if the difference is above the noise
    floor, which --calibrate measures, and only if no other process disturbed the case.
    """
    check_options(
        {
            "--peer": peers,
            "--network": networks,
            "--networks": network_suite,
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
            "--require-verdict": require_verdict,
            "--invocations": invocations,
            "--format": format is not Format.terminal,
        }
    )
    limit = duration("--timeout", timeout or TIMEOUT)
    plain = dict(os.environ)  # peers get the environment as it was
    settle(threads or 1)
    import harness.bench as measuring
    from harness.plugins.loading import registry

    plugins = registry()
    if save:
        measuring.check_place(save)
    before = measuring.read(compare) if compare else []
    suite = planned_suite(suite, plugins)
    if read:
        stored = measuring.read(read)
        with about(read), options_named():
            chosen = measuring.picked(
                stored,
                backends=backends or (),
                networks=networks or (),
                peers=peers or (),
                works=works or (),
                precisions=precisions or (),
            )
        measured = measuring.Measured(chosen)
    else:
        places = [measuring.Placement(1, threads or 1)] if calibrate else measuring.placements(jobs, threads, cores)
        with options_named():
            cases = measuring.chosen(
                plugins,
                measuring.load_networks(plugins, network_suite).named(networks or ()),
                backends=backends or (),
                peers=["none"] if calibrate else peers or (),
                works=measuring.WORKS if calibrate else works or (),
                places=places,
                precisions=precisions or ("float32",),
                device=device or "auto",
                rows=rows or measuring.ROWS,
            )
        if calibrate:
            calibrate_each(cases, rounds or ROUNDS, invocations or measuring.INVOCATIONS, limit, chosen=bool(backends))
            return
        if compare:
            with about(compare):
                measuring.check_common([case.title for case in cases], before)
        measured = measured_aloud(cases, rounds or ROUNDS, plain, limit)
    compared: list[Comparison] = []
    cost = None
    try:
        if save and measured.measurements:
            measuring.save(save, measured.measurements)
        compared = compared_with(compare, measured.measurements, before)
        cost = suite_aloud(suite)
    finally:  # measurements are shown even if these fail
        show(measured, compared, cost, format)
    if measured.failed or not measured.measurements or _lacks_a_chosen(measured, backends):
        raise typer.Exit(1)
    if fail_on_slower and (code := gate(compared, require_verdict=require_verdict)):
        raise typer.Exit(code)


def _lacks_a_chosen(measured: Measured, backends: Names) -> bool:
    """Return whether a backend that was asked for by name could not train or predict."""
    return bool(backends) and any(
        case.kind == "backend" and case.work != "products" and case.precision == "float32"
        for case in measured.unavailable
    )

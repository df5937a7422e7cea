"""The commands that show: results, and what is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.options import pool_of, settle
from harness.cli.tables import Format, FormatOption, RawOption, TableOption, show, table
from harness.text import megabytes, natural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.plugins.loading import Registry


def leaderboard(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    tables: TableOption = None,
    raw: RawOption = False,
) -> None:
    """Show a run's leaderboards and tables."""
    from harness.results.leaderboard import tables as all_tables
    from harness.results.summary import summarise
    from harness.store import Run

    show(all_tables(summarise(Run.open(run))), format, tables, of="this run", raw=raw)


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the runs are.")] = Path("runs"),
) -> None:
    """List the runs in a folder: state, age, size."""
    from time import time

    from harness.errors import HarnessError, as_typed
    from harness.machine.paths import is_folder
    from harness.store import listed
    from harness.text import spoken

    if not is_folder(folder):
        msg = f"{as_typed(folder)}: there is no such folder. 'harness run SUITE' makes runs/"
        raise HarnessError(msg)
    lines = [
        [str(one.directory), one.suite, one.state, f"{spoken(max(0.0, time() - one.changed))} ago", megabytes(one.size)]
        for one in sorted(listed(folder), key=lambda one: natural(str(one.directory)))
    ]
    if lines:
        table("", lines, ["run", "suite", "state", "last changed", "size"])
    else:
        typer.echo(f"{as_typed(folder)}: no runs")


def schema() -> None:
    """Print the JSON Schema of a suite, for editors."""
    import json

    from harness.suite.schema import suite_schema

    typer.echo(json.dumps(suite_schema(), indent=2, ensure_ascii=False))


def plugins() -> None:
    """List what the installed plugins offer, and what is set aside."""
    from harness.plugins.loading import KINDS, PEER, registry
    from harness.plugins.vetting import forget

    forget()
    found = registry()
    states = _states(found)
    for kind in (*KINDS, PEER):
        lines = []
        for name, component in sorted(found.named(kind).items()):
            about = []
            if kind == "backend":
                here, told = states[name]
                about = [told.get(component.name, component.version) if here == "yes" else "", here]
            lines.append([name, *about, component.provenance])
        table(f"{kind}s", lines, ["name", "version", "here", "from"] if kind == "backend" else ["name", "from"])
    if found.quarantined:
        lines = [[one.plugin, f"{one.distribution} {one.version}", one.error] for one in found.quarantined]
        table("quarantined: set aside, because of their errors", lines, ["plugin", "from", "error"])

    if found.disabled:
        typer.echo(f"disabled: {', '.join(found.disabled)}")


def doctor() -> None:
    """Show this machine, what is installed, and which backends work here or why not."""
    from importlib.metadata import PackageNotFoundError

    from packaging.requirements import Requirement

    from harness import __version__
    from harness.machine.cache import cache_root
    from harness.machine.host import host
    from harness.machine.installed import find, survey, version
    from harness.plugins.loading import GROUP, registry
    from harness.plugins.vetting import forget

    kernel = _kernel()
    typer.echo(f"harness {__version__}")
    for key, value in host().items():
        typer.echo(f"  {key}: {value}")
    typer.echo(f"  kernel of NumPy's matrix products: {kernel}")
    typer.echo(f"  cache: {cache_root()}\n")
    lines = []
    for text in find("nn-harness").requires or ():
        requirement = Requirement(text)
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = "not installed"
        extra = str(requirement.marker).partition("==")[2].strip(" \"'") if requirement.marker else ""
        lines.append([requirement.name, found, str(requirement.specifier), extra])
    table("libraries", lines, ["name", "installed", "wanted", "extra"])
    forget()
    installed = registry()
    for name, (here, told) in _states(installed).items():
        typer.echo(f"backend {name}: {here}")
        for key, value in told.items():
            typer.echo(f"  {key}: {value}")
    _say_absent(installed)
    for place in survey(GROUP).left_over:
        typer.echo(f"{place} is left over from another installation, and is ignored: remove it")


def _kernel() -> str:
    """Settle the kernel, and say which it is and why."""
    from harness.machine.kernels import TUNING_OFF, VARIABLE

    named, found = os.environ.get(VARIABLE), settle(1)
    if found is None:
        off = f"left to OpenBLAS, as --no-tune or {TUNING_OFF} says"
        return f"{named}, as {VARIABLE} says" if named else off if os.environ.get(TUNING_OFF) else "unknown"
    rates = [f"{name} {rate / 1e9:.0f}" for name, rate in sorted(found.rates.items(), key=lambda one: -one[1])]
    why = "measured fastest" if found.fastest else "its own choice"
    return f"{found.fastest or found.own}, {why} ({', '.join(rates)} GFLOP/s a thread)"


def _say_absent(found: Registry) -> None:
    for text in found.disabled:
        typer.echo(f"plugin {text} is disabled")
    for one in found.quarantined:
        typer.echo(f"plugin {one.plugin} ({one.distribution} {one.version}) is quarantined: {one.error}")


def _states(found: Registry) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Return whether each backend works here, or why not, and its environment; none that hangs or exits hides another.

    Each is asked in a worker.
    """
    from harness.execution.apart import ask, backend_states

    told: dict[str, tuple[str, Mapping[str, str]]] = {}
    named = sorted(found.named("backend").items())
    with pool_of(1, 1) as pool:
        for own in (True, False):
            some = [(name, one) for name, one in named if one.own is own]
            for (name, _), state in zip(some, ask(pool, backend_states, [one for _, one in some]), strict=True):
                reason = state.reason  # a `Failure` has one, too
                told[name] = ("yes", state.environment) if reason is None else (f"no: {reason}", {})
    return dict(sorted(told.items()))

"""The commands that show: results, and what is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.options import settle
from harness.cli.tables import Format, FormatOption, TableOption, show, table
from harness.wording import megabytes

if TYPE_CHECKING:
    from harness.plugins import Component, Registry


def leaderboard(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    tables: TableOption = None,
) -> None:
    """Show a run's leaderboards and tables."""
    from harness.leaderboard import tables as all_tables
    from harness.store import Run
    from harness.summary import summarise

    show(all_tables(summarise(Run.open(run))), format, tables, of="this run")


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the runs are.")] = Path("runs"),
) -> None:
    """List the runs in a folder: state, age, size."""
    from time import time

    from harness.durations import spoken
    from harness.errors import HarnessError
    from harness.paths import is_folder
    from harness.store import listed

    if not is_folder(folder):
        msg = f"{folder}: there is no such folder. 'harness run SUITE' makes runs/"
        raise HarnessError(msg)
    lines = [
        [str(one.directory), one.suite, one.state, f"{spoken(max(0.0, time() - one.changed))} ago", megabytes(one.size)]
        for one in listed(folder)
    ]
    table("", lines, ["run", "suite", "state", "last changed", "size"]) if lines else typer.echo(f"{folder}: no runs")


def schema() -> None:
    """Print the JSON Schema of a suite, for editors."""
    import json

    from harness.suite.schema import suite_schema

    typer.echo(json.dumps(suite_schema(), indent=2, ensure_ascii=False))


def plugins() -> None:
    """List what the installed plugins offer, and what is set aside."""
    from harness.plugins import KINDS, PEER, registry

    found = registry()
    for kind in (*KINDS, PEER):
        lines = []
        for name, component in sorted(found.named(kind).items()):
            about = []
            if kind == "backend":
                here, told = _probed(component)
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

    from harness import __version__, environment
    from harness.installed import find, survey, version
    from harness.places import cache_root
    from harness.plugins import GROUP, registry

    kernel = _kernel()
    typer.echo(f"harness {__version__}")
    for key, value in environment.host().items():
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
    installed = registry()
    for name, component in sorted(installed.named("backend").items()):
        here, told = _probed(component)
        typer.echo(f"backend {name}: {here}")
        for key, value in told.items():
            typer.echo(f"  {key}: {value}")
    _say_absent(installed)
    for place in survey(GROUP).left_over:
        typer.echo(f"{place} is left over from another installation, and is ignored: remove it")


def _kernel() -> str:
    """Settle the kernel, and say which it is and why."""
    from harness.kernels import TUNING_OFF, VARIABLE

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


def _probed(component: Component) -> tuple[str, dict[str, str]]:
    """Return whether a backend works here, or why not, and its environment; whatever it raises hides no other."""
    from harness.errors import one_line
    from harness.jobs import load_backend

    try:
        backend = load_backend(component)
        reason = backend.unavailable("auto")
        if reason is None:
            return "yes", {key: str(value) for key, value in backend.environment("auto").items()}
    except Exception as error:  # noqa: BLE001 - a faulty backend hides no other
        reason = one_line(error)
    return f"no: {reason}", {}

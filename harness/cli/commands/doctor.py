"""``harness doctor``: this machine, what is installed, and what works."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from harness.cli.backends import backend_states
from harness.cli.options import settle
from harness.cli.tables import table

if TYPE_CHECKING:
    from harness.plugins.loading import Registry


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
    for name, (here, told) in backend_states(installed).items():
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

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
    """Show this machine and what works on it.

    Lists the installed libraries, and for each backend whether it works here or why not.
    """
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
            installed = version(requirement.name)
        except PackageNotFoundError:
            installed = "not installed"
        extra = str(requirement.marker).partition("==")[2].strip(" \"'") if requirement.marker else ""
        lines.append([requirement.name, installed, str(requirement.specifier), extra])
    table("libraries", lines, ["name", "installed", "wanted", "extra"])
    forget()
    plugins = registry()
    for name, (here, environment) in backend_states(plugins).items():
        typer.echo(f"backend {name}: {here}")
        for key, value in environment.items():
            typer.echo(f"  {key}: {value}")
    _say_absent(plugins)
    for place in survey(GROUP).left_over:
        typer.echo(f"{place} is left over from another installation and is ignored. Remove it")


def _kernel() -> str:
    """Choose the kernel, and return its name and why it was chosen."""
    from harness.machine.kernels import TUNING_OFF, VARIABLE

    named, kernel = os.environ.get(VARIABLE), settle(1)
    if kernel is None:
        off = f"chosen by OpenBLAS (--no-tune or {TUNING_OFF})"
        return f"{named} (set by {VARIABLE})" if named else off if os.environ.get(TUNING_OFF) else "unknown"
    rates = [f"{name} {rate / 1e9:.0f}" for name, rate in sorted(kernel.rates.items(), key=lambda item: -item[1])]
    why = "measured fastest" if kernel.fastest else "chosen by OpenBLAS"
    return f"{kernel.fastest or kernel.own}, {why} ({', '.join(rates)} GFLOP/s a thread)"


def _say_absent(plugins: Registry) -> None:
    for text in plugins.disabled:
        typer.echo(f"plugin {text} is disabled")
    for entry in plugins.quarantined:
        typer.echo(str(entry))

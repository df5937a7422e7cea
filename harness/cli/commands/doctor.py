"""``harness doctor``: this machine, what is installed, and what works."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from harness.cli.backends import backend_states
from harness.cli.options import settle
from harness.cli.tables import Form, FormOption, table

if TYPE_CHECKING:
    from harness.plugins.loading import Registry


def doctor(
    *,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """Show this machine and what works on it.

    Lists the installed libraries. For each backend, says whether it works on this machine, or why not.
    """
    from harness import __version__
    from harness.machine.cache import cache_root
    from harness.machine.host import host
    from harness.machine.installed import survey
    from harness.machine.pages import huge_pages, with_huge_pages
    from harness.plugins.loading import GROUP, registry
    from harness.plugins.vetting import forget

    kernel, libraries = _kernel(), _libraries()
    machine = host() | huge_pages(with_huge_pages(os.environ))  # as workers have them
    if format is Form.terminal:
        typer.echo(f"harness {__version__}")
        for key, value in machine.items():
            typer.echo(f"  {key}: {value}")
        typer.echo(f"  kernel of NumPy's matrix products: {kernel}")
        typer.echo(f"  cache: {cache_root()}\n")
        lines = [[name, here or "not installed", wanted, extra] for name, here, wanted, extra in libraries]
        table("libraries", lines, ["name", "installed", "wanted", "extra"])
    forget()
    plugins = registry()
    states = backend_states(plugins)
    left_over = survey(GROUP).left_over
    if format is Form.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.installed import BackendAnswer, DoctorDocument, Library, quarantined

        keys = ("name", "installed", "wanted", "extra")
        emit(
            DoctorDocument(
                harness=__version__,
                machine=machine,
                kernel=kernel,
                cache=str(cache_root()),
                libraries=[Library(**dict(zip(keys, line, strict=True))) for line in libraries],
                backends=[BackendAnswer.of(name, *state) for name, state in states.items()],
                disabled=list(plugins.disabled),
                quarantined=quarantined(plugins),
                left_over=[str(place) for place in left_over],
            )
        )
        return
    for name, (here, environment) in states.items():
        typer.echo(f"backend {name}: {here}")
        for key, value in environment.items():
            typer.echo(f"  {key}: {value}")
    _say_absent(plugins)
    for place in left_over:
        typer.echo(f"{place} is left over from another installation and is ignored. Remove it")


_EXTRA = re.compile(r"""extra == ["']([^"']+)""")
"""The extra in a requirement's marker, which may name a system beside it."""


def _libraries() -> list[tuple[str, str | None, str, str]]:
    """Return the libraries that harness needs: name, version here if any, versions wanted, and extra."""
    from importlib.metadata import PackageNotFoundError

    from packaging.requirements import Requirement

    from harness.machine.installed import find, version

    lines = []
    for text in find("nn-harness").requires or ():
        requirement = Requirement(text)
        installed: str | None = None
        with suppress(PackageNotFoundError):
            installed = version(requirement.name)
        extra = next(iter(_EXTRA.findall(str(requirement.marker))), "")
        lines.append((requirement.name, installed, str(requirement.specifier), extra))
    return lines


def _kernel() -> str:
    """Choose the kernel, and return its name and why it was chosen."""
    from harness.machine.kernels import TUNING_OFF, VARIABLE

    named, kernel = os.environ.get(VARIABLE), settle(1)
    if kernel is None:
        off = f"chosen by OpenBLAS (--no-tune or {TUNING_OFF})"
        return f"{named} (set by {VARIABLE})" if named else off if os.environ.get(TUNING_OFF) else "unknown"
    rates = [f"{name} {rate / 1e9:.0f}" for name, rate in sorted(kernel.rates.items(), key=lambda item: -item[1])]
    alike = "; the others are as fast, within the noise, or slower" if len(rates) > 1 else ""
    why = "measured fastest" if kernel.fastest else f"chosen by OpenBLAS{alike}"
    return f"{kernel.fastest or kernel.own}, {why} ({', '.join(rates)} GFLOP/s a thread)"


def _say_absent(plugins: Registry) -> None:
    for text in plugins.disabled:
        typer.echo(f"plugin {text} is disabled")
    for entry in plugins.quarantined:
        typer.echo(str(entry))

"""``harness plugins``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from harness.cli.backends import backend_states
from harness.cli.printing import say
from harness.cli.tables import Format, FormatOption, TableOption, show_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.cli.documents.installed import PluginsDocument
    from harness.plugins.loading import Registry
    from harness.results.tables import Table


def plugins(
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    chosen: TableOption = None,
) -> None:
    """List the installed plugins.

    Shows what the plugins offer, which backends work on this machine, which plugins observe runs and by which hooks,
    and which are quarantined because of errors.
    """
    from harness.plugins.loading import registry
    from harness.plugins.vetting import forget

    forget()
    installed = registry()
    states = backend_states(installed)
    if format is Format.json:
        from harness.cli.documents.document import emit

        emit(_document(installed, states))
        return
    reasons = [f"{name}: {here}" for name, (here, _) in states.items() if here != "yes"]
    aside = format is not Format.terminal
    show_list(_tables(installed, states, reasons=aside), format, chosen, of="this list")
    if reasons and not aside and not chosen:
        say("\n".join(reasons))  # a line each, not in a cell: the command that installs one is copied
    if installed.disabled:
        typer.echo(f"disabled: {', '.join(installed.disabled)}", err=aside)


def _tables(installed: Registry, states: Mapping[str, tuple[str, Mapping[str, str]]], *, reasons: bool) -> list[Table]:
    """Return what is installed, a table a kind; ``states``: of the backends; ``reasons``: why some do not work here."""
    from harness.plugins.components import KINDS, OBSERVER, PEER, plural
    from harness.plugins.loading import hooks_of
    from harness.results.tables import Column, Table

    about = [("version", "version"), ("here", "here"), *([("reason", "reason")] if reasons else [])]
    tables = []
    for kind in (*KINDS, PEER):
        headings = [("name", "name"), *(about if kind == "backend" else []), ("from", "from")]
        lines = []
        for name, component in sorted(installed.named(kind).items()):
            line: dict[str, Any] = {"name": name, "from": component.provenance}
            if kind == "backend":
                here, environment = states[name]
                works = here == "yes"
                line |= {
                    "version": environment.get(component.name, component.version) if works else None,
                    "here": "yes" if works else "no",
                    "reason": "" if works else here.removeprefix("no: "),
                }
            lines.append(line)
        tables.append(Table(plural(kind), plural(kind), [Column(*heading) for heading in headings], lines))
    observers = [
        {"plugin": name, "hooks": tuple(hooks_of(installed.manager, component.target)), "from": component.provenance}
        for name, component in sorted(installed.named(OBSERVER).items())
    ]
    quarantined = [
        {"plugin": entry.plugin, "from": f"{entry.distribution} {entry.version}", "error": entry.error}
        for entry in installed.quarantined
    ]
    for key, title, names, lines in (
        (plural(OBSERVER), plural(OBSERVER), ("plugin", "hooks", "from"), observers),
        ("quarantined", "quarantined: not loaded, because of errors", ("plugin", "from", "error"), quarantined),
    ):
        if lines:
            tables.append(Table(key, title, [Column(name, name) for name in names], lines))
    return tables


def _document(installed: Registry, states: Mapping[str, tuple[str, Mapping[str, str]]]) -> PluginsDocument:
    """Return what is installed; ``states``: of the backends."""
    from harness.cli.documents.installed import (
        BackendAnswer,
        InstalledComponent,
        InstalledObserver,
        PluginsDocument,
        quarantined,
    )
    from harness.plugins.components import KINDS, OBSERVER, PEER
    from harness.plugins.loading import hooks_of

    return PluginsDocument(
        components=[
            InstalledComponent(
                kind=kind,
                name=name,
                distribution=component.distribution,
                version=component.version,
                backend=BackendAnswer.of(name, *states[name]) if kind == "backend" else None,
            )
            for kind in (*KINDS, PEER)
            for name, component in sorted(installed.named(kind).items())
        ],
        observers=[
            InstalledObserver(
                name=name,
                hooks=list(hooks_of(installed.manager, component.target)),
                distribution=component.distribution,
                version=component.version,
            )
            for name, component in sorted(installed.named(OBSERVER).items())
        ],
        quarantined=quarantined(installed),
        disabled=list(installed.disabled),
    )

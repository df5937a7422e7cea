"""``harness plugins``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.backends import backend_states
from harness.cli.tables import Form, FormOption, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.cli.documents.installed import PluginsDocument
    from harness.plugins.loading import Registry


def plugins(
    *,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """List the installed plugins.

    Shows what each offers, which backends work here, which observe runs by which hooks, and which plugins are
    quarantined because of errors.
    """
    from harness.plugins.components import plural
    from harness.plugins.loading import KINDS, OBSERVER, PEER, hooks_of, registry
    from harness.plugins.vetting import forget

    forget()
    installed = registry()
    states = backend_states(installed)
    if format is Form.json:
        from harness.cli.documents.document import emit

        emit(_document(installed, states))
        return
    for kind in (*KINDS, PEER):
        lines = []
        for name, component in sorted(installed.named(kind).items()):
            about = []
            if kind == "backend":
                here, environment = states[name]
                about = [environment.get(component.name, component.version) if here == "yes" else "", here]
            lines.append([name, *about, component.provenance])
        table(plural(kind), lines, ["name", "version", "here", "from"] if kind == "backend" else ["name", "from"])
    lines = [
        [name, ", ".join(hooks_of(installed.manager, component.target)), component.provenance]
        for name, component in sorted(installed.named(OBSERVER).items())
    ]
    if lines:
        table(plural(OBSERVER), lines, ["plugin", "hooks", "from"])
    if installed.quarantined:
        lines = [
            [entry.plugin, f"{entry.distribution} {entry.version}", entry.error] for entry in installed.quarantined
        ]
        table("quarantined: not loaded, because of errors", lines, ["plugin", "from", "error"])
    if installed.disabled:
        typer.echo(f"disabled: {', '.join(installed.disabled)}")


def _document(installed: Registry, states: Mapping[str, tuple[str, Mapping[str, str]]]) -> PluginsDocument:
    """Return what is installed; ``states``: of the backends."""
    from harness.cli.documents.installed import (
        BackendAnswer,
        InstalledComponent,
        InstalledObserver,
        PluginsDocument,
        quarantined,
    )
    from harness.plugins.loading import KINDS, OBSERVER, PEER, hooks_of

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

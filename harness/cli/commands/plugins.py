"""``harness plugins``: what is installed."""

import typer

from harness.cli.backends import backend_states
from harness.cli.tables import table


def plugins() -> None:
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

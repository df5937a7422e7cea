"""``harness plugins``: what is installed."""

import typer

from harness.cli.backends import backend_states
from harness.cli.tables import table


def plugins() -> None:
    """List the installed plugins.

    Shows what each offers, which backends work here, and which plugins are quarantined because of errors.
    """
    from harness.plugins.components import plural
    from harness.plugins.loading import KINDS, PEER, registry
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
    if installed.quarantined:
        lines = [
            [entry.plugin, f"{entry.distribution} {entry.version}", entry.error] for entry in installed.quarantined
        ]
        table("quarantined: not loaded, because of errors", lines, ["plugin", "from", "error"])
    if installed.disabled:
        typer.echo(f"disabled: {', '.join(installed.disabled)}")

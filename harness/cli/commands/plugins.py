"""``harness plugins``: what is installed."""

import typer

from harness.cli.backends import backend_states
from harness.cli.tables import table


def plugins() -> None:
    """List what the installed plugins offer, and what is set aside."""
    from harness.plugins.loading import KINDS, PEER, registry
    from harness.plugins.vetting import forget

    forget()
    found = registry()
    states = backend_states(found)
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

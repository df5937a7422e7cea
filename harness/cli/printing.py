"""How commands say a line that holds foreign text: names, titles, reasons, paths."""

from __future__ import annotations

import typer


def say(text: str, *, err: bool = False) -> None:
    """Print lines; what a terminal would obey, or cannot show, is escaped."""
    from harness.errors import escaped

    typer.echo(escaped(text), err=err)

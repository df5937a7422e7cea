"""Prints lines that contain foreign text: names, titles, reasons, paths."""

from __future__ import annotations

import typer


def say(text: str, *, err: bool = False) -> None:
    """Print lines; characters that a terminal would obey or cannot show are escaped."""
    from harness.errors import escaped

    typer.echo(escaped(text), err=err)

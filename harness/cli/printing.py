"""Prints lines that contain foreign text: names, titles, reasons, paths."""

from __future__ import annotations

import sys

import typer


def say(text: str, *, err: bool = False) -> None:
    """Print lines; characters that a terminal would obey or cannot show are escaped."""
    from harness.errors import escaped

    if err:
        # Not typer's echo: it writes past a picture that has taken standard error, and into its lines.
        sys.stderr.write(f"{escaped(text)}\n")
        sys.stderr.flush()
    else:
        typer.echo(escaped(text))


def say_sentences(text: str) -> None:
    """Print sentences on standard error, as `say` does; a terminal breaks them between words.

    Not for commands and paths: those are copied, and stay in one line.
    """
    from harness.cli.width import columns_of
    from harness.errors import escaped
    from harness.results.tables.wrapping import wrapped

    typer.echo(wrapped(escaped(text), columns_of(sys.stderr) if sys.stderr.isatty() else None), err=True)

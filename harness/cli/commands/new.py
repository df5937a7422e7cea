"""``harness new``: starts a plugin or a suite."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import as_typed
from harness.text import command


class Kind(StrEnum):
    """What a template exists for."""

    backend = "backend"
    optimizer = "optimizer"
    loss = "loss"
    model = "model"
    perturbation = "perturbation"
    dataset = "dataset"
    observer = "observer"
    suite = "suite"


def new(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND", help="backend, optimizer, loss, model, perturbation, dataset, observer or suite."
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name in suites.")],
    *,
    directory: Annotated[
        Path,
        typer.Option("--directory", "-d", metavar="DIR", help="The folder to write into. Default: the current one."),
    ] = Path(),
    source: Annotated[
        str | None, typer.Option("--from", metavar="SUITE", help="Copy this suite, one that 'harness suites' lists.")
    ] = None,
) -> None:
    """Start a plugin or a suite from a template.

    A plugin becomes a package in harness-NAME/, a suite becomes NAME.toml.
    """
    from harness.errors import HarnessError
    from harness.plugins.loading import registry
    from harness.plugins.scaffold import create
    from harness.suite.shipped import copied

    if source is not None and kind is not Kind.suite:
        msg = f"--from: does not go with {kind.value}: only suites are copied"
        raise HarnessError(msg)
    text = None if source is None else copied(source)
    written = create(kind.value, name, directory, registry(), suite=text)
    for path in written:
        typer.echo(as_typed(path))
    if kind is Kind.suite:
        commands = [command("harness", "plan", written[0]), command("harness", "run", written[0])]
    else:
        commands = [command("cd", directory / f"harness-{name}"), 'pip install -e ".[test]"', "pytest"]
    typer.echo("\nNext:\n" + "\n".join(f"  {line}" for line in commands))

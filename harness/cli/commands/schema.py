"""``harness schema``: the JSON Schema of a suite, or of what a command prints as JSON."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    what: Annotated[
        str, typer.Argument(metavar="[NAME]", help="suite, or a command with -f json: run, plan, compare, …")
    ] = "suite",
) -> None:
    """Print the JSON Schema of a suite.

    Editors use it to complete and check suites. With the NAME of a command, prints the schema of what that command
    prints with -f json.
    """
    import json

    from harness.cli.documents.catalogue import DOCUMENTS, document_schema
    from harness.errors import HarnessError, as_typed, nearest
    from harness.suite.schema import suite_schema

    if what not in {"suite", *DOCUMENTS}:
        msg = f"{as_typed(what, 80)}: no schema of that name. {nearest(what, ['suite', *DOCUMENTS])}"
        raise HarnessError(msg)
    content = suite_schema() if what == "suite" else document_schema(what)
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))

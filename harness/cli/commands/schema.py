"""``harness schema``: the JSON Schema of a suite."""

import typer


def schema() -> None:
    """Print the JSON Schema of a suite.

    Editors complete and check suites with it.
    """
    import json

    from harness.suite.schema import suite_schema

    typer.echo(json.dumps(suite_schema(), indent=2, ensure_ascii=False))

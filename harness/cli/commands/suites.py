"""``harness suites``: the suites that every installation has."""

import typer

from harness.cli.tables import table


def suites() -> None:
    """List the suites that harness ships with.

    Each runs by its name: 'harness run quick'. 'harness new suite NAME --from quick' copies one.
    """
    from harness.suite.inheritance import lineage
    from harness.suite.shipped import shipped

    lines = []
    for name, path in shipped().items():
        content = lineage(path)[-1][1]
        about = content["suite"]
        dataset = content.get("dataset", {}).get("name", "digits")
        lines.append([name, len(content["experiments"]), dataset, about.get("description") or about["name"]])
    if lines:
        table("", lines, ["suite", "experiments", "dataset", "what"], minor=["experiments"])
    else:
        typer.echo("none: this installation has no suites")

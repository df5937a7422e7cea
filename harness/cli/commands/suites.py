"""``harness suites``: the suites that every installation has."""

import typer

from harness.cli.tables import Format, FormatOption, show_list


def suites(
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
) -> None:
    """List the suites that harness ships with.

    Each runs by its name: 'harness run quick'. 'harness new suite NAME --from quick' copies one.
    """
    from harness.results.tables import Column, Table
    from harness.suite.inheritance import lineage
    from harness.suite.shipped import shipped

    lines = []
    for name, path in shipped().items():
        content = lineage(path)[-1][1]
        about = content["suite"]
        dataset = content.get("dataset", {}).get("name", "digits")
        what = about.get("description") or about["name"]
        lines.append({"suite": name, "experiments": len(content["experiments"]), "dataset": dataset, "what": what})
    if format is Format.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.installed import ShippedSuite, SuitesDocument

        emit(SuitesDocument(suites=[ShippedSuite.model_validate(line) for line in lines]))
        return
    columns = [
        Column("suite", "suite"),
        Column("experiments", "experiments", minor=1),
        Column("dataset", "dataset"),
        Column("what", "what"),
    ]
    if lines or format is not Format.terminal:
        show_list([Table("suites", "", columns, lines)], format, of="this installation")
    if not lines:
        typer.echo("none: this installation has no suites", err=format is not Format.terminal)

"""``harness datasets``: lists, downloads and describes datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from harness.cli.commands.datasets.describe import describe
from harness.cli.commands.datasets.fetch import fetch
from harness.cli.tables import Format, FormatOption, TableOption, show_list
from harness.text import megabytes

if TYPE_CHECKING:
    from pathlib import Path

    from harness.cli.documents.installed import DatasetsDocument
    from harness.datasets.info import DatasetInfo
    from harness.execution.apart import DatasetState
    from harness.plugins.components import Component
    from harness.results.tables import Table

datasets = typer.Typer(rich_markup_mode=None, add_completion=False)
datasets.command()(fetch)
datasets.command()(describe)


@datasets.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    chosen: TableOption = None,
) -> None:
    """List, download or describe datasets.

    Without a command, lists the datasets: whether each is on this machine, where, its size, and how it was verified.
    """
    if context.invoked_subcommand is not None:
        return
    from harness.datasets.cache import cached
    from harness.machine.cache import cache_root
    from harness.plugins.loading import registry

    named = sorted(registry().named("dataset").items())
    states = _states([component for _, component in named])
    root = cache_root()
    entries = [(entry.info, _bytes(entry.directory)) for entry in cached(root)]
    if format is Format.json:
        from harness.cli.documents.document import emit

        emit(_document(named, states, root, entries))
        return
    show_list(_tables(named, states, entries), format, chosen, of="this list")
    typer.echo(f"cache: {root}", err=format is not Format.terminal)


def _tables(
    named: list[tuple[str, Component]], states: dict[str, DatasetState], entries: list[tuple[DatasetInfo, int]]
) -> list[Table]:
    """Return what is here, and what is in the cache if there is anything; ``entries``: of the cache, with bytes."""
    from harness.results.tables import Column, Table, Worded

    held = any(state.holding for state in states.values())
    about = [("place", "where"), ("bytes", "size"), ("checked", "checked")] if held else []
    headings = [("name", "name"), ("here", "here"), *about, ("from", "from")]
    lines = []
    for name, component in named:
        state = states[component.reference]
        line: dict[str, Any] = {"name": name, "here": state.here, "from": component.provenance}
        if state.holding is not None:
            size = state.holding.size
            line |= {
                "place": str(state.holding.place),
                "bytes": Worded(size, megabytes(size)),
                "checked": state.holding.checked,
            }
        lines.append(line)
    tables = [Table("datasets", "datasets", [Column(*heading) for heading in headings], lines)]
    cached = [
        {
            "name": info.name,
            "title": info.title,
            "bytes": Worded(size, megabytes(size)),
            "checked": info.checked,
            "digest": Worded(info.digest, info.digest[:12]),
        }
        for info, size in entries
    ]
    headings = [
        ("name", "name"), ("title", "what"), ("bytes", "size"), ("checked", "checked"), ("digest", "digest"),
    ]  # fmt: skip
    if cached:
        tables.append(Table("cached", "in the cache", [Column(*heading) for heading in headings], cached))
    return tables


def _document(
    named: list[tuple[str, Component]],
    states: dict[str, DatasetState],
    root: Path,
    entries: list[tuple[DatasetInfo, int]],
) -> DatasetsDocument:
    """Return what is here; ``entries``: of the cache, with their bytes."""
    from harness.cli.documents.installed import CachedEntry, DatasetsDocument, InstalledDataset

    datasets = []
    for name, component in named:
        state = states[component.reference]
        holding = state.holding
        datasets.append(
            InstalledDataset(
                name=name,
                here=state.here,
                place=str(holding.place) if holding else None,
                bytes=holding.size if holding else None,
                checked=holding.checked if holding else "",
                distribution=component.distribution,
                version=component.version,
            )
        )
    return DatasetsDocument(
        datasets=datasets,
        cache=str(root),
        cached=[
            CachedEntry(name=info.name, title=info.title, bytes=size, checked=info.checked, digest=info.digest)
            for info, size in entries
        ],
    )


def _states(components: list[Component]) -> dict[str, DatasetState]:
    """Return, by reference, whether a dataset is here without options, where, how large, and what verified it.

    Third-party datasets are asked in a worker, so that one that hangs or exits does not hide another.
    """
    from harness.execution.apart import DatasetState, ask, dataset_state, dataset_states
    from harness.execution.pools.choice import pool_of
    from harness.plugins.loading import registry

    own, foreign = ([component for component in components if component.own is own] for own in (True, False))
    states: dict[str, DatasetState] = {
        component.reference: dataset_state(component.reference, registry()) for component in own
    }
    with pool_of(1, 1, registry()) as pool:
        for component, answer in zip(foreign, ask(pool, dataset_states, foreign), strict=True):
            known = isinstance(answer, DatasetState)
            states[component.reference] = answer if known else DatasetState(f"faulty: {answer.reason}")
    return states


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())

"""``harness datasets``: lists, downloads and describes datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.commands.datasets.describe import describe
from harness.cli.commands.datasets.fetch import fetch
from harness.cli.tables import Form, FormOption, table
from harness.text import megabytes

if TYPE_CHECKING:
    from pathlib import Path

    from harness.cli.documents.installed import DatasetsDocument
    from harness.datasets.info import DatasetInfo
    from harness.execution.apart import DatasetState
    from harness.interfaces import Holding
    from harness.plugins.loading import Component

datasets = typer.Typer(rich_markup_mode=None, add_completion=False)
datasets.command()(fetch)
datasets.command()(describe)


@datasets.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    *,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """List, download or describe datasets.

    Without a command: lists which datasets are here, where, how large, and what verified them.
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
    if format is Form.json:
        from harness.cli.documents.document import emit

        emit(_document(named, states, root, entries))
        return
    lines = [
        [name, states[component.reference].here, *_cells(states[component.reference].holding), component.provenance]
        for name, component in named
    ]
    table("datasets", lines, ["name", "here", "where", "size", "checked", "from"])
    cells = [[info.name, info.title, megabytes(size), info.checked, info.digest[:12]] for info, size in entries]
    if cells:
        table("in the cache", cells, ["name", "what", "size", "checked", "digest"])
    typer.echo(f"cache: {root}")


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


def _cells(holding: Holding | None) -> list[str]:
    """Return where the files of a dataset are, their size, and what verified them."""
    return ["", "", ""] if holding is None else [str(holding.place), megabytes(holding.size), holding.checked]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())

"""``harness datasets``: lists, downloads and describes datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.commands.datasets.describe import describe
from harness.cli.commands.datasets.fetch import fetch
from harness.cli.tables import table
from harness.text import megabytes

if TYPE_CHECKING:
    from pathlib import Path

    from harness.interfaces import Holding
    from harness.plugins.loading import Component

datasets = typer.Typer(rich_markup_mode=None, add_completion=False)
datasets.command()(fetch)
datasets.command()(describe)


@datasets.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
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
    lines = [[name, *states[component.reference], component.provenance] for name, component in named]
    table("datasets", lines, ["name", "here", "where", "size", "checked", "from"])
    root = cache_root()
    entries = [
        [info.name, info.title, megabytes(_bytes(folder)), info.checked, info.digest[:12]]
        for info, folder in ((entry.info, entry.directory) for entry in cached(root))
    ]
    if entries:
        table("in the cache", entries, ["name", "what", "size", "checked", "digest"])
    typer.echo(f"cache: {root}")


def _states(components: list[Component]) -> dict[str, list[str]]:
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
    return {name: [state.here, *_cells(state.holding)] for name, state in states.items()}


def _cells(holding: Holding | None) -> list[str]:
    """Return where the files of a dataset are, their size, and what verified them."""
    return ["", "", ""] if holding is None else [str(holding.place), megabytes(holding.size), holding.checked]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())

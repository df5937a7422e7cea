"""``harness datasets``: what is here, the download, and what a dataset is in numbers and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.commands.datasets.describe import describe
from harness.cli.commands.datasets.fetch import fetch
from harness.cli.options import pool_of
from harness.cli.tables import table
from harness.text import megabytes

if TYPE_CHECKING:
    from pathlib import Path

    from harness.plugins.loading import Component

datasets = typer.Typer(rich_markup_mode=None, add_completion=False)
datasets.command()(fetch)
datasets.command()(describe)


@datasets.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """List the datasets: what is here, where, how large, and what it was held against."""
    if context.invoked_subcommand is not None:
        return
    from harness.datasets.cache import cached
    from harness.machine.cache import cache_root
    from harness.plugins.loading import registry

    named = sorted(registry().named("dataset").items())
    states = _states([one for _, one in named])
    lines = [[name, *states[one.reference], one.provenance] for name, one in named]
    table("datasets", lines, ["name", "here", "where", "size", "checked", "from"])
    root = cache_root()
    entries = [
        [one.name, one.title, megabytes(_bytes(one.directory)), one.checked, one.digest[:12]] for one in cached(root)
    ]
    if entries:
        table("read already, in the cache", entries, ["name", "what", "size", "checked", "digest"])
    typer.echo(f"cache: {root}")


def _states(components: list[Component]) -> dict[str, list[str]]:
    """Return, by reference, whether a dataset is here without options, where, how large, and what verified it.

    Those of third parties are asked in a worker: one that hangs or exits hides no other.
    """
    from harness.execution.apart import DatasetState, ask, dataset_state, dataset_states
    from harness.plugins.loading import registry

    states: dict[str, DatasetState] = {
        one.reference: dataset_state(one.reference, registry()) for one in components if one.own
    }
    foreign = [one for one in components if not one.own]
    with pool_of(1, 1) as pool:
        for one, said in zip(foreign, ask(pool, dataset_states, foreign), strict=True):
            known = isinstance(said, DatasetState)
            states[one.reference] = said if known else DatasetState(f"faulty: {said.reason}")
    return {
        name: [one.here, one.place, "" if one.size is None else megabytes(one.size), one.checked]
        for name, one in states.items()
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())

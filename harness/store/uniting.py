"""What several runs of one suite are together: a suite with the experiments, seeds and severities of all."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import HarnessError, shown
from harness.store.run import Run
from harness.suite import Suite
from harness.trial.robustness import Robustness

_BY_NAME = ("experiments", "finalists", "ensembles")
"""Tables that are united name by name: what two runs share must be equal."""
_JOINED = ("expect",)
"""Lists whose entries are those of all runs, each once."""
_OWN = ("suite", "dataset", "robustness")
"""Tables with a rule: seeds are united, data are compared by their digests, severities are united."""


class United(NamedTuple):
    """What a run that several are merged into is of; as `Run` has it."""

    suite: Suite
    planned: list[tuple[str, int]]
    components: dict[str, str]


def united(runs: Sequence[Run]) -> United:
    """Return what runs are together.

    Raises:
        HarnessError: they are of other data, of other recipes, or of other plugins; the first difference is named.
    """
    first, *others = runs
    components = dict(first.components)
    for other in others:
        _same_data(first, other)
        for key, identity in other.components.items():
            if components.setdefault(key, identity) != identity:
                raise differ(other.directory, first.directory, key, identity, components[key])
    seeds = list(dict.fromkeys(seed for run in runs for seed in run.suite.suite.seeds))
    tables: dict[str, Any] = {
        "suite": first.suite.suite.model_copy(update={"seeds": seeds}),
        "robustness": _robustness(runs),
    }
    for key in Suite.model_fields:
        if key in _BY_NAME:
            tables[key] = _by_name(runs, key)
        elif key in _JOINED:
            every = [entry for run in runs for entry in getattr(run.suite, key)]
            tables[key] = [entry for place, entry in enumerate(every) if entry not in every[:place]]
        elif key not in _OWN:
            _same_table(runs, key)
    suite = first.suite.model_copy(update=tables)
    planned = {key for run in runs for key in run.planned}
    ordered = list(dict.fromkeys([*seeds, *(seed for run in runs for _, seed in run.planned)]))
    return United(
        suite, [(name, seed) for name in suite.experiments for seed in ordered if (name, seed) in planned], components
    )


def _same_data(first: Run, other: Run) -> None:
    for field, value, first_value in (
        ("suite", other.suite.suite.name, first.suite.suite.name),
        ("dataset", other.dataset.name, first.dataset.name),
        ("the data's digest", other.dataset.digest, first.dataset.digest),
        ("the split's digest", other.dataset.split, first.dataset.split),
        ("scale", other.dataset.scale, first.dataset.scale),
    ):
        if value != first_value:
            raise differ(other.directory, first.directory, field, value, first_value)


def _by_name(runs: Sequence[Run], key: str) -> dict[str, Any]:
    """Return the tables of all runs by name, in the order in which they come."""
    tables: dict[str, Any] = {}
    whose: dict[str, Run] = {}
    for run in runs:
        for name, table in getattr(run.suite, key).items():
            if name in tables and tables[name] != table:
                place, value, first_value = _difference(_plain(table), _plain(tables[name]), f"{key}.{name}")
                raise differ(run.directory, whose[name].directory, place, value, first_value)
            tables.setdefault(name, table)
            whose.setdefault(name, run)
    return tables


def _same_table(runs: Sequence[Run], key: str) -> None:
    first, *others = runs
    for other in others:
        own_table, first_table = _plain(getattr(other.suite, key)), _plain(getattr(first.suite, key))
        if own_table != first_table:
            place, value, first_value = _difference(own_table, first_table, key)
            raise differ(other.directory, first.directory, place, value, first_value)


def _robustness(runs: Sequence[Run]) -> list[Robustness]:
    """Return the perturbations of all runs; of tables that differ in severities alone, one with those of all.

    Raises:
        HarnessError: two runs test one severity with other seeds or options: results do not distinguish them.
    """
    united_tables: list[Robustness] = []
    whose: dict[tuple[str, float], tuple[Run, Robustness]] = {}
    for run, table in [(each, table) for each in runs for table in each.suite.robustness]:
        for severity in table.severities:
            first, other = whose.setdefault((table.perturbation, severity), (run, table))
            own_table, first_table = _without_severities(table), _without_severities(other)
            if own_table != first_table:
                place, value, first_value = _difference(own_table, first_table, f"robustness.{table.perturbation}")
                raise differ(run.directory, first.directory, f"{place} at severity {severity:g}", value, first_value)
        alike = [
            place for place, each in enumerate(united_tables) if _without_severities(each) == _without_severities(table)
        ]
        if not alike:
            united_tables.append(table)
            continue
        known = united_tables[alike[0]].severities
        every = list(dict.fromkeys([*known, *table.severities]))
        if all(_ascending(severities) for severities in (known, table.severities)):
            every.sort()
        united_tables[alike[0]] = united_tables[alike[0]].model_copy(update={"severities": every})
    return united_tables


def _without_severities(table: Robustness) -> dict[str, Any]:
    return {key: value for key, value in table.model_dump().items() if key != "severities"}


def _ascending(severities: Sequence[float]) -> bool:
    return sorted(severities) == list(severities)


def _plain(table: Any) -> Any:
    return table.model_dump(mode="json") if hasattr(table, "model_dump") else table


def _difference(value: Any, first_value: Any, place: str) -> tuple[str, Any, Any]:
    """Return the place of the first difference between two tables, and what each has there."""
    if isinstance(value, Mapping) and isinstance(first_value, Mapping):
        for key in _keys(value, first_value):
            if value.get(key) != first_value.get(key):
                return _difference(value.get(key), first_value.get(key), f"{place}.{key}")
    return place, value, first_value


def _keys(*tables: Mapping[str, Any]) -> Iterable[str]:
    return dict.fromkeys(key for table in tables for key in table)


def differ(
    directory: Path, first: Path, field: str, value: Any, first_value: Any, same: str = "data, recipes and plugins"
) -> HarnessError:
    """Return the error of two directories that are not merged, because a field differs between them."""
    return HarnessError(
        f"{directory}: {field} is {shown(value)}, in {first} it is {shown(first_value)}: only runs of the same {same} "
        "are merged. Leave one of them out"
    )

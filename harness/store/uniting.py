"""What several runs of one suite are together: a suite with the experiments, seeds and severities of all."""

from collections.abc import Iterable, Mapping, Sequence
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
                raise _differ(other, first, key, identity, components[key])
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
    for what, here, there in (
        ("suite", other.suite.suite.name, first.suite.suite.name),
        ("dataset", other.dataset.name, first.dataset.name),
        ("the data's digest", other.dataset.digest, first.dataset.digest),
        ("the split's digest", other.dataset.split, first.dataset.split),
        ("scale", other.dataset.scale, first.dataset.scale),
    ):
        if here != there:
            raise _differ(other, first, what, here, there)


def _by_name(runs: Sequence[Run], key: str) -> dict[str, Any]:
    """Return the tables of all runs by name, in the order in which they come."""
    found: dict[str, Any] = {}
    whose: dict[str, Run] = {}
    for run in runs:
        for name, table in getattr(run.suite, key).items():
            if name in found and found[name] != table:
                place, here, there = _difference(_plain(table), _plain(found[name]), f"{key}.{name}")
                raise _differ(run, whose[name], place, here, there)
            found.setdefault(name, table)
            whose.setdefault(name, run)
    return found


def _same_table(runs: Sequence[Run], key: str) -> None:
    first, *others = runs
    for other in others:
        here, there = _plain(getattr(other.suite, key)), _plain(getattr(first.suite, key))
        if here != there:
            place, one, another = _difference(here, there, key)
            raise _differ(other, first, place, one, another)


def _robustness(runs: Sequence[Run]) -> list[Robustness]:
    """Return the perturbations of all runs; of tables that differ in severities alone, one with those of all."""
    found: list[Robustness] = []
    for table in (table for run in runs for table in run.suite.robustness):
        alike = [place for place, each in enumerate(found) if _without_severities(each) == _without_severities(table)]
        if not alike:
            found.append(table)
            continue
        known = found[alike[0]].severities
        every = list(dict.fromkeys([*known, *table.severities]))
        if all(_ascending(severities) for severities in (known, table.severities)):
            every.sort()
        found[alike[0]] = found[alike[0]].model_copy(update={"severities": every})
    return found


def _without_severities(table: Robustness) -> dict[str, Any]:
    return {key: value for key, value in table.model_dump().items() if key != "severities"}


def _ascending(severities: Sequence[float]) -> bool:
    return sorted(severities) == list(severities)


def _plain(table: Any) -> Any:
    return table.model_dump(mode="json") if hasattr(table, "model_dump") else table


def _difference(here: Any, there: Any, place: str) -> tuple[str, Any, Any]:
    """Return the place of the first difference between two tables, and what each has there."""
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for key in _keys(here, there):
            if here.get(key) != there.get(key):
                return _difference(here.get(key), there.get(key), f"{place}.{key}")
    return place, here, there


def _keys(*tables: Mapping[str, Any]) -> Iterable[str]:
    return dict.fromkeys(key for table in tables for key in table)


def _differ(run: Run, first: Run, what: str, here: Any, there: Any) -> HarnessError:
    return HarnessError(
        f"{run.directory}: {what} is {shown(here)}, in {first.directory} it is {shown(there)}: only runs of the same "
        "data, recipes and plugins are merged. Leave one of them out"
    )

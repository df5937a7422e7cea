"""Compares a stored row with the planned trial: an earlier command may have trained it by another recipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from harness.rows import EvaluationRow, Measure, TrialRow
from harness.suite.models import Experiment
from harness.text import in_toml
from harness.trial.fingerprints import differences, evaluation_fingerprint
from harness.trial.robustness import Robustness, options_of, seeds_of


def staleness(stored: TrialRow, planned: TrialRow) -> list[str]:
    """Return the differences between a stored row's trial and the planned one, in words; empty where the row serves.

    This alone decides which rows have the status ``stale``. An option that is newer than the row has its default.
    """
    if stored.settings != planned.settings:
        stored = replace(stored, settings=_as_read_now(stored.settings))
    return differences(stored, planned)


def described(
    stored: TrialRow, settings: Mapping[str, Any], digests: Mapping[str, str], components: Mapping[str, str]
) -> TrialRow:
    """Return the planned row that a run's header describes, as far as it and a stored row tell.

    ``settings``: the experiment's. ``digests`` of the dataset and the split, and ``components``, the run's plugins:
    one that is empty or not there is unknown, and so is what the row does not record. The backend is not compared: a
    row serves whatever backend made it, and every table shows which.
    """
    known = {key: digest for key, digest in digests.items() if digest} | {"precision": settings["precision"]}
    return replace(
        stored,
        settings=dict(settings),
        basis={key: known.get(key, value) for key, value in stored.basis.items()},
        components={key: components.get(key, value) for key, value in stored.components.items()},
    )


def evaluation_changes(
    evaluation: EvaluationRow, perturbations: Sequence[Robustness], components: Mapping[str, str]
) -> dict[str, str]:
    """Return which of the run's perturbations an evaluation measured otherwise than the run asks, and in what.

    By name, in words: ``"seed was 42, is 7"``. Other severities are no such change: each measure says which it has.
    A plugin that is not in ``components``, and seeds that an earlier version did not record, are unknown.
    """
    changes = {}
    options = options_of(perturbations)
    for name, seeds in seeds_of(perturbations).items():
        key = f"perturbation {name}"
        before, now = evaluation.components.get(key), components.get(key)
        earlier = (evaluation.seeds or {}).get(name)
        if before and now and before != now:
            changes[name] = f"it was {before}, is {now}"
        elif earlier is not None and earlier != seeds:
            changes[name] = f"its seed was {_numbers(earlier)}, is {_numbers(seeds)}"
        elif evaluation.options.get(name) != options.get(name):
            changes[name] = f"its options were {_tables(evaluation.options, name)}, are {_tables(options, name)}"
    return changes


def as_described(
    row: TrialRow, perturbations: Sequence[Robustness], components: Mapping[str, str]
) -> EvaluationRow | None:
    """Return what serves of a row's evaluation in a run that asks for ``perturbations``: the clean images always do.

    What was measured under a perturbation of another seed or another version is left out: side by side with what the
    run asks for, it would be compared with other noise.
    """
    evaluation = row.evaluation
    if evaluation is None:
        return None
    changed = set(evaluation_changes(evaluation, perturbations, components))
    if evaluation.seeds is None and not _same_seeds(row, evaluation, perturbations):
        changed |= set(seeds_of(perturbations))
    kept = [index for index, measure in enumerate(evaluation.measures) if measure.perturbation not in changed]
    if len(kept) == len(evaluation.measures):
        return evaluation
    return replace(evaluation, measures=[evaluation.measures[index] for index in kept])


def _same_seeds(row: TrialRow, evaluation: EvaluationRow, perturbations: Sequence[Robustness]) -> bool:
    """Return whether an evaluation without recorded seeds has those of ``perturbations``, by its fingerprint.

    True where it cannot: what an earlier version did not record is taken for equal.
    """
    if not evaluation.components:
        return True
    first = {name: seeds[0] for name, seeds in seeds_of(perturbations).items()}
    measured = [  # not validated: a row may say what no suite may ask for
        Robustness.model_construct(
            perturbation=name, severities=[measure.severity for measure in group], seed=first.get(name, 0)
        )
        for name, group in _by_perturbation(evaluation.measures)
    ]
    possible = (perturbations, measured)
    prints = {evaluation_fingerprint(row.fingerprint, tables, evaluation.components) for tables in possible}
    return evaluation.fingerprint in prints


def _by_perturbation(measures: Iterable[Measure]) -> Iterable[tuple[str, list[Measure]]]:
    for name, group in groupby(measures, key=lambda measure: measure.perturbation):
        if name is not None:
            yield name, list(group)


def _tables(options: Mapping[str, list[dict[str, Any]]], name: str) -> str:
    tables = (", ".join(f"{key} = {in_toml(value)}" for key, value in table.items()) for table in options.get(name, []))
    return " and ".join(f"{{ {table} }}" if table else "none" for table in tables) or "none"


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def _as_read_now(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as this version reads them: an option that is newer than they are has its default."""
    try:
        return Experiment.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return dict(settings)

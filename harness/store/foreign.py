"""Whether a trial's row is of its run as the last command described it: an earlier one may have meant another trial."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from harness.rows import EvaluationRow, Measure, TrialRow
from harness.suite.models import Experiment
from harness.trial.fingerprints import differences, evaluation_fingerprint
from harness.trial.robustness import Robustness, seeds_of


def foreign(
    row: TrialRow, experiment: Experiment, dataset: str, split: str, components: Mapping[str, str] | None = None
) -> str:
    """Return of what else a row that was trained or tried is, ``"of another split"``; empty where of nothing else.

    ``dataset`` and ``split`` are the digests of the run's, ``components`` its plugins; one that is empty or not there
    is unknown, and so is what the row does not say of itself. The backend is not compared: a row serves whatever
    backend made it, and every table shows which.
    """
    if row.status in {"planned", "unavailable"}:
        return ""
    told = []
    if _other(row, "dataset", dataset):
        told.append("of other data")
    if _other(row, "split", split):
        told.append("of another split")
    basis = {key: experiment.precision if key == "precision" else value for key, value in row.basis.items()}
    then = replace(row, settings=_as_read_now(row.settings))
    now = {key: (components or {}).get(key, value) for key, value in row.components.items()}
    described = replace(row, settings=experiment.model_dump(mode="json"), basis=basis, components=now)
    changed = differences(then, described)
    if changed:
        more = f", and {len(changed) - 1} more" if len(changed) > 1 else ""
        told.append(f"of another recipe: {changed[0]}{more}")
    return " and ".join(told)


def evaluation_changes(
    evaluation: EvaluationRow, perturbations: Sequence[Robustness], components: Mapping[str, str]
) -> dict[str, str]:
    """Return which of the run's perturbations an evaluation measured otherwise than the run asks, and in what.

    By name, in words: ``"seed was 42, is 7"``. Other severities are no such change: each measure says which it has.
    A plugin that is not in ``components``, and seeds that an earlier version did not record, are unknown.
    """
    found = {}
    for name, seeds in seeds_of(perturbations).items():
        key = f"perturbation {name}"
        before, now = evaluation.components.get(key), components.get(key)
        earlier = (evaluation.seeds or {}).get(name)
        if before and now and before != now:
            found[name] = f"it was {before}, is {now}"
        elif earlier is not None and earlier != seeds:
            found[name] = f"its seed was {_numbers(earlier)}, is {_numbers(seeds)}"
    return found


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
    kept = [index for index, one in enumerate(evaluation.measures) if one.perturbation not in changed]
    if len(kept) == len(evaluation.measures):
        return evaluation
    joint = evaluation.joint_accuracy
    return replace(
        evaluation,
        measures=[evaluation.measures[index] for index in kept],
        joint_accuracy=joint and [[joint[one][other] for other in kept] for one in kept],
    )


def _same_seeds(row: TrialRow, evaluation: EvaluationRow, perturbations: Sequence[Robustness]) -> bool:
    """Say whether an evaluation that did not record its seeds has those of ``perturbations``: its fingerprint tells.

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
    for name, group in groupby(measures, key=lambda one: one.perturbation):
        if name is not None:
            yield name, list(group)


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def _other(row: TrialRow, key: str, digest: str) -> bool:
    return bool(digest) and row.basis.get(key, digest) != digest


def _as_read_now(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as this version reads them: an option that is newer than they are has its default."""
    try:
        return Experiment.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return dict(settings)

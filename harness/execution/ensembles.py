"""Ensembles after the evaluation phase: each is made from the probabilities that its members' evaluations kept."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.execution.dispatch import Work, together
from harness.execution.plan import Plan
from harness.execution.planned import PlannedTrial
from harness.execution.pools import Failure, Pool, Task
from harness.execution.states import state_file
from harness.execution.training import Conditions
from harness.plugins.loading import Registry
from harness.rows import TrialRow
from harness.store import Run, Stored, damaged_files
from harness.store.ensembles import (
    Ensemble,
    Key,
    discard_probabilities,
    ensemble_rows,
    ensembles,
    planned_row,
    probabilities,
)
from harness.trial import received
from harness.trial.ensemble import EnsembleSpec, answer_together
from harness.trial.fingerprints import evaluation_fingerprint
from harness.trial.robustness import conditions as asked_conditions
from harness.trial.robustness import options_of, seeds_of
from harness.trial.specs import Evaluated

_UNKEPT = "its members' probabilities are not there, and cannot be made here"


@dataclass(frozen=True)
class Needed:
    """The trials whose whole probabilities ensembles need, and those that are measured for nothing else."""

    keep: frozenset[Key]
    again: Mapping[Key, str]
    """The tested trials whose probabilities are not there, and the ensemble that needs them."""


def needed(run: Run, rows: Mapping[Key, TrialRow], due: AbstractSet[Key], able: AbstractSet[Key]) -> Needed:
    """Return what ensembles need of their members' evaluations.

    ``rows``: the tested trials among those asked for; an ensemble with a member that is not among them is passed over.
    ``due``: those that are measured anyway. ``able``: those that can be measured here.
    """
    keep: set[Key] = set()
    again: dict[Key, str] = {}
    for ensemble in ensembles(run):
        members = set(ensemble.members)
        if not members <= rows.keys() or not (members & due or why_due(run, ensemble, rows)):
            continue
        lacking = {key for key in members - due if not _kept(run, rows[key])}
        if lacking <= able:
            keep |= members
            again |= dict.fromkeys(lacking, ensemble.name)
    return Needed(frozenset(keep), again)


def why_due(run: Run, ensemble: Ensemble, rows: Mapping[Key, TrialRow]) -> str:
    """Say why an ensemble of tested members is measured, empty where its stored results serve."""
    stored = run.read(ensemble.name, ensemble.seed)
    if not isinstance(stored, Stored):
        return "it has no test results yet" if stored is None else f"its row is damaged: {stored.reason}"
    if stored.row.fingerprint != planned_row(run, ensemble, rows).fingerprint:
        return "its members were tested again"
    if stored.row.evaluation is None:
        return f"it failed: {stored.row.reason}"
    # Severity 0 is the clean images once more. A member is tested again for the same reason.
    measured = {measure.condition for measure in stored.row.evaluation.measures if measure.condition.severity > 0}
    asked = set(asked_conditions(run.suite.robustness, stored.row.evaluation.unavailable))
    if measured != {condition for condition in asked if condition[1] > 0}:
        return "perturbations or their severities differ"
    return next(iter(damaged_files(run.trial_directory(ensemble.name, ensemble.seed), stored).values()), "")


def ensemble_reasons(run: Run) -> list[tuple[Ensemble, str]]:
    """Return, in words, what the next run would do with each ensemble, and why."""
    if not run.suite.ensembles:
        return []
    trials = list(run.rows(derive=False))
    rows = {(row.experiment, row.seed): row for row in trials}
    reasons = []
    for ensemble, row in zip(ensembles(run), ensemble_rows(run, trials, derive=False), strict=True):
        if row.reason and row.status != "failed":
            text = f"waits: {row.reason}"
        else:
            why = why_due(run, ensemble, rows)
            text = f"will be measured, because {why}" if why else "its stored results serve"
        reasons.append((ensemble, text))
    return reasons


def answer_all(run: Run, plan: Plan, registry: Registry, pool: Pool, conditions: Conditions) -> list[TrialRow]:
    """Measure the ensembles of the trials that a command asked for; return the row of each, measured or not.

    What they are made from is removed afterwards.
    """
    asked = {(planned.row.experiment, planned.row.seed) for planned in plan.trials}
    mine = {(each.name, each.seed): each for each in ensembles(run) if set(each.members) <= asked}
    if mine:
        rows = {(row.experiment, row.seed): row for row in run.rows(derive=False)}
        current = {(row.experiment, row.seed): row for row in ensemble_rows(run, list(rows.values()), derive=False)}
        ready = [each for key, each in mine.items() if not current[key].reason or current[key].status == "failed"]
        due = [each for each in ready if all(_kept(run, rows[key]) for key in each.members)]
        due = [each for each in due if why_due(run, each, rows)]
        for ensemble, result in _answered(run, plan, due, rows, registry, pool, conditions):
            _write(run, planned_row(run, ensemble, rows), result, plan.families)
    discard_probabilities(run)
    if not mine:
        return []
    final = [row for row in ensemble_rows(run, list(rows.values())) if (row.experiment, row.seed) in mine]
    return [replace(row, reason=_UNKEPT) if row.status == "planned" and not row.reason else row for row in final]


def _answered(
    run: Run,
    plan: Plan,
    due: Sequence[Ensemble],
    rows: Mapping[Key, TrialRow],
    registry: Registry,
    pool: Pool,
    conditions: Conditions,
) -> Iterator[tuple[Ensemble, Evaluated | Failure]]:
    planned = {(trial.row.experiment, trial.row.seed): trial for trial in plan.trials}
    works, specs = [], []
    for ensemble in due:
        members = [planned[key] for key in ensemble.members]
        kept = tuple(_place(run, rows[key]).absolute() for key in ensemble.members)
        spec = EnsembleSpec(plan.data, run.suite.dataset.split, kept, tuple(run.suite.robustness))
        barred = _unattackable(plan.attacks, members)
        unavailable = _unmeasured(plan.attacks, [rows[key] for key in ensemble.members]) | barred
        spec = replace(spec, attacks=plan.attacks, unavailable=unavailable, components=plan.perturbations)
        devices: tuple[str, ...] = ("cpu",)
        slots, variables = 1, dict[str, str]()
        needs: tuple[str, ...] = ()
        isolated = False
        if plan.attacks and not barred:
            trials = [(each.spec.on(each.devices[0]), *state_file(run, each.row)) for each in members if each.spec]
            spec = replace(spec, attacked=tuple(trials))
            devices = next((each.devices for each in members if each.devices[0] != "cpu"), devices)
            foreign = any(registry.third_party("perturbation", name) for name in plan.attacks)
            needs = tuple(dict.fromkeys(need for each in members for need in each.needs))
            widest = max(members, key=lambda each: each.slots)
            slots, variables = widest.slots, widest.variables
            isolated = foreign or any(trial.third_party for trial, *_ in trials)
        title = f"ensemble {ensemble.name} seed {ensemble.seed}"
        log = run.log(ensemble.name, ensemble.seed).absolute()
        task = Task(answer_together, spec, title, log, conditions.timeout, isolated, variables=variables)
        works.append(Work(task, devices, needs=needs, share=run.suite.suite.share_device, slots=slots))
        specs.append(spec)
    for index, result in together(pool, works):
        yield due[index], received.answered(result, specs[index], run.dataset.sizes["test"])


def _unattackable(attacks: frozenset[str], members: Sequence[PlannedTrial]) -> dict[str, str]:
    """Return the attacks that an ensemble cannot be tested under: those that one of its members cannot."""
    reasons: dict[str, str] = {}
    for member in members:
        who = f"its member {member.row.experiment} seed {member.row.seed}"
        if member.spec is None:
            reasons |= dict.fromkeys(attacks - reasons.keys(), f"{who} cannot be built here: {member.row.reason}")
        else:
            lacking = member.spec.unavailable
            reasons |= {name: f"{who}: {lacking[name]}" for name in lacking.keys() - reasons.keys()}
    return dict(sorted(reasons.items()))


def _unmeasured(attacks: frozenset[str], members: Sequence[TrialRow]) -> dict[str, str]:
    """Return the other perturbations that an ensemble has no answers under: those that failed for one of its members.

    An attack is made again, against all of them together.
    """
    reasons: dict[str, str] = {}
    for row in members:
        for name, why in (row.evaluation.unavailable if row.evaluation else {}).items():
            if name not in attacks:
                reasons.setdefault(name, f"its member {row.experiment} seed {row.seed}: {why}")
    return reasons


def _write(run: Run, row: TrialRow, result: Evaluated | Failure, families: dict[str, str]) -> None:
    if isinstance(result, Failure):
        run.write(replace(row, status=result.of_row, reason=result.reason))
        return
    components = {key: value for key, value in run.components.items() if key.startswith("perturbation ")}
    evaluation = replace(
        result.evaluation,
        fingerprint=evaluation_fingerprint(row.fingerprint, run.suite.robustness, components, run.dataset.shape),
        components=components,
        seeds=seeds_of(run.suite.robustness),
        options=options_of(run.suite.robustness),
        families=families,
    )
    arrays: Mapping[str, Any] = {"evaluation.npz": result.predictions, "examples.npz": result.examples}
    run.write(replace(row, status="done", environment=evaluation.environment, evaluation=evaluation), arrays)


def _place(run: Run, row: TrialRow) -> Path:
    fingerprint = row.evaluation.fingerprint if row.evaluation else ""
    return probabilities(run, (row.experiment, row.seed), fingerprint)


def _kept(run: Run, row: TrialRow) -> bool:
    return row.evaluation is not None and _place(run, row).is_file()

"""The evaluation phase: finalists on the test rows, several a job, so that a block of noise is made once for all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.execution.dispatch import Stopped, Work, together
from harness.execution.plan import Plan
from harness.execution.pools import Failure, Pool, Task
from harness.execution.training import Conditions
from harness.plugins.loading import Registry
from harness.plugins.observers import Observers
from harness.rows import EvaluationRow, TrialRow
from harness.store import Run, Stored, plain
from harness.store.foreign import seeds_of
from harness.suite.finalists import tested
from harness.suite.network import perturbation_specs
from harness.trial import received
from harness.trial.fingerprints import evaluation_fingerprint
from harness.trial.jobs import evaluate_trials
from harness.trial.specs import Evaluated, EvaluationSpec, PerturbationSpec, TrialSpec

_TOGETHER = 8
"""Trials that one job measures at most: they share the noise, but each needs memory."""


@dataclass(frozen=True)
class _Due:
    """A trained trial that is to be measured."""

    row: TrialRow
    spec: TrialSpec
    devices: tuple[str, ...]
    fingerprint: str
    components: dict[str, str]
    seeds: dict[str, list[int]]


def evaluate_all(
    run: Run,
    plan: Plan,
    asked: Sequence[TrialRow],
    registry: Registry,
    pool: Pool,
    observers: Observers,
    conditions: Conditions,
) -> Iterator[TrialRow]:
    """Measure the finalists that have no evaluation yet under what the suite asks for; yield their new rows.

    Finalists are chosen among all of the run's rows, and measured if this command asked for them.
    """
    perturbations = perturbation_specs(run.suite)
    planned = {(one.row.experiment, one.row.seed): one for one in plan.trials if one.spec}
    wanted = {(row.experiment, row.seed) for row in tested(run.suite, list(run.rows()))}
    asked = [row for row in asked if (row.experiment, row.seed) in wanted & planned.keys()]
    foreign = any(registry.third_party("perturbation", one.name) for one in perturbations)
    due: list[_Due] = []
    for row in asked:
        one = planned[row.experiment, row.seed]
        if one.spec is None:
            continue
        print_ = evaluation_fingerprint(row.fingerprint, perturbations, plan.perturbations)
        if row.evaluation is None or row.evaluation.fingerprint != print_:
            due.append(_Due(row, one.spec, one.devices, print_, plan.perturbations, seeds_of(perturbations)))
    groups = _grouped(due, pool.slots)
    while groups:
        alone: list[list[_Due]] = []
        works = [
            Work(_task(run, group, perturbations, conditions, isolated=foreign), group[0].devices) for group in groups
        ]
        for index, returned in together(pool, works):
            group, asked_for = groups[index], works[index].task.argument
            result = received.evaluated(returned, asked_for, run.dataset.sizes["test"])
            if isinstance(result, Failure) and len(group) > 1:
                # One of them failed all: alone, each shows whether it was the one.
                alone += [[one] for one in group]
                continue
            results: Sequence[Evaluated | Failure] = [result] if isinstance(result, Failure) else result
            for member, measured in zip(group, results, strict=True):
                row = (
                    _failed(run, member.row, measured)
                    if isinstance(measured, Failure)
                    else _tested(run, member, measured)
                )
                observers.trial_evaluated(row=plain(row))
                yield row
                if conditions.fail_fast and row.status != "done":
                    raise Stopped
        groups = alone


def _grouped(due: list[_Due], slots: int) -> list[list[_Due]]:
    """Return groups to measure together: of one backend and device, as many as there are slots, none too large.

    A trial with third-party code is measured alone: what it does to its process reaches no other trial.
    """
    kinds: dict[Any, list[_Due]] = {}
    for one in due:
        kinds.setdefault((one.spec.backend, one.devices, one.spec.third_party), []).append(one)
    groups = []
    for members in kinds.values():
        size = 1 if members[0].spec.third_party else min(_TOGETHER, -(-len(members) // slots))
        groups += [members[start : start + size] for start in range(0, len(members), size)]
    return groups


def _task(
    run: Run, group: list[_Due], perturbations: tuple[PerturbationSpec, ...], conditions: Conditions, *, isolated: bool
) -> Task:
    trials = tuple((one.spec, *_state(run, one.row)) for one in group)
    first, first_spec = group[0].row, group[0].spec
    return Task(
        evaluate_trials,
        EvaluationSpec(trials, perturbations, group[0].components),
        "evaluate " + ", ".join(one.spec.title for one in group),
        log=run.log(first.experiment, first.seed).absolute(),
        timeout=conditions.timeout and conditions.timeout * len(group),
        isolated=isolated or first_spec.third_party,
    )


def _state(run: Run, row: TrialRow) -> tuple[Path, str]:
    """Return the file of a trial's trained state, and the digest that the row has of it; empty where it has none."""
    stored = run.read(row.experiment, row.seed)
    digest = stored.files.get("state.npz", "") if isinstance(stored, Stored) else ""
    return run.trial_directory(row.experiment, row.seed).absolute() / "state.npz", digest


def _failed(run: Run, row: TrialRow, failure: Failure) -> TrialRow:
    return run.write(replace(row, status=failure.of_row, reason=failure.reason, evaluation=None)).row


def _tested(run: Run, due: _Due, result: Evaluated) -> TrialRow:
    evaluation = EvaluationRow(
        fingerprint=due.fingerprint,
        measures=result.measures,
        seconds=result.seconds,
        environment=result.environment,
        components=due.components,
        seeds=due.seeds,
        joint_accuracy=result.joint_accuracy,
    )
    arrays: Mapping[str, Any] = {"evaluation.npz": result.predictions, "examples.npz": result.examples}
    return run.write(replace(due.row, evaluation=evaluation), arrays).row

"""The evaluation phase: finalists on the test rows, several a job, so that a block of noise is made once for all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from harness.execution.dispatch import Stopped, Work, together
from harness.execution.ensembles import needed
from harness.execution.plan import Plan
from harness.execution.planned import PlannedTrial
from harness.execution.pools import Failure, Pool, Task
from harness.execution.pools.pool import Spread
from harness.execution.resume import failures
from harness.execution.states import state_file
from harness.execution.training import Conditions
from harness.interfaces import implements
from harness.plugins.loading import Registry
from harness.plugins.observers import Observers
from harness.rows import TrialRow, lost_tests
from harness.store import Run, plain
from harness.store.ensembles import Key, probabilities
from harness.suite.finalists import tested
from harness.trial import received
from harness.trial.fingerprints import evaluation_fingerprint
from harness.trial.measuring import evaluate_trials
from harness.trial.robustness import options_of, seeds_of
from harness.trial.specs import Evaluated, EvaluationSpec, TrialSpec

_TOGETHER = 8
"""Trials that one job measures at most: they share the noise, but each needs memory."""
_Member = tuple[PlannedTrial, TrialSpec]
"""A trial that can run here, and what its job needs to know. Its row is the stored one: it has been trained."""


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

    Raises:
        Stopped: one failed, or a perturbation did, and the conditions say to stop then.
    """
    third_party = any(registry.third_party("perturbation", table.perturbation) for table in run.suite.robustness)
    due, keep = _due(run, plan, asked)
    groups = _grouped(due, pool)
    while groups:
        alone: list[list[_Member]] = []
        tasks = [_task(run, plan, group, keep, conditions, isolated=third_party) for group in groups]
        works = [_work(task, group, run) for task, group in zip(tasks, groups, strict=True)]
        for index, returned in together(pool, works):
            group = groups[index]
            result = received.evaluated(returned, tasks[index].argument, run.dataset.sizes["test"])
            if isinstance(result, Failure) and len(group) > 1:
                # One of them failed all: measured alone, each shows whether it was the one.
                alone += [[member] for member in group]
                continue
            results: Sequence[Evaluated | Failure] = [result] if isinstance(result, Failure) else result
            failed = False
            for (planned, _), evaluated in zip(group, results, strict=True):
                row = _written(run, plan, planned.row, evaluated)
                failed = failed or row.status != "done" or bool(lost_tests(row))
                observers.trial_evaluated(row=plain(row))
                yield row
            if conditions.fail_fast and failed:  # once all of the group are written: they have been measured
                raise Stopped
        groups = alone


def _due(run: Run, plan: Plan, asked: Sequence[TrialRow]) -> tuple[list[_Member], frozenset[Key]]:
    """Return the trials to measure, each with its stored row; and those whose whole probabilities ensembles need."""
    planned = {(trial.row.experiment, trial.row.seed): trial for trial in plan.trials}
    finalists = {(row.experiment, row.seed) for row in tested(run.suite, list(run.rows()))}
    rows = {key: row for row in asked if (key := (row.experiment, row.seed)) in finalists}
    able = {key for key in rows if planned[key].spec}
    due = {
        key
        for key in able
        if _stored_fingerprint(rows[key]) != _fingerprint(run, plan, rows[key]) or failures(rows[key], planned[key])
    }
    ensembles = needed(run, rows, due, able)
    due |= ensembles.again.keys()
    members = [
        (replace(planned[key], row=row), spec)
        for key, row in rows.items()
        if key in due and (spec := planned[key].spec)
    ]
    return members, ensembles.keep


def _stored_fingerprint(row: TrialRow) -> str:
    return row.evaluation.fingerprint if row.evaluation else ""


def _fingerprint(run: Run, plan: Plan, row: TrialRow) -> str:
    return evaluation_fingerprint(row.fingerprint, run.suite.robustness, plan.perturbations, run.dataset.shape)


def _work(task: Task, group: Sequence[_Member], run: Run) -> Work:
    needs = tuple(dict.fromkeys(need for planned, _ in group for need in planned.needs))
    first = group[0][0]
    return Work(task, first.devices, needs=needs, share=run.suite.suite.share_device, slots=first.slots)


def _grouped(due: Sequence[_Member], pool: Pool) -> list[list[_Member]]:
    """Return groups to measure together: of one backend, device and number of threads, as many as there are slots.

    None is too large, and those with most threads come first.

    More groups would be measured no sooner, and each makes the perturbed images once more. A trial with third-party
    code is measured alone: what it does to its process reaches no other trial. On a cluster the trials of a group can
    be measured on the same nodes.
    """
    kinds: dict[Any, list[_Member]] = {}
    able = cache(partial(_able, pool))  # most trials need the same, and nodes are many
    for planned, spec in due:
        kind = (spec.backend, planned.devices, able(planned.needs), planned.slots, spec.third_party)
        kinds.setdefault(kind, []).append((planned, spec))
    groups = []
    for (*_, slots, third_party), members in sorted(kinds.items(), key=lambda each: -each[0][3]):
        share = max(pool.slots * len(members) // (slots * len(due)), 1)  # of the slots
        size = 1 if third_party else min(_TOGETHER, -(-len(members) // share))
        groups += [members[start : start + size] for start in range(0, len(members), size)]
    return groups


def _able(pool: Pool, needs: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return which nodes of a cluster can do what is needed, each with its devices; nothing of other pools."""
    if not implements(pool, Spread):
        return ()
    return tuple((node.name, pool.devices(node, needs)) for node in pool.nodes())


def _task(
    run: Run, plan: Plan, group: Sequence[_Member], keep: frozenset[Key], conditions: Conditions, *, isolated: bool
) -> Task:
    first = group[0][1]
    keys = [(spec.experiment, spec.seed) for _, spec in group]
    places = [
        probabilities(run, key, _fingerprint(run, plan, planned.row)).absolute() if key in keep else None
        for key, (planned, _) in zip(keys, group, strict=True)
    ]
    return Task(
        evaluate_trials,
        EvaluationSpec(
            tuple((spec, *state_file(run, planned.row)) for planned, spec in group),
            tuple(run.suite.robustness),
            plan.perturbations,
            tuple(places),
            plan.attacks,
        ),
        "evaluate " + ", ".join(spec.title for _, spec in group),
        log=run.log(first.experiment, first.seed).absolute(),
        timeout=conditions.timeout and conditions.timeout * len(group),
        isolated=isolated or first.third_party,
        variables=group[0][0].variables,
    )


def _written(run: Run, plan: Plan, row: TrialRow, result: Evaluated | Failure) -> TrialRow:
    """Write a trained row with what measuring it gave; return it."""
    if isinstance(result, Failure):
        return run.write(replace(row, status=result.of_row, reason=result.reason, evaluation=None)).row
    evaluation = replace(
        result.evaluation,
        fingerprint=_fingerprint(run, plan, row),
        components=plan.perturbations,
        seeds=seeds_of(run.suite.robustness),
        options=options_of(run.suite.robustness),
        families=plan.families,
    )
    arrays: Mapping[str, Any] = {"evaluation.npz": result.predictions, "examples.npz": result.examples}
    return run.write(replace(row, evaluation=evaluation), arrays).row

"""Runs a plan: trains what has no row yet, chooses the finalists, measures them, and keeps every row."""

import traceback
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.jobs import evaluate_trials, train
from harness.planning import Plan, PlannedTrial, evaluation_fingerprint, perturbation_specs
from harness.plugins import Registry
from harness.pools import Pool
from harness.rows import EpochRecord, EvaluationRow, TrialRow
from harness.selection import tested
from harness.specs import Evaluated, EvaluationSpec, Trained, TrialSpec
from harness.store import Run, Stored
from harness.training import TrialError


@dataclass(frozen=True)
class Outcome:
    """What became of the trials that a command asked for."""

    rows: list[TrialRow]
    repaired: list[str]
    """Rows that were found damaged and made again, and what was wrong with each."""

    @property
    def all_well(self) -> bool:
        """Whether every trial is done."""
        return all(row.status == "done" for row in self.rows)


def reusable(run: Run, planned: PlannedTrial) -> tuple[Stored | None, str]:
    """Return the stored row that serves for a planned trial, or None and what is wrong with the one that is there."""
    stored = run.read(planned.row.experiment, planned.row.seed)
    if isinstance(stored, str):
        return None, stored
    if stored is None or stored.row.metrics is None or stored.row.fingerprint != planned.row.fingerprint:
        return None, ""
    damage = run.damage(stored)
    if damage:
        return None, damage
    # A trial that was trained but could not be measured is measured again, not trained again.
    return replace(stored, row=replace(stored.row, status="done", reason="")), ""


def execute(run: Run, plan: Plan, registry: Registry, pool: Pool) -> Outcome:
    """Train and measure what a plan asks for; a trial that fails is a row, and the others go on.

    Rows that serve are kept as they are. The observers' hooks are called as their specifications say.
    """
    hook = registry.manager.hook
    rows: dict[tuple[str, int], TrialRow] = {}
    pending: list[tuple[PlannedTrial, TrialSpec]] = []
    repaired: list[str] = []
    for planned in plan.trials:
        stored, damage = reusable(run, planned)
        key = (planned.row.experiment, planned.row.seed)
        if damage:
            repaired.append(damage)
        if stored:
            rows[key] = stored.row
        else:
            rows[key] = run.write(planned.row).row
            if planned.spec:
                pending.append((planned, planned.spec))
    about: dict[str, Any] = {
        "directory": str(run.directory),
        "trials": len(plan.trials),
        "reused": sum(row.status == "done" for row in rows.values()),
    }
    hook.run_started(run=about)
    for planned, spec in pending:
        row = _train(run, planned, spec, pool, hook)
        rows[row.experiment, row.seed] = row
        hook.trial_finished(row=asdict(row))
    for row in _evaluate(run, plan, list(rows.values()), registry, pool):
        rows[row.experiment, row.seed] = row
    hook.run_finished(run=about | {"statuses": dict(Counter(row.status for row in rows.values()))})
    return Outcome(list(rows.values()), repaired)


def _train(run: Run, planned: PlannedTrial, spec: TrialSpec, pool: Pool, hook: Any) -> TrialRow:
    trial = {
        "experiment": planned.row.experiment,
        "seed": planned.row.seed,
        "backend": planned.row.backend,
        "epochs": spec.epochs,
    }
    hook.trial_started(trial=trial)

    def report(record: EpochRecord) -> None:
        hook.epoch_finished(trial=trial, epoch=asdict(record))

    future: Future[Trained] = pool.submit(train, spec, report)
    error = future.exception()
    if error is not None:
        return _failed(run, planned.row, error)
    trained = future.result()
    row = replace(
        planned.row,
        status="done",
        environment=trained.environment,
        history=trained.history,
        metrics=trained.metrics,
    )
    return run.write(row, {"state.npz": trained.state, "validation.npz": {"confusion": trained.confusion}}).row


def _failed(run: Run, row: TrialRow, error: BaseException) -> TrialRow:
    """Write the row of a trial whose job raised: the reason in the row, the traceback in the trial's log."""
    text = " ".join(str(error).split())
    reason = text if isinstance(error, TrialError) else f"{type(error).__name__}: {text}"
    run.log(row.experiment, row.seed, "".join(traceback.format_exception(error)))
    return run.write(replace(row, status="failed", reason=reason)).row


def _evaluate(run: Run, plan: Plan, asked: list[TrialRow], registry: Registry, pool: Pool) -> list[TrialRow]:
    """Measure the finalists that have no evaluation yet under what the suite asks for; return their new rows.

    Finalists are chosen among all of the run's rows, and measured if this command asked for them.
    """
    perturbations = perturbation_specs(run.suite)
    specs = {(one.row.experiment, one.row.seed): one.spec for one in plan.trials if one.spec}
    wanted = {(row.experiment, row.seed): row for row in tested(run.suite, list(run.rows()))}
    due: list[tuple[TrialRow, TrialSpec, str]] = []
    for row in asked:
        key = (row.experiment, row.seed)
        if key not in wanted or key not in specs:
            continue
        print_ = evaluation_fingerprint(row.fingerprint, perturbations, registry)
        if row.evaluation is None or row.evaluation.fingerprint != print_:
            due.append((row, specs[key], print_))
    if not due:
        return []
    together = _measure(run, [spec for _, spec, _ in due], perturbations, pool)
    if together.exception() is None:
        results: list[Evaluated | BaseException] = list(together.result())
    else:
        # One of them failed all: alone, each shows whether it was the one.
        alone = [_measure(run, [spec], perturbations, pool) for _, spec, _ in due]
        results = [future.exception() or future.result()[0] for future in alone]
    return [_tested(run, row, print_, result) for (row, _, print_), result in zip(due, results, strict=True)]


def _measure(run: Run, specs: list[TrialSpec], perturbations: Any, pool: Pool) -> Future[list[Evaluated]]:
    trials = tuple((spec, run.trial_directory(spec.experiment, spec.seed) / "state.npz") for spec in specs)
    return pool.submit(evaluate_trials, EvaluationSpec(trials, perturbations))


def _tested(run: Run, row: TrialRow, fingerprint: str, result: Evaluated | BaseException) -> TrialRow:
    if isinstance(result, BaseException):
        return _failed(run, replace(row, evaluation=None), result)
    evaluation = EvaluationRow(fingerprint, result.measures, result.seconds, result.environment)
    arrays: Mapping[str, Any] = {"evaluation.npz": result.predictions}
    return run.write(replace(row, evaluation=evaluation), arrays).row

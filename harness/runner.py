"""Runs a plan: trains what has no row that serves, chooses the finalists, measures them, and keeps every row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.dispatch import Stopped
from harness.evaluation_phase import evaluate_all
from harness.exemplars import class_record
from harness.fingerprints import differences, stamped
from harness.forecast import Forecast, Timings, estimates, makespan
from harness.jobs import split_of
from harness.observers import Observers
from harness.planning import Plan, PlannedTrial
from harness.plugins import Registry
from harness.pools import Pool
from harness.rows import TrialRow
from harness.store import Run, Stored, read_classes, write_classes
from harness.training_phase import Conditions, foreknown, train_all


@dataclass(frozen=True)
class Outcome:
    """What became of the trials that a command asked for."""

    rows: list[TrialRow]
    repaired: list[str]
    """Rows that were found damaged and made again, and what was wrong with each."""
    changed: list[str]
    """Trials that mean something else than their rows did, and in what."""
    faulty: dict[str, str]
    """Observers that raised, as ``plugin.hook``, and what."""

    @property
    def all_well(self) -> bool:
        """Whether every trial is done."""
        return all(row.status == "done" for row in self.rows)


@dataclass(frozen=True)
class Found:
    """What a run directory has for a planned trial: a row that serves, or why there is none."""

    stored: Stored | None
    damage: str = ""
    differences: tuple[str, ...] = ()


def look_up(run: Run, planned: PlannedTrial) -> Found:
    """Return what a run has for a planned trial."""
    stored = run.read(planned.row.experiment, planned.row.seed)
    if isinstance(stored, str):
        return Found(None, damage=stored)
    if stored is None or stored.row.metrics is None:
        return Found(None)
    row = planned.row
    if planned.spec is None:
        # It cannot run here, and need not if it ran elsewhere: a row serves whatever backend made it.
        row = stamped(replace(row, backend=stored.row.backend, components=stored.row.components))
    if stored.row.fingerprint != row.fingerprint:
        return Found(None, differences=tuple(differences(stored.row, row)))
    damage = run.damage(stored)
    if damage:
        return Found(None, damage=damage)
    # A trial that was trained but could not be measured is measured again, not trained again.
    return Found(replace(stored, row=replace(stored.row, status="done", reason="")))


def execute(
    run: Run,
    plan: Plan,
    registry: Registry,
    pool: Pool,
    conditions: Conditions | None = None,
    timings: Timings | None = None,
) -> Outcome:
    """Train and measure what a plan asks for; a trial that fails is a row, and the others go on.

    Rows that serve are kept as they are. The observers' hooks are called as their specifications say.
    """
    conditions = conditions or Conditions()
    observers = Observers(registry.manager)
    if read_classes(run) is None and run.dataset.digest == plan.data.digest:
        split = split_of(plan.data, run.suite.dataset.split)
        write_classes(run, class_record(plan.data.open(), split, plan.data.digest))
    rows: dict[tuple[str, int], TrialRow] = {}
    pending: list[PlannedTrial] = []
    repaired: list[str] = []
    changed: list[str] = []
    for planned in plan.trials:
        key = (planned.row.experiment, planned.row.seed)
        found = look_up(run, planned)
        if found.differences:
            changed.append(f"{planned.row.experiment} seed {planned.row.seed}: {'; '.join(found.differences)}")
            found = _replaced(run, planned)
        if found.damage:
            repaired.append(found.damage)
        if found.stored:
            rows[key] = found.stored.row
        else:
            rows[key] = run.write(planned.row).row
            if planned.spec:
                pending.append(planned)
    about: dict[str, Any] = {
        "directory": str(run.directory),
        "trials": len(plan.trials),
        "reused": sum(row.status == "done" for row in rows.values()),
        "pending": len(pending),
        "predicted_seconds": _predicted(foreknown(pending, timings, plan.sizes["train"]), pool.slots),
    }
    observers.run_started(run=about)
    try:
        for row in train_all(run, pending, pool, observers, conditions, timings):
            rows[row.experiment, row.seed] = row
        for row in evaluate_all(run, plan, list(rows.values()), registry, pool, observers, conditions):
            rows[row.experiment, row.seed] = row
    except Stopped:
        pool.stop()
    finally:
        observers.run_finished(run=about | {"statuses": dict(Counter(row.status for row in rows.values()))})
    return Outcome(list(rows.values()), repaired, changed, observers.faulty)


def _predicted(known: Sequence[tuple[int, Forecast | None]], slots: int) -> float | None:
    """Return how long the training will take, None where nothing like it has run here."""
    return makespan(estimates(known), slots) if any(forecast for _, forecast in known) else None


def _replaced(run: Run, planned: PlannedTrial) -> Found:
    """Put the row that is there aside, and return what an earlier run left for the trial as it is now."""
    stored = run.read(planned.row.experiment, planned.row.seed)
    if isinstance(stored, Stored):
        run.supersede(stored.row, planned.row.fingerprint)
    return look_up(run, planned)

"""Runs a plan: trains what has no row that serves, chooses the finalists, measures them, and keeps every row."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.execution import announced
from harness.execution.dispatch import Stopped
from harness.execution.ensembles import answer_all
from harness.execution.evaluation import evaluate_all
from harness.execution.forecast import Forecast, Timings, estimates, makespan
from harness.execution.plan import Plan, PlannedTrial
from harness.execution.pools import Pool
from harness.execution.resume import Lookup, look_up, settle
from harness.execution.samples import make_samples
from harness.execution.training import Conditions, foreknown, train_all
from harness.plugins.loading import Registry
from harness.plugins.observers import END_SECONDS, INTERRUPTED_SECONDS, Observers
from harness.rows import TrialRow
from harness.store import Run, clear, read_classes, read_sums, write_classes
from harness.store.ensembles import ensemble_rows
from harness.trial.gallery import class_record
from harness.trial.jobs import split_of


@dataclass(frozen=True)
class Outcome:
    """What became of the trials that a command asked for, and of the ensembles of them alone."""

    rows: list[TrialRow]
    damaged: list[str]
    """Damaged rows: what was wrong with each, and what became of it."""
    stale: list[str]
    """Trials whose rows were of another split or recipe, and how they differ."""
    faulty: dict[str, str]
    """Observers that raised, were slow or never returned, as ``plugin.hook``, and what they did."""

    @property
    def all_well(self) -> bool:
        """Whether every trial is done."""
        return all(row.status == "done" for row in self.rows)


def execute(
    run: Run,
    plan: Plan,
    registry: Registry,
    pool: Pool,
    conditions: Conditions | None = None,
    timings: Timings | None = None,
    observers: Observers | None = None,
) -> Outcome:
    """Train and measure what a plan asks for; a trial that fails is a row, and the others go on.

    Rows that serve are kept as they are. The observers' hooks are called as their specifications say.
    """
    conditions = conditions or Conditions()
    observers = observers or Observers(registry.manager)
    clear(run)
    if read_classes(run) is None:
        split = split_of(plan.data, run.suite.dataset.split)
        write_classes(run, class_record(plan.data.open(), split))
    rows: dict[tuple[str, int], TrialRow] = {}
    pending: list[PlannedTrial] = []
    damaged: list[str] = []
    stale: list[str] = []
    for planned in plan.trials:
        lookup = look_up(run, planned)
        if lookup.differences:
            stale.append(f"{planned.row.experiment} seed {planned.row.seed}: {'; '.join(lookup.differences)}")
        if lookup.damage:
            damaged.append(f"{lookup.damage}; {_consequence(planned, lookup)}")
        rows[planned.row.experiment, planned.row.seed] = settle(run, planned, lookup)
        if lookup.row is None and planned.spec:
            pending.append(planned)
    predicted = _predicted(foreknown(pending, timings, plan.dataset.sizes["train"]), pool.slots)
    about = announced.begun(run, list(rows.values()), pending, predicted)
    observers.run_started(run=about)
    together: list[TrialRow] = []
    patience = INTERRUPTED_SECONDS
    try:
        for row in train_all(run, pending, pool, observers, conditions, timings):
            rows[row.experiment, row.seed] = row
        for row in evaluate_all(run, plan, list(rows.values()), registry, pool, observers, conditions):
            rows[row.experiment, row.seed] = row
        if any(row.evaluation for row in rows.values()):
            make_samples(run, plan, registry, pool)
        together = answer_all(run, plan, registry, pool, conditions)
        every = list(run.rows())
        read_sums(run, [*every, *ensemble_rows(run, every)])  # so that no table waits for them
        patience = END_SECONDS
    except Stopped:
        patience = END_SECONDS
        pool.stop()
    finally:
        observers.run_finished(run=announced.ended(run, about, rows.values(), together))
        observers.close(patience)
    return Outcome([*rows.values(), *together], damaged, stale, observers.faulty)


def _predicted(known: Sequence[tuple[int, Forecast | None]], slots: int) -> float | None:
    """Return how long the training will take, None where nothing like it has run here."""
    return makespan(estimates(known), slots) if any(forecast for _, forecast in known) else None


def _consequence(planned: PlannedTrial, lookup: Lookup) -> str:
    if planned.spec is None:
        return f"it is left as it is, as it cannot be made again here: {planned.row.reason}"
    return "the trial is measured again" if lookup.row else "the trial is trained again"

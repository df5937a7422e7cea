"""Runs a plan: trains what has no row that serves, chooses the finalists, measures them, and keeps every row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.execution import announced
from harness.execution.dispatch import Stopped
from harness.execution.ensembles import answer_all
from harness.execution.evaluation import evaluate_all
from harness.execution.forecast import Forecast, Timings, estimates, makespan
from harness.execution.plan import Plan
from harness.execution.planned import PlannedTrial
from harness.execution.pools import Pool
from harness.execution.resume import Lookup, look_up, settle
from harness.execution.samples import make_samples
from harness.execution.training import Conditions, foreknown, train_all
from harness.plugins.loading import Registry
from harness.plugins.observers import END_SECONDS, INTERRUPTED_SECONDS, Observers
from harness.rows import TrialRow, lost_tests
from harness.store import Run, clear, read_classes, read_sums, write_classes
from harness.store.ensembles import ensemble_rows
from harness.store.lost import LostTest, lost_of
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
    substitutes: tuple[str, ...] = ()
    """What the plan says of experiments that train on another backend than their first."""
    threads: tuple[str, ...] = ()
    """What there is to say of trials that shared the cores."""
    lost: tuple[LostTest, ...] = ()
    """The perturbations that failed in tests."""

    @property
    def unfinished(self) -> int:
        """How many trials and ensembles are not done."""
        return sum(row.status != "done" for row in self.rows)

    @property
    def lost_cells(self) -> int:
        """How many trials and ensembles under a perturbation at a severity have no result because it failed."""
        return sum(lost.cells for lost in self.lost)

    @property
    def all_well(self) -> bool:
        """Whether every trial is done, and no test is lost."""
        return not self.unfinished and not self.lost


def execute(
    run: Run,
    plan: Plan,
    registry: Registry,
    pool: Pool,
    conditions: Conditions | None = None,
    timings: Timings | None = None,
    observers: Observers | None = None,
    noted: Callable[[bool], None] = lambda _whole: None,
) -> Outcome:
    """Train and measure what a plan asks for; a trial that fails is a row, and the others go on.

    Rows that serve are kept as they are. The observers' hooks are called as their specifications say. ``noted`` is
    called before ``run_finished``, where observers may keep ``run.json``, with whether the run came to its end.
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
    known = foreknown(pending, timings, plan.dataset.sizes["train"])
    predicted = _predicted(known, pool.slots, [planned.slots for planned in pending])
    about = announced.begun(run, list(rows.values()), pending, predicted)
    observers.run_started(run=about)
    ensembles: list[TrialRow] = []
    patience, whole = INTERRUPTED_SECONDS, False
    try:
        for row in train_all(run, pending, pool, observers, conditions, timings):
            rows[row.experiment, row.seed] = row
        for row in evaluate_all(run, plan, list(rows.values()), registry, pool, observers, conditions):
            rows[row.experiment, row.seed] = row
        if any(row.evaluation for row in rows.values()):
            make_samples(run, plan, registry, pool)
        ensembles = answer_all(run, plan, registry, pool, conditions)
        every = list(run.rows())
        read_sums(run, [*every, *ensemble_rows(run, every)])  # so that no table waits for them
        patience, whole = END_SECONDS, True
    except Stopped:
        patience, whole = END_SECONDS, True
        pool.stop()
    finally:
        try:
            noted(whole)
        finally:
            observers.run_finished(run=announced.ended(run, about, rows.values(), ensembles))
            observers.close(patience)
    final = [*rows.values(), *ensembles]
    return Outcome(final, damaged, stale, observers.faulty, plan.substitutes, lost=_lost(run, final, ensembles))


def _lost(run: Run, final: Sequence[TrialRow], ensembles: Sequence[TrialRow]) -> tuple[LostTest, ...]:
    """Return what is lost of tests, of the trials and ensembles that a command asked for alone."""
    if not any(map(lost_tests, final)):
        return ()
    asked = {(row.experiment, row.seed) for row in final}
    # Finalists are chosen among all trials.
    lost = lost_of(run, list(run.rows(derive=False)), ensembles)
    return tuple(test for test in lost if (test.experiment, test.seed) in asked)


def _predicted(known: Sequence[tuple[int, Forecast | None]], slots: int, widths: Sequence[int]) -> float | None:
    """Return how long the training will take, None where nothing like it has run here."""
    return makespan(estimates(known), slots, widths) if any(forecast for _, forecast in known) else None


def _consequence(planned: PlannedTrial, lookup: Lookup) -> str:
    if planned.spec is None:
        return f"it is left as it is, as it cannot be made again here: {planned.row.reason}"
    return "the trial is measured again" if lookup.row else "the trial is trained again"

"""What the next run of a plan would do with every trial, and how long that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from harness.execution.forecast import Forecast, Timings, estimates, makespan
from harness.execution.plan import Plan
from harness.execution.planned import PlannedTrial
from harness.execution.pools import Pool
from harness.execution.resume import Lookup, look_up, to_measure
from harness.execution.smoke import checkpoints
from harness.execution.training import cost
from harness.plugins.loading import Registry
from harness.rows import TrialRow
from harness.store import Run

State = Literal["run", "stale", "measure", "done", "unavailable"]
"""To train; to train, in the place of a row of another trial; to measure alone; nothing to do; not possible here."""


@dataclass(frozen=True)
class Prospect:
    """A planned trial, and what would become of it."""

    row: TrialRow
    state: State
    epochs: int | None
    """At most; None where no backend can run it."""
    cost: int
    """A measure of its operations."""
    forecast: Forecast | None
    """What its training will take; None where it is not trained, or nothing like it has run here."""
    threads: int | None
    """What its row will say; None where it is not trained."""
    slots: int
    """Of the pool's, that it takes while it is trained."""
    note: str
    """Why: damage, what is stale, why it cannot run; empty where there is nothing to say."""


@dataclass(frozen=True)
class Outlook:
    """Every trial of a plan, in the suite's order; ``slots``: how many run at a time."""

    trials: list[Prospect]
    slots: int

    @cached_property
    def counts(self) -> Counter[State]:
        """How many trials have which state."""
        return Counter(trial.state for trial in self.trials)

    @property
    def ahead(self) -> list[Prospect]:
        """The trials that are to be trained."""
        return [trial for trial in self.trials if trial.state in {"run", "stale"}]

    @property
    def unknown(self) -> int:
        """How many of those have no forecast."""
        return sum(trial.forecast is None for trial in self.ahead)

    @property
    def at_most(self) -> bool:
        """Whether some may stop early."""
        return any(trial.forecast and trial.forecast.at_most for trial in self.ahead)

    @property
    def seconds(self) -> float | None:
        """How long training will take, None where nothing like any of it has run here."""
        if not self.ahead:
            return 0.0
        if self.unknown == len(self.ahead):
            return None
        durations = estimates([(trial.cost, trial.forecast) for trial in self.ahead])
        return makespan(durations, self.slots, [trial.slots for trial in self.ahead])


def outlook(
    plan: Plan, run: Run, registry: Registry, pool: Pool, timings: Timings, problems: Mapping[str, str]
) -> Outlook:
    """Return what the next run would do; ``problems``: why experiments that were tried out cannot run, by name."""
    lookups = [look_up(run, trial) for trial in plan.trials]
    measured = to_measure(run, plan.trials, lookups, registry)
    remarks = checkpoints(run, plan.trials, lookups, pool)
    train_rows = plan.dataset.sizes["train"]
    prospects = []
    for trial, lookup in zip(plan.trials, lookups, strict=True):
        row, key = trial.row, (trial.row.experiment, trial.row.seed)
        to_test = measured.get(key, "")
        state = _state(trial, lookup, to_test=to_test)
        trains = trial.spec is not None and state in {"run", "stale"}
        forecast = timings.forecast(trial.spec, row, train_rows) if trial.spec and trains else None
        refusal = "" if lookup.row else row.reason  # where a row serves, no backend is needed
        why_not = refusal or problems.get(row.experiment, "")
        parts = [_note(lookup, runs=trial.spec is not None, to_test=to_test), why_not, remarks.get(key, "")]
        note = "; ".join(filter(None, parts))
        epochs = trial.spec.epochs if trial.spec else None
        threads = trial.spec.context.threads if trial.spec and trains else None
        prospects.append(Prospect(row, state, epochs, cost(trial), forecast, threads, trial.slots, note))
    return Outlook(prospects, pool.slots)


def _state(trial: PlannedTrial, lookup: Lookup, *, to_test: str) -> State:
    if to_test:
        return "measure"
    if lookup.row:
        return "done"
    if trial.spec is None:
        return "unavailable"
    return "stale" if lookup.differences else "run"


def _note(lookup: Lookup, *, runs: bool, to_test: str) -> str:
    """Return why what is stored of a trial does not suffice; ``runs``: whether it can run here."""
    if lookup.damage:
        fate = f"will be {'measured' if lookup.row else 'trained'} again" if runs else "cannot run again here"
        return f"damaged, {fate}: {lookup.damage}"
    if lookup.differences and lookup.row is None:
        return f"stale: {'; '.join(lookup.differences)}"
    return f"test results: {to_test}" if to_test else ""

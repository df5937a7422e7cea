"""The training phase: the longest trials first, and each trial's row written as it ends."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial

from harness.execution import announced
from harness.execution.dispatch import Stopped, Work, together
from harness.execution.forecast import Forecast, Timings, estimates, speed_up
from harness.execution.planned import PlannedTrial
from harness.execution.pools import Failure, Pool, Task
from harness.machine.contention import contended
from harness.machine.files import append_line
from harness.plugins.observers import Observers
from harness.rows import TrialRow
from harness.store import Run, clear_checkpoint, plain
from harness.trial import received
from harness.trial.jobs import train
from harness.trial.specs import Trained, TrialSpec


@dataclass(frozen=True)
class Conditions:
    """Under which conditions trials run."""

    timeout: float | None = None
    """Seconds that a trial may take."""
    fail_fast: bool = False
    """Whether the first trial that fails ends the run, or the first that a perturbation fails under."""
    checkpoint_seconds: float = 120.0
    """Seconds between two checkpoints of a trial."""


def train_all(
    run: Run,
    pending: Sequence[PlannedTrial],
    pool: Pool,
    observers: Observers,
    conditions: Conditions,
    timings: Timings | None = None,
) -> Iterator[TrialRow]:
    """Train trials and yield the row of each, written, as it ends; what they took is noted in ``timings``.

    A trial whose process died is run once more when all others have ended, with no other on its machine: the cause may
    have been memory, or another trial.

    Raises:
        Stopped: a trial failed, and the conditions say to stop then.
    """
    died: list[PlannedTrial] = []
    for alone in (False, True):
        waiting = died if alone else _longest_first(run, pending, timings)
        for planned, result, beside in _run(run, waiting, pool, observers, conditions, alone=alone):
            if isinstance(result, Failure) and result.status == "died" and not alone:
                died.append(planned)
                _lost(run, planned, result, observers, "alone")
                continue
            row = _ended(run, planned, result, beside=beside)
            if timings and planned.spec:
                timings.record(planned.spec, row, run.dataset.sizes["train"])
            observers.trial_finished(row=plain(row))
            yield row
            if conditions.fail_fast and row.status != "done":
                raise Stopped


def _lost(run: Run, planned: PlannedTrial, failure: Failure, observers: Observers, where: str) -> None:
    """Say that a trial will be run once more, in its log too."""
    if planned.spec:
        with suppress(OSError):
            log = run.log(planned.row.experiment, planned.row.seed)
            append_line(log, f"{failure.reason}: the trial will run once more, {where}")
        observers.trial_lost(trial=announced.trial(planned), reason=failure.reason)


def _longest_first(run: Run, pending: Sequence[PlannedTrial], timings: Timings | None) -> list[PlannedTrial]:
    known = foreknown(pending, timings, run.dataset.sizes["train"])
    ordered = sorted(zip(estimates(known), pending, strict=True), key=lambda pair: (-pair[1].slots, -pair[0]))
    return [planned for _, planned in ordered]


def foreknown(
    pending: Sequence[PlannedTrial], timings: Timings | None, train_rows: int
) -> list[tuple[int, Forecast | None]]:
    """Return each trial's cost in operations, and its forecast where there is one."""
    return [
        (cost(trial), timings.forecast(trial.spec, trial.row, train_rows) if timings and trial.spec else None)
        for trial in pending
    ]


def cost(planned: PlannedTrial) -> int:
    """Return a measure of how long a trial takes at most: parameters × epochs × images, less for more threads."""
    if planned.spec is None:
        return 0
    operations = planned.row.parameters * planned.spec.epochs * planned.spec.data.info.rows
    return int(operations / speed_up(planned.spec.context.threads))


def _run(
    run: Run,
    trials: Sequence[PlannedTrial],
    pool: Pool,
    observers: Observers,
    conditions: Conditions,
    *,
    alone: bool,
) -> Iterator[tuple[PlannedTrial, Trained | Failure, bool]]:
    """Yield each trial with its result, as it ends, and whether others ran beside it; ``alone``: as `Work` has it."""
    accompanied: set[int] = set()
    works = [
        replace(
            _work(run, planned, planned.spec, observers, conditions),
            beside=partial(accompanied.add, index),
            alone=alone,
        )
        for index, planned in enumerate(trials)
        if planned.spec
    ]
    specs = [planned.spec for planned in trials if planned.spec]
    for index, result in together(pool, works):
        yield trials[index], received.trained(result, specs[index]), index in accompanied


def _work(run: Run, planned: PlannedTrial, spec: TrialSpec, observers: Observers, conditions: Conditions) -> Work:
    experiment, seed = spec.experiment, spec.seed

    def report(said: object) -> None:
        record = received.epoch(said)
        if record:
            observers.epoch_finished(trial=announced.trial(planned), epoch=asdict(record))
        elif text := received.remark(said):
            observers.trial_remarked(trial=announced.trial(planned), remark=text)

    spec = replace(spec, checkpoint=(run.checkpoint(experiment, seed).absolute(), conditions.checkpoint_seconds))
    task = Task(
        train,
        spec,
        f"train {spec.title}",
        run.log(experiment, seed).absolute(),
        conditions.timeout,
        isolated=spec.third_party,
        variables=planned.variables,
    )
    return Work(
        task,
        planned.devices,
        started=lambda: observers.trial_started(trial=announced.trial(planned)),
        report=report,
        needs=planned.needs,
        share=run.suite.suite.share_device,
        slots=planned.slots,
        lost=lambda failure: _lost(run, planned, failure, observers, "elsewhere"),
    )


def _ended(run: Run, planned: PlannedTrial, result: Trained | Failure, *, beside: bool) -> TrialRow:
    if isinstance(result, Failure):
        return run.write(replace(planned.row, status=result.of_row, reason=result.reason)).row
    trained = replace(
        planned.row,
        status="done",
        environment=result.environment,
        anonymous_bytes=result.anonymous_bytes,
        history=result.history,
        metrics=result.metrics,
        contended=contended(beside=beside, share=result.waited, resumed=result.resumed),
    )
    row = run.write(trained, {"state.npz": result.state, "validation.npz": {"confusion": result.confusion}}).row
    clear_checkpoint(run, row.experiment, row.seed)
    return row

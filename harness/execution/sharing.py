"""How many threads each trial takes, where trials share the cores: the longest get those that would be idle.

It is decided when a run is planned, never while it runs: in float32 the bits of a matrix product depend on its threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.execution.dispatch import SHARED
from harness.execution.forecast import Timings, estimates, makespan, speed_up
from harness.execution.plan import Plan
from harness.execution.planned import PlannedTrial
from harness.execution.resume import Lookup, look_up
from harness.execution.training import foreknown
from harness.machine.contention import idle_cores
from harness.machine.host import MOST
from harness.store import Run
from harness.text import numbered, some

CLEARLY = 0.9
"""The most of the forecast time that may be left by more threads; else it is not worth other bits."""
_LEAST_SECONDS = 2.0
"""That more threads must save: a process starts for them, which other trials do not use."""
_IDLE = 0.9
"""The share of the cores that no other program may use: with one that does, every product waits for its turn."""
_SECONDS_A_COST = 1e-10
"""What `harness.execution.training.cost` is in seconds where nothing has run here, at 60 GFLOP/s."""


def allotted(options: Sequence[Mapping[int, float]], slots: int) -> list[int]:
    """Return how many threads each trial takes of at most ``slots`` that run at a time.

    ``options``: the seconds of each trial by its possible numbers of threads. The fewest are taken, unless the end of
    all trials, as `makespan` has it, becomes `CLEARLY` earlier with more for the longest.

    >>> allotted([{1: 100.0, 2: 70.0}, {1: 50.0, 2: 35.0}, {1: 10.0, 2: 7.0}], 4)
    [2, 1, 1]
    """
    chosen = [min(each) for each in options]
    least = sum(each[threads] * threads for each, threads in zip(options, chosen, strict=True)) / slots
    first = end = target = _end(options, chosen, slots)
    while (target := CLEARLY * target) > least:
        fitting = [[threads for threads, seconds in each.items() if seconds <= target] for each in options]
        if not all(fitting):
            break
        numbers = [min(each) for each in fitting]
        reached = _end(options, numbers, slots)
        if reached <= CLEARLY * end and reached <= first - _LEAST_SECONDS:
            chosen, end = numbers, reached
    return chosen


def _end(options: Sequence[Mapping[int, float]], chosen: Sequence[int], slots: int) -> float:
    return makespan([each[threads] for each, threads in zip(options, chosen, strict=True)], slots, chosen)


def shared(plan: Plan, run: Run, slots: int, timings: Timings) -> tuple[Plan, list[str]]:
    """Return a plan whose trials share ``slots`` cores, and what there is to say of it, a line each.

    A trial keeps the number that the run directory has of it, if there are as many cores: trained, its row has it, and
    before that the row of the planned trial. One with a checkpoint and without such a number began with one thread.
    """
    lookups = [look_up(run, trial) for trial in plan.trials]
    pairs = list(zip(plan.trials, lookups, strict=True))
    kept = [_kept(run, trial, lookup, slots) for trial, lookup in pairs]
    due = [index for index, (trial, lookup) in enumerate(pairs) if trial.spec and not lookup.row]
    options = _options([plan.trials[index] for index in due], [kept[index] for index in due], plan, slots, timings)
    numbers = dict(zip(due, allotted(options, slots), strict=True))
    lines = []
    idle = idle_cores() if any(numbers[index] > 1 and not kept[index] for index in due) else None
    if idle is not None and idle < _IDLE * slots:
        numbers = {index: kept[index] or 1 for index in due}
        busy = f"{idle:.1f} of {slots} cores are idle"
        lines = [f"one thread each: other programs are running ({busy}), and threads would wait for each other"]
    trials = [
        _with(trial, numbers.get(index, kept[index] or 1), recorded=index in numbers)
        for index, trial in enumerate(plan.trials)
    ]
    return replace(plan, trials=trials), [*_declared([trials[index] for index in due]), *lines]


def _kept(run: Run, trial: PlannedTrial, lookup: Lookup, slots: int) -> int | None:
    """Return the number of threads that a trial has already."""
    placed = lookup.row or lookup.placed
    if placed and (lookup.row or placed.fingerprint == trial.row.fingerprint):
        threads = placed.environment.get("threads", "")
        if threads.isdecimal() and len(threads) <= len(str(MOST)):
            return max(1, min(int(threads), slots))
    return 1 if run.checkpoint(trial.row.experiment, trial.row.seed).exists() else None


def _options(
    trials: Sequence[PlannedTrial], kept: Sequence[int | None], plan: Plan, slots: int, timings: Timings
) -> list[dict[int, float]]:
    """Return the seconds of each trial by its possible numbers of threads, as `allotted` takes them."""
    rows = plan.dataset.sizes["train"]
    known = foreknown(trials, timings, rows)
    unit = 1.0 if any(forecast for _, forecast in known) else _SECONDS_A_COST
    singles = [unit * seconds for seconds in estimates(known)]
    least = CLEARLY * sum(singles) / slots  # those of fewer seconds never decide the end
    options = []
    for trial, single, number in zip(trials, singles, kept, strict=True):
        alone = trial.devices not in {(), (SHARED,)} or single < least
        several = [number] if number else [1] if alone else range(1, slots + 1)
        options.append({threads: _forecast(trial, threads, single, rows, timings) for threads in several})
    return options


def _forecast(trial: PlannedTrial, threads: int, single: float, rows: int, timings: Timings) -> float:
    """Return the seconds of a trial with some threads; ``single``: with one."""
    spec = _with(trial, threads).spec
    forecast = timings.forecast(spec, trial.row, rows) if spec else None
    return forecast.seconds if forecast else single / speed_up(threads)


def _with(trial: PlannedTrial, threads: int, *, recorded: bool = False) -> PlannedTrial:
    """Return a trial with a number of threads; ``recorded``: its row has it before it runs."""
    spec = trial.spec and replace(trial.spec, context=replace(trial.spec.context, threads=threads))
    row = replace(trial.row, environment={"threads": str(threads)}) if recorded else trial.row
    return replace(trial, spec=spec, row=row, slots=threads)


def _declared(trials: Sequence[PlannedTrial]) -> list[str]:
    """Return which trials have more than one thread, a line for each number."""
    wide: dict[int, dict[str, list[int]]] = {}
    for trial in trials:
        if trial.slots > 1:
            wide.setdefault(trial.slots, {}).setdefault(trial.row.experiment, []).append(trial.row.seed)
    lines = []
    for threads, experiments in sorted(wide.items(), reverse=True):
        names = [f"{name} {numbered('seed', seeds)}" for name, seeds in experiments.items()]
        lines.append(f"{threads} threads: {some(names)}. In float32, bits may differ from those of one thread")
    return lines

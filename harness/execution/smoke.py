"""Looking ahead: rehearsals of a plan's trials, and why a trial would run."""

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.execution.dispatch import Work, together
from harness.execution.forecast import Timings, rehearsed
from harness.execution.plan import Plan, PlannedTrial, choose, make_plan
from harness.execution.pools import Failure, Pool, Task
from harness.execution.resume import Found, look_up
from harness.plugins.loading import Registry
from harness.rows import TrialRow
from harness.store import Run
from harness.store.foreign import evaluation_changes
from harness.suite import LoadedSuite
from harness.suite.finalists import may_be_tested, tested
from harness.trial import received
from harness.trial.fingerprints import evaluation_fingerprint, perturbation_components
from harness.trial.jobs import checkpoint_remark
from harness.trial.rehearsal import RehearsalSpec, Rehearsed, rehearse
from harness.trial.robustness import Robustness

PROBE_BATCHES = 8
"""Batches that a probe times."""
PATIENCE_SECONDS = 300.0
"""A rehearsal that takes longer hangs."""
_Key = tuple[str, int]
"""A trial's experiment and seed."""


class Tried(NamedTuple):
    """An experiment on a backend, how its one batch went, and whether that was a failure."""

    experiment: str
    backend: str
    result: str
    failed: bool


def probe(plan: Plan, pool: Pool, timings: Timings) -> dict[str, str]:
    """Time some batches of each experiment that has not run here; return those that failed, and how."""
    unknown: dict[str, PlannedTrial] = {}
    for one in plan.trials:
        if one.spec and not timings.has(one.spec):
            unknown.setdefault(one.row.experiment, one)
    problems = {}
    for planned, result in _rehearse(list(unknown.values()), pool, PROBE_BATCHES, []):
        if isinstance(result, Failure):
            problems[planned.row.experiment] = f"{result.of_row}: {result.reason}"
        elif planned.spec:
            timings.add(rehearsed(planned.spec, planned.row, result.seconds_per_image, result.anonymous_bytes))
    return problems


def smoke(
    loaded: LoadedSuite,
    registry: Registry,
    pool: Pool,
    *,
    only: Sequence[str] = (),
    threads: int = 1,
    device: str | None = None,
) -> list[Tried]:
    """Train and measure one batch of every experiment on every backend that it names."""
    suite = loaded.suite
    pairs = [(name, backend) for name in choose(suite, only) for backend in suite.experiments[name].backends]
    each = {
        f"{name} on {backend}": suite.experiments[name].model_copy(update={"backend": backend})
        for name, backend in pairs
    }
    about = suite.suite.model_copy(update={"seeds": suite.suite.seeds[:1]})
    apart = replace(loaded, suite=suite.model_copy(update={"suite": about, "experiments": each}))
    plan = make_plan(apart, registry, pool, threads=threads, device=device)
    results = {one.row.experiment: f"unavailable: {one.row.reason}" for one in plan.trials if not one.spec}
    failed = set()
    able = [one for one in plan.trials if one.spec]
    perturbations = suite.robustness if may_be_tested(suite, [name for name, _ in pairs]) else []
    isolated = any(registry.third_party("perturbation", table.perturbation) for table in perturbations)
    for planned, result in _rehearse(able, pool, 1, perturbations, isolated=isolated):
        if isinstance(result, Failure):
            failed.add(planned.row.experiment)
        told = f"{result.of_row}: {result.reason}" if isinstance(result, Failure) else "works"
        results[planned.row.experiment] = told
    return [
        Tried(name, backend, results[title], title in failed)
        for (name, backend), title in zip(pairs, each, strict=True)
    ]


def _rehearse(
    trials: Sequence[PlannedTrial],
    pool: Pool,
    batches: int,
    perturbations: Sequence[Robustness],
    *,
    isolated: bool = False,
) -> list[tuple[PlannedTrial, Rehearsed | Failure]]:
    works = [
        Work(
            Task(
                rehearse,
                RehearsalSpec(one.spec, batches, tuple(perturbations)),
                f"rehearse {one.spec.title}",
                timeout=PATIENCE_SECONDS,
                isolated=isolated or one.spec.third_party,
            ),
            one.devices,
        )
        for one in trials
        if one.spec
    ]
    return [(trials[index], result) for index, result in together(pool, works)]


def checkpoints(
    run: Run, trials: Sequence[PlannedTrial], found: Sequence[Found], pool: Pool
) -> dict[tuple[str, int], str]:
    """Return what a run would say of each checkpoint that is there, by experiment and seed.

    Workers say it, as they alone know the backend's environment.
    """
    waiting = [
        (planned.spec, planned.devices)
        for planned, looked_up in zip(trials, found, strict=True)
        if planned.spec and not looked_up.row and run.checkpoint(planned.row.experiment, planned.row.seed).exists()
    ]
    works = []
    for spec, devices in waiting:
        trial = replace(spec, checkpoint=(run.checkpoint(spec.experiment, spec.seed).absolute(), 0.0))
        task = Task(
            checkpoint_remark,
            trial,
            f"checkpoint of {spec.title}",
            timeout=PATIENCE_SECONDS,
            isolated=spec.third_party,
        )
        works.append(Work(task, devices))
    return {
        (waiting[index][0].experiment, waiting[index][0].seed): received.text(result)
        for index, result in together(pool, works)
    }


def reasons(run: Run, trials: Sequence[PlannedTrial], registry: Registry) -> list[str]:
    """Return, in words, what the next run would do with each of some trials, and why."""
    found = [look_up(run, one) for one in trials]
    finalists = _finalists(run, found)
    return [_reason(run, *pair, finalists, registry) for pair in zip(trials, found, strict=True)]


def _reason(run: Run, planned: PlannedTrial, found: Found, finalists: Container[_Key], registry: Registry) -> str:
    row = planned.row
    if found.row:
        aside = ", which was put aside, and is brought back" if found.shelf else ""
        tests = _test_results(run, planned, found, found.row, registry) if _key(row) in finalists else ""
        return f"its stored row serves{aside}{tests}"
    if found.damage:
        fate = f"cannot run again here ({row.reason})" if planned.spec is None else "will be trained again"
        return f"{fate}, because its row is damaged: {found.damage}"
    if planned.spec is None:
        return f"cannot run here: {row.reason}"
    if found.differences:
        return f"will be trained again, because its row is stale: {'; '.join(found.differences)}"
    if found.placed and found.placed.reason:
        return f"will be trained again, because it {found.placed.status}: {found.placed.reason}"
    return "will be trained, because it has no row yet"


def _test_results(run: Run, planned: PlannedTrial, found: Found, row: TrialRow, registry: Registry) -> str:
    """Say what becomes of the test results of a finalist whose row serves."""
    why = _why_measured(run, found, row, registry)
    if not why:
        return ", and so do its test results"
    again = " again" if row.evaluation else ""
    if planned.spec is None:
        return f"; it cannot be measured{again} here ({planned.row.reason}), which it needs because {why}"
    return f"; it will be measured{again}, because {why}"


def to_measure(run: Run, trials: Sequence[PlannedTrial], found: Sequence[Found], registry: Registry) -> dict[_Key, str]:
    """Return which trials the next run would measure on the test rows without training them, and why, in words.

    ``found`` is what `look_up` returned of each. By experiment and seed.
    """
    finalists = _finalists(run, found)
    measured = {}
    for planned, one in zip(trials, found, strict=True):
        key = _key(planned.row)
        if one.row and planned.spec and key in finalists and (why := _why_measured(run, one, one.row, registry)):
            measured[key] = why
    return measured


def _finalists(run: Run, found: Sequence[Found]) -> set[_Key]:
    """Return the trials whose test rows the next run reads, if the rows that were found serve."""
    serving = {_key(one.row): one.row for one in found if one.row}
    return {_key(row) for row in tested(run.suite, [serving.get(_key(row), row) for row in run.rows()])}


def _key(row: TrialRow) -> _Key:
    return row.experiment, row.seed


def _why_measured(run: Run, found: Found, row: TrialRow, registry: Registry) -> str:
    """Say why a finalist whose row serves is measured, empty where it is not."""
    if found.damage:
        return f"of damage: {found.damage}"
    if row.evaluation is None:
        failed = found.placed.reason if found.renewed and found.placed else ""
        return f"it failed: {failed}" if failed else "it has no test results yet"
    perturbations = run.suite.robustness
    components = perturbation_components(perturbations, registry)
    if row.evaluation.fingerprint == evaluation_fingerprint(row.fingerprint, perturbations, components):
        return ""
    changed = evaluation_changes(row.evaluation, perturbations, components)
    told = "; ".join(f"{name}: {what}" for name, what in changed.items())
    return told or "perturbations, their seeds, their versions or their severities differ"

"""Looking ahead: rehearsals of a plan's trials, which find mistakes and predict times before a long run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.execution.dispatch import Work, together
from harness.execution.fitting import without
from harness.execution.forecast import Timings, rehearsed
from harness.execution.plan import Plan, choose, make_plan
from harness.execution.planned import PlannedTrial
from harness.execution.pools import Failure, Pool, Task
from harness.execution.resume import Lookup
from harness.plugins.loading import Registry
from harness.store import Run
from harness.suite import LoadedSuite
from harness.suite.finalists import may_be_tested
from harness.trial import received
from harness.trial.jobs import checkpoint_remark
from harness.trial.rehearsal import RehearsalSpec, Rehearsed, rehearse
from harness.trial.robustness import Robustness

PROBE_BATCHES = 8
"""Batches that a probe times."""
PATIENCE_SECONDS = 300.0
"""A rehearsal that takes longer hangs."""


class SmokeTest(NamedTuple):
    """An experiment on a backend, how its one batch went, and whether that was a failure."""

    experiment: str
    backend: str
    result: str
    failed: bool


def probe(plan: Plan, pool: Pool, timings: Timings) -> dict[str, str]:
    """Time some batches of each experiment that has not run here; return those that failed, and how."""
    unknown: dict[str, PlannedTrial] = {}
    for trial in plan.trials:
        if trial.spec and not timings.has(trial.spec):
            unknown.setdefault(trial.row.experiment, trial)
    problems = {}
    for planned, result in _rehearse(list(unknown.values()), pool, PROBE_BATCHES, []):
        if isinstance(result, Failure):
            problems[planned.row.experiment] = f"{result.of_row}: {result.reason}"
        elif planned.spec:
            measured = (result.seconds_per_image, result.anonymous_bytes, result.processor)
            timings.add(rehearsed(planned.spec, planned.row, *measured))
    return problems


def smoke(
    loaded: LoadedSuite,
    registry: Registry,
    pool: Pool,
    *,
    only: Sequence[str] = (),
    threads: int = 1,
    device: str | None = None,
) -> list[SmokeTest]:
    """Train and measure one batch of every experiment on every backend that it names."""
    suite = loaded.suite
    entries = [(name, entry) for name in choose(suite, only) for entry in suite.experiments[name].backend_entries]
    pairs = [(name, entry if isinstance(entry, str) else entry.name) for name, entry in entries]
    each = {
        f"{name} on {backend}": suite.experiments[name].model_copy(update={"backend": entry})
        for (name, backend), (_, entry) in zip(pairs, entries, strict=True)
    }
    about = suite.suite.model_copy(update={"seeds": suite.suite.seeds[:1]})
    apart = replace(loaded, suite=suite.model_copy(update={"suite": about, "experiments": each}))
    plan = make_plan(apart, registry, pool, only=list(each) if only else (), threads=threads, device=device)
    results = {trial.row.experiment: f"unavailable: {trial.row.reason}" for trial in plan.trials if not trial.spec}
    failed = set()
    able = [trial for trial in plan.trials if trial.spec]
    tested = may_be_tested(suite, [name for name, _ in pairs])
    perturbations = without(suite, plan.left_out).robustness if tested else []
    isolated = any(registry.third_party("perturbation", table.perturbation) for table in perturbations)
    for planned, result in _rehearse(able, pool, 1, perturbations, isolated=isolated):
        if isinstance(result, Failure):
            failed.add(planned.row.experiment)
            results[planned.row.experiment] = f"{result.of_row}: {result.reason}"
        else:
            results[planned.row.experiment] = "works"
    return [
        SmokeTest(name, backend, results[title], title in failed)
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
                RehearsalSpec(trial.spec, batches, tuple(perturbations)),
                f"rehearse {trial.spec.title}",
                timeout=PATIENCE_SECONDS,
                isolated=isolated or trial.spec.third_party,
            ),
            trial.devices,
            needs=trial.needs,
        )
        for trial in trials
        if trial.spec
    ]
    return [(trials[index], result) for index, result in together(pool, works)]


def checkpoints(
    run: Run, trials: Sequence[PlannedTrial], lookups: Sequence[Lookup], pool: Pool
) -> dict[tuple[str, int], str]:
    """Return what a run would say of each checkpoint that is there, by experiment and seed.

    Workers say it, as they alone know the backend's environment.
    """
    waiting = [
        (planned.spec, planned.devices, planned.needs)
        for planned, lookup in zip(trials, lookups, strict=True)
        if planned.spec and not lookup.row and run.checkpoint(planned.row.experiment, planned.row.seed).exists()
    ]
    works = []
    for spec, devices, needs in waiting:
        trial = replace(spec, checkpoint=(run.checkpoint(spec.experiment, spec.seed).absolute(), 0.0))
        task = Task(
            checkpoint_remark,
            trial,
            f"checkpoint of {spec.title}",
            timeout=PATIENCE_SECONDS,
            isolated=spec.third_party,
        )
        works.append(Work(task, devices, needs=needs))
    return {
        (waiting[index][0].experiment, waiting[index][0].seed): received.text(result)
        for index, result in together(pool, works)
    }

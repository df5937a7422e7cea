"""The documents of ``run``, ``plan`` and ``why``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from harness.api import columns, frames
from harness.api.judging import Verification
from harness.api.planning import frame_of
from harness.cli.documents.document import Document, Lines, Number, Part, Text, lines, lines_of, plain
from harness.execution.attacks import unavailable_tests
from harness.execution.ensembles import ensemble_reasons
from harness.results.results import Results
from harness.store.lost import lines_on

if TYPE_CHECKING:
    from harness.api.foreseeing import Foreseen
    from harness.api.several import Ended
    from harness.datasets.info import DatasetInfo
    from harness.execution.smoke import SmokeTest
    from harness.plugins.loading import Registry
    from harness.plugins.observers import Observers
    from harness.suite import LoadedSuite

Texts = Annotated[list[Text], BeforeValidator(plain)]
Named = Annotated[dict[str, Text], BeforeValidator(plain)]


class Expectations(Part):
    """The verdict on what a suite expects of a run."""

    met: bool
    """Whether nothing is missed or lacks what it needs."""
    summary: Text
    verdicts: Lines = lines_of(columns.VERDICTS)
    """A line for each figure, then for each relation."""

    @classmethod
    def of(cls, results: Results, *, missed: bool = False) -> Expectations | None:
        """Return the verdicts on a run, None where its suite expects nothing; ``missed``: those lines alone."""
        if not results.suite.expect:
            return None
        verified = Verification(results)
        frame = verified.verdicts()
        frame = frame[frame["verdict"] == "missed"] if missed else frame
        return cls(met=verified.met, summary=str(verified), verdicts=lines(frame))


class RanDataset(Part):
    """What became of a run: of a suite of several datasets, of one of them."""

    dataset: Text | None
    """The label of one of several datasets, null of a suite of one."""
    directory: Text | None
    """The run directory, null where the dataset could not be used."""
    reason: Text
    """Why the dataset could not be used; empty otherwise."""
    statuses: dict[str, int]
    """How many of the trials have which status."""
    trials: Lines = lines_of(columns.TRIALS)
    """A line for each trial and ensemble that the command asked for, finished earlier or now, failed or not."""
    damaged: Texts
    stale: Texts
    lost: Texts
    """Perturbations that failed in tests, the number of cells (trials times severities) without a result, and why."""
    expectations: Expectations | None
    """Null where the suite expects nothing."""

    @classmethod
    def of(cls, ended: Ended) -> RanDataset:
        """Return what became of a run."""
        rows = ended.outcome.rows if ended.outcome else []
        return cls(
            dataset=ended.label or None,
            directory=str(ended.run.directory) if ended.run else None,
            reason=ended.reason,
            statuses=dict(Counter(row.status for row in rows)),
            trials=lines(frames.of_rows(rows)),
            damaged=list(ended.outcome.damaged) if ended.outcome else [],
            stale=list(ended.outcome.stale) if ended.outcome else [],
            lost=list(lines_on(ended.outcome.lost)) if ended.outcome else [],
            expectations=Expectations.of(Results.of(ended.run)) if ended.run else None,
        )


class RunDocument(Document):
    """What `harness run -f json` prints, once all trials have ended."""

    command: Literal["run"] = "run"
    suite: Text
    directory: Text
    """Of all: of several datasets, the runs are in folders of it."""
    complete: bool
    """Whether every trial is done, and no test lost; the exit code is 1 otherwise."""
    runs: list[RanDataset]
    quarantined: Texts
    """Plugins that were not loaded, and why."""
    observers: Named
    """What observers did that raised, were slow or hung, by plugin and hook."""

    @classmethod
    def of(
        cls, suite: str, directory: Path, ended: Sequence[Ended], plugins: Registry, observers: Observers
    ) -> RunDocument:
        """Return what a command ends with."""
        return cls(
            suite=suite,
            directory=str(directory),
            complete=all(each.all_well for each in ended),
            runs=[RanDataset.of(each) for each in ended],
            quarantined=[str(entry) for entry in plugins.quarantined],
            observers=dict(observers.faulty),
        )


class PlanDataset(Part):
    """A dataset as it is split."""

    name: Text
    title: Text
    kind: Text
    shape: list[int]
    classes: int
    train: int
    val: int
    test: int

    @classmethod
    def of(cls, info: DatasetInfo) -> PlanDataset:
        """Return a dataset."""
        return cls(
            name=info.name, title=info.title, kind=info.kind, shape=list(info.shape), classes=len(info.class_names),
            train=info.sizes["train"], val=info.sizes["val"], test=info.sizes["test"],
        )  # fmt: skip


class EnsemblePlan(Part):
    """An ensemble, and what becomes of it."""

    experiment: Text
    seed: int
    reason: Text


class SmokeResult(Part):
    """One batch of an experiment on a backend."""

    experiment: Text
    backend: Text
    result: Text
    failed: bool


class PlannedRun(Part):
    """What a run would do: of a suite of several datasets, on one of them."""

    dataset: Text | None
    """The label of one of several datasets, null of a suite of one."""
    reason: Text
    """Why the dataset cannot be used; empty otherwise."""
    directory: Text | None
    data: PlanDataset | None
    counts: dict[str, int]
    """How many trials are to `run`, `stale`, to `measure`, `done` and `unavailable`."""
    seconds: Number
    """Predicted, of training; null where unknown."""
    at_most: bool | None
    """Whether some may stop early, in less time."""
    slots: int | None
    """Trials at a time."""
    trials: Lines = lines_of(columns.PLAN)
    ensembles: list[EnsemblePlan]
    remarks: Texts
    """Backends, tests and experiments that are not available here, and why; trials with more than one thread."""
    smoke: list[SmokeResult] | None
    """Null without `--smoke`."""

    @classmethod
    def of(cls, loaded: LoadedSuite, ahead: Foreseen, smoke: Iterable[SmokeTest] | None) -> PlannedRun:
        """Return what a run would do."""
        made, known = ahead.plan, ahead.outlook
        unavailable = unavailable_tests(loaded.suite, (trial.spec for trial in made.trials))
        return cls(
            dataset=loaded.member or None,
            reason="",
            directory=str(ahead.run.directory),
            data=PlanDataset.of(made.dataset),
            counts={state: known.counts[state] for state in ("run", "stale", "measure", "done", "unavailable")},
            seconds=known.seconds,
            at_most=known.at_most,
            slots=known.slots,
            trials=lines(frame_of(known)),
            ensembles=[
                EnsemblePlan(experiment=each.name, seed=each.seed, reason=reason)
                for each, reason in ensemble_reasons(ahead.run)
            ],
            remarks=[
                *made.substitutes,
                *ahead.threads,
                *(f"{name}: {reason}" for name, reason in unavailable.items()),
                *made.left_out.values(),
                *(f"{name}: not selected, and unavailable: {reason}" for name, reason in loaded.lacking.items()),
            ],
            smoke=None if smoke is None else [SmokeResult(**batch._asdict()) for batch in smoke],
        )

    @classmethod
    def unusable(cls, label: str, reason: str) -> PlannedRun:
        """Return that one of several datasets cannot be used."""
        return cls(
            dataset=label, reason=reason, directory=None, data=None, counts={}, seconds=None, at_most=None, slots=None,
            trials=[], ensembles=[], remarks=[], smoke=None,
        )  # fmt: skip


class PlanDocument(Document):
    """What `harness plan -f json` prints."""

    command: Literal["plan"] = "plan"
    suite: Text
    possible: bool
    """Whether nothing that was tried out failed; the exit code is 1 otherwise."""
    plans: list[PlannedRun]

    @classmethod
    def of(cls, suite: str, plans: list[PlannedRun], unusable: Mapping[str, str], *, well: bool) -> PlanDocument:
        """Return what a command ends with; ``unusable``: datasets that cannot be used, and why."""
        left_out = [PlannedRun.unusable(label, reason) for label, reason in unusable.items()]
        return cls(suite=suite, possible=well, plans=[*plans, *left_out])


class WhyTrial(Part):
    """A trial or an ensemble, and what the next run does with it."""

    dataset: Text | None
    experiment: Text
    seed: int
    reason: Text


class WhyDocument(Document):
    """What `harness why -f json` prints."""

    command: Literal["why"] = "why"
    trials: list[WhyTrial]
    unusable: Named
    """Of several datasets: those that cannot be used, and why."""

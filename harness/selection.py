"""Finalists: the experiments that are tested, named by the suite or chosen by validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from harness.rows import TrialMetrics, TrialRow
from harness.suite import Suite
from harness.suite.finalists import matching
from harness.suite.models import BestOf


@dataclass(frozen=True)
class Choice:
    """The experiments that a label of ``[finalists]`` stands for.

    ``failed``: the trials of candidates that have no trained network and will not get one unless the command is given
    again; the choice was made without them. ``waiting``: whether a candidate's trial is still to come.
    """

    names: list[str] = field(default_factory=list)
    failed: list[TrialRow] = field(default_factory=list)
    waiting: bool = False


def choices(suite: Suite, rows: Sequence[TrialRow]) -> dict[str, Choice]:
    """Return what each label of ``[finalists]`` stands for, among the planned rows; empty without ``[finalists]``.

    A ``best_of`` waits until no trial of its candidates is still to come. It averages over the seeds that were trained,
    and chooses among the candidates that have the most of them: a mean over fewer seeds, those that did not fail, would
    flatter. Ties go to the lower validation loss, then to the suite's order.
    """
    planned: dict[str, list[TrialRow]] = {}
    for row in rows:
        planned.setdefault(row.experiment, []).append(row)
    chosen = {}
    for label, finalist in suite.finalists.items():
        if isinstance(finalist, BestOf):
            chosen[label] = _best(finalist, matching(finalist.best_of, suite.experiments), planned)
        else:
            chosen[label] = Choice([name for name in matching(finalist, suite.experiments) if name in planned])
    return chosen


def finalists(suite: Suite, rows: Sequence[TrialRow]) -> dict[str, list[str]]:
    """Return the experiments of each of `choices`; empty without ``[finalists]``: then every experiment is tested."""
    return {label: choice.names for label, choice in choices(suite, rows).items()}


def tested(suite: Suite, rows: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the done trials whose test rows are read: all seeds of every finalist, or all without ``[finalists]``."""
    named = {name for names in finalists(suite, rows).values() for name in names}
    return [row for row in rows if row.status == "done" and (not suite.finalists or row.experiment in named)]


def _best(finalist: BestOf, candidates: Sequence[str], planned: Mapping[str, Sequence[TrialRow]]) -> Choice:
    # One whose measurement failed is trained: its validation counts.
    rows = [row for name in candidates for row in planned.get(name, [])]
    failed = [row for row in rows if row.metrics is None and row.status != "planned"]
    if any(name not in planned for name in candidates) or any(row.status == "planned" for row in rows):
        return Choice(failed=failed, waiting=True)
    trained: dict[str, list[TrialMetrics]] = {}
    for row in rows:
        if row.metrics is not None:
            trained.setdefault(row.experiment, []).append(row.metrics)
    most = max(map(len, trained.values()), default=0)
    scores = []
    for position, name in enumerate(candidates):
        trials = trained.get(name, [])
        if trials and len(trials) == most:
            value = fmean(getattr(metrics, finalist.by) for metrics in trials)
            loss = fmean(metrics.val_loss for metrics in trials)
            scores.append((value if finalist.by == "val_loss" else -value, loss, position, name))
    return Choice([min(scores)[-1]] if scores else [], failed)

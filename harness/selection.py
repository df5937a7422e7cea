"""Finalists: the experiments that are tested, named by the suite or chosen by validation."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from harness.rows import TrialMetrics, TrialRow
from harness.suite import Suite
from harness.suite.finalists import matching
from harness.suite.models import BestOf


def finalists(suite: Suite, rows: Sequence[TrialRow]) -> dict[str, list[str]]:
    """Return the experiments that each label of ``[finalists]`` stands for, among the planned rows.

    A ``best_of`` averages over seeds and needs every trial of its candidates done: until then its list is empty. Ties
    go to the lower validation loss, then to the suite's order. Without ``[finalists]`` the result is empty, and every
    experiment is tested.
    """
    done: dict[str, list[TrialMetrics | None]] = {}
    for row in rows:
        done.setdefault(row.experiment, []).append(row.metrics if row.status == "done" else None)
    chosen: dict[str, list[str]] = {}
    for label, finalist in suite.finalists.items():
        if isinstance(finalist, BestOf):
            chosen[label] = _best(finalist, matching(finalist.best_of, suite.experiments), done)
        else:
            chosen[label] = [name for name in matching(finalist, suite.experiments) if name in done]
    return chosen


def tested(suite: Suite, rows: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the done trials whose test rows are read: all seeds of every finalist, or all without ``[finalists]``."""
    named = {name for names in finalists(suite, rows).values() for name in names}
    return [row for row in rows if row.status == "done" and (not suite.finalists or row.experiment in named)]


def _best(finalist: BestOf, candidates: Sequence[str], done: Mapping[str, Sequence[TrialMetrics | None]]) -> list[str]:
    scores = []
    for position, name in enumerate(candidates):
        trials = [metrics for metrics in done.get(name, []) if metrics is not None]
        if not trials or len(trials) < len(done[name]):
            return []
        value = fmean(getattr(metrics, finalist.by) for metrics in trials)
        loss = fmean(metrics.val_loss for metrics in trials)
        scores.append((value if finalist.by == "val_loss" else -value, loss, position, name))
    return [min(scores)[-1]] if scores else []

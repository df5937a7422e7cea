"""Finalists: the experiments that are tested, named by the suite or chosen by validation.

No other experiment sees the test rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from statistics import fmean

from harness.metrics.catalogue import CATALOGUE, value_of
from harness.rows import TrialRow
from harness.suite.models import BestOf, Suite

_TO_COME = {"planned", "stale"}
"""The statuses of trials that the next command trains."""


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern means: the equal name if there is one, else those that it matches as a glob.

    >>> matching("M1*", ["M0", "M1a", "M1b"])
    ['M1a', 'M1b']
    >>> matching("A[lr=1]", ["A[lr=1]", "Al"])
    ['A[lr=1]']
    """
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]


def chosen(only: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that any of the patterns means, in the order of ``names``; all of them without a pattern.

    >>> chosen(["M1*"], ["M0", "M1a"]), chosen([], ["M0"])
    (['M1a'], ['M0'])
    """
    names, patterns = list(names), list(only)
    matched = {name for pattern in patterns for name in matching(pattern, names)}
    return [name for name in names if name in matched] if patterns else names


def testable(suite: Suite) -> frozenset[str]:
    """Return the experiments that are, or may become, finalists; without finalists, all are tested."""
    if not suite.finalists:
        return frozenset(suite.experiments)
    patterns = [entry.best_of if isinstance(entry, BestOf) else entry for entry in suite.finalists.values()]
    return frozenset(name for pattern in patterns for name in matching(pattern, suite.experiments))


def may_be_tested(suite: Suite, names: Iterable[str]) -> bool:
    """Return whether one of these experiments is among the `testable`."""
    return not testable(suite).isdisjoint(names)


@dataclass(frozen=True)
class Choice:
    """The experiments that a label of ``[finalists]`` means.

    ``failed``: trials of candidates without a trained network, which the choice leaves out; only another run trains
    them. ``waiting``: whether a candidate's trial is not finished.
    """

    names: list[str] = field(default_factory=list)
    failed: list[TrialRow] = field(default_factory=list)
    waiting: bool = False


def choices(suite: Suite, rows: Sequence[TrialRow]) -> dict[str, Choice]:
    """Return the experiments of each label of ``[finalists]`` among the planned rows; empty without ``[finalists]``.

    A ``best_of`` waits until all trials of its candidates have ended, but for one alone that is tested: there the
    choice was made, and what is missing is a damaged row. It averages over the trained seeds, and chooses among the
    candidates that have the most of them: a mean over the fewer seeds that did not fail would be biased. Ties go to the
    lower validation loss, then to the suite's order.
    """
    planned: dict[str, list[TrialRow]] = {}
    for row in rows:
        planned.setdefault(row.experiment, []).append(row)
    chosen = {}
    named = {
        name
        for finalist in suite.finalists.values()
        if not isinstance(finalist, BestOf)
        for name in matching(finalist, suite.experiments)
    }
    for label, finalist in suite.finalists.items():
        if isinstance(finalist, BestOf):
            chosen[label] = _best(finalist, matching(finalist.best_of, suite.experiments), planned, named)
        else:
            chosen[label] = Choice([name for name in matching(finalist, suite.experiments) if name in planned])
    return chosen


def finalists(suite: Suite, rows: Sequence[TrialRow]) -> dict[str, list[str]]:
    """Return the names of each of `choices`; empty without ``[finalists]``, where every experiment is tested."""
    return {label: choice.names for label, choice in choices(suite, rows).items()}


def tested(suite: Suite, rows: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the done trials whose test rows are read: all seeds of every finalist, or all without ``[finalists]``.

    Done ensembles among the rows are tested, too.
    """
    named = {name for names in finalists(suite, rows).values() for name in names} | set(suite.ensembles)
    return [row for row in rows if row.status == "done" and (not suite.finalists or row.experiment in named)]


def _best(
    finalist: BestOf, candidates: Sequence[str], planned: Mapping[str, Sequence[TrialRow]], named: AbstractSet[str]
) -> Choice:
    """Return the choice among candidates; ``named``: experiments that are tested whatever validation says."""
    # A trial whose test failed is trained, so its validation counts.
    rows = [row for name in candidates for row in planned.get(name, [])]
    failed = [row for row in rows if row.metrics is None and row.status not in _TO_COME]
    if any(name not in planned for name in candidates) or any(row.status in _TO_COME for row in rows):
        # A row that is lost hides no choice that was made: of one candidate there is nothing to choose, and of several
        # one alone is tested. A damaged row is the one kind of planned row that has a reason.
        damaged = all(row.status == "planned" and row.reason for row in rows if row.status in _TO_COME)
        measured = {row.experiment for row in rows if row.evaluation} - (named if len(candidates) > 1 else set())
        sure = len(measured) == 1 and (damaged or len(candidates) == 1)
        alone = sorted(measured) if sure and all(name in planned for name in candidates) else []
        return Choice(alone, failed, waiting=True)
    trained: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        value = value_of(row, finalist.by)
        if row.metrics is not None and value is not None:
            badness = -value if CATALOGUE[finalist.by].higher_is_better else value
            trained.setdefault(row.experiment, []).append((badness, row.metrics.val_loss))
    most = max(map(len, trained.values()), default=0)
    scores = []
    for position, name in enumerate(candidates):
        trials = trained.get(name, [])
        if trials and len(trials) == most:
            badness, loss = map(fmean, zip(*trials, strict=True))
            scores.append((badness, loss, position, name))
    return Choice([min(scores)[-1]] if scores else [], failed)

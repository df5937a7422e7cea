"""A run held against what its suite expects: which figures and relations it meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import TYPE_CHECKING

from harness.leaderboard.model import Statistic
from harness.suite.expectations import Claim, Condition, Figure, claims, figures
from harness.suite.relations import OF_THE_MACHINE, Metric, Term

if TYPE_CHECKING:
    from harness.rows import TrialRow
    from harness.store import Dataset, Run
    from harness.suite import Suite

_ROUNDING = 1e-9
"""A difference that is the tolerance but for the rounding of binary fractions is within it."""
_TEST = {
    "test_accuracy": "accuracy",
    "test_macro_f1": "macro_f1",
    "test_cross_entropy": "cross_entropy",
    "test_ece": "ece",
    "degradation": "degradation",
}
_OF_THE_ROW = ("parameters", "anonymous_bytes")
_TIMES = frozenset({"seconds", "samples_per_second"})
_MACHINE = ("system", "processor", "cores", "python", "threads", "device")
"""What must be equal for times and memory to be compared."""


class Verdict(StrEnum):
    """What became of an expectation."""

    met = "met"
    missed = "missed"
    not_comparable = "not comparable"  # a figure of another dataset, or times of different machines
    not_run = "not run"  # the run lacks a value that it needs


@dataclass(frozen=True)
class JudgedFigure:
    """A figure, what the run has for it, and the verdict."""

    expected: Figure
    got: Statistic | None
    verdict: Verdict

    @property
    def difference(self) -> float | None:
        """How much the run's mean is above the expected value."""
        return None if self.got is None else self.got.mean - self.expected.value


@dataclass(frozen=True)
class JudgedClaim:
    """A relation, both of its sides, how much the left is above the right, and the verdict."""

    expected: Claim
    left: Statistic | None
    right: Statistic | None
    margin: Statistic | None
    verdict: Verdict


@dataclass(frozen=True)
class Verification:
    """Every expectation of a suite, judged, in the suite's order."""

    figures: list[JudgedFigure]
    claims: list[JudgedClaim]

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many expectations have which verdict."""
        found = Counter([one.verdict for one in self.figures] + [one.verdict for one in self.claims])
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def missed(self) -> bool:
        """Whether any is missed."""
        return self.counts[Verdict.missed] > 0


def verify(run: Run) -> Verification:
    """Return a run's verdicts."""
    return judge(run.suite, run.dataset, list(run.rows()))


def judge(suite: Suite, dataset: Dataset, rows: Sequence[TrialRow]) -> Verification:
    """Return the verdict on every expectation of a suite.

    A figure is held against the mean over the seeds that are done; it is comparable where the run's dataset has the
    name and the number of images that it was measured on. A relation compares means, seed by seed where both sides have
    the same ones, on whatever dataset.
    """
    trials: dict[str, dict[int, TrialRow]] = {}
    for row in rows:
        if row.status == "done":
            trials.setdefault(row.experiment, {})[row.seed] = row

    def read(experiment: str, metric: Metric, condition: Condition) -> dict[int, float]:
        found = {seed: _value(row, metric, condition) for seed, row in trials.get(experiment, {}).items()}
        return {seed: value for seed, value in found.items() if value is not None}

    judged = [_judge_figure(figure, dataset, read) for figure in figures(suite)]
    return Verification(judged, [_judge_claim(claim, trials, read) for claim in claims(suite)])


Read = Callable[[str, Metric, Condition], dict[int, float]]


def _judge_figure(figure: Figure, dataset: Dataset, read: Read) -> JudgedFigure:
    values = read(figure.experiment, figure.metric, figure.condition)
    if figure.minus is None:
        got = Statistic.of(list(values.values()))
    else:
        got = _difference(values, read(figure.minus, figure.metric, figure.condition))
    same_name = figure.dataset in {None, dataset.name}
    if not same_name or figure.images not in {None, dataset.rows}:
        verdict = Verdict.not_comparable
    elif got is None:
        verdict = Verdict.not_run
    else:
        within = abs(got.mean - figure.value) <= figure.tolerance + _ROUNDING
        verdict = Verdict.met if within else Verdict.missed
    return JudgedFigure(figure, got, verdict)


def _judge_claim(claim: Claim, trials: Mapping[str, Mapping[int, TrialRow]], read: Read) -> JudgedClaim:
    relation = claim.relation

    def side(term: Term) -> dict[int, float]:
        return read(term.experiment, term.metric, claim.condition)

    left = side(relation.left)
    right = dict.fromkeys(left, 0.0) if relation.right is None else side(relation.right)
    above = _difference(left, right)
    margin = above and Statistic(above.mean - relation.offset, above.std, above.n)
    if margin is None:
        verdict = Verdict.not_run
    elif _incomparable_times(relation.terms, trials):
        verdict = Verdict.not_comparable
    else:
        verdict = Verdict.met if relation.holds(margin.mean) else Verdict.missed
    shown = Statistic.of(list(right.values())) if relation.right is not None else None
    return JudgedClaim(claim, Statistic.of(list(left.values())), shown, margin, verdict)


def _difference(first: Mapping[int, float], second: Mapping[int, float]) -> Statistic | None:
    """Return the statistic of the differences seed by seed; without a common seed, the difference of the means."""
    common = [seed for seed in first if seed in second]
    if common:
        return Statistic.of([first[seed] - second[seed] for seed in common])
    if not first or not second:
        return None
    return Statistic(fmean(first.values()) - fmean(second.values()), None, min(len(first), len(second)))


def _value(row: TrialRow, metric: Metric, condition: Condition) -> float | None:
    """Return a done trial's metric, None where it has none."""
    if metric in _TEST:
        measures = row.evaluation.measures if row.evaluation else []
        found = [one for one in measures if (one.perturbation, one.severity) == condition]
        return float(getattr(found[0], _TEST[metric])) if found else None
    if metric in _OF_THE_ROW:
        value = getattr(row, metric)
    elif row.metrics is None:
        return None
    elif metric == "gap":
        value = row.metrics.train_accuracy - row.metrics.val_accuracy
    else:
        value = getattr(row.metrics, metric)
    return None if value is None else float(value)


def _incomparable_times(terms: Sequence[Term], trials: Mapping[str, Mapping[int, TrialRow]]) -> bool:
    """Say whether figures of the machine are of several, or times of trials that shared it with others."""
    if not any(term.metric in OF_THE_MACHINE for term in terms):
        return False
    rows = [row for term in terms for row in trials.get(term.experiment, {}).values()]
    if any(term.metric in _TIMES for term in terms) and any(row.contended for row in rows):
        return True
    return len({tuple(row.environment.get(key, "") for key in _MACHINE) for row in rows}) > 1


def spoken(verification: Verification) -> str:
    """Return the verdicts in a sentence: ``52 of 190 expectations met, 51 missed, 87 not comparable``."""
    counts = verification.counts
    others = [f"{count} {verdict.value}" for verdict, count in counts.items() if count and verdict is not Verdict.met]
    return ", ".join([f"{counts[Verdict.met]} of {sum(counts.values())} expectations met", *others])

"""Which of the figures and relations that its suite expects a run meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparability import comparable
from harness.metrics.comparisons import CLEAR, error_of_mean
from harness.metrics.statistic import ROUNDING, Statistic, paired
from harness.results.results import Results
from harness.results.verify.evidence import Missing, missing
from harness.rows import Condition
from harness.suite.expectations import Claim, Figure, claims, figures
from harness.suite.relations import Term
from harness.text import counted

if TYPE_CHECKING:
    from harness.rows import TrialRow


class Verdict(StrEnum):
    """What became of an expectation."""

    met = "met"
    missed = "missed"
    not_comparable = "not comparable"  # a figure of another dataset, or times of different machines
    incomplete = "incomplete"  # some of the planned seeds have no value: those that have one do not decide alone
    not_run = "not run"  # the run lacks a value that it needs


@dataclass(frozen=True)
class JudgedFigure:
    """A figure, what the run has for it, and the verdict."""

    expected: Figure
    got: Statistic | None
    verdict: Verdict
    missing: tuple[Missing, ...] = ()

    @property
    def difference(self) -> float | None:
        """How much the run's mean is above the expected value."""
        return None if self.got is None else self.got.mean - self.expected.value


@dataclass(frozen=True)
class JudgedClaim:
    """A relation, both of its sides, how much the left is above the right and the offset, and the verdict.

    Where both sides have some of the same seeds, all three are over those. ``error``: half the confidence interval of
    the margin, None where nothing tells.
    """

    expected: Claim
    left: Statistic | None
    right: Statistic | None
    margin: Statistic | None
    error: float | None
    verdict: Verdict
    missing: tuple[Missing, ...] = ()

    @property
    def noise(self) -> bool:
        """Whether the relation is met, or missed, by no more than chance would do."""
        return self.margin is not None and self.error is not None and abs(self.margin.mean) <= self.error

    @property
    def untold(self) -> bool:
        """Whether nothing tells if the margin is noise: of one seed, mostly. Sides that are equal are certain.

        How much seeds differ, one seed does not tell: up to `CLEAR` sampling errors it has no verdict.
        """
        if self.margin is None or self.margin.mean == 0:
            return False
        if self.error is None:
            return any(not CATALOGUE[term.metric].certain for term in self.expected.relation.terms)
        return self.margin.n == 1 and self.error < abs(self.margin.mean) <= CLEAR * self.error


@dataclass(frozen=True)
class Verification:
    """Every expectation of a suite, judged, in the suite's order."""

    figures: list[JudgedFigure]
    claims: list[JudgedClaim]
    seeds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """The seeds that are done of each experiment."""

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many expectations have which verdict."""
        found = Counter([one.verdict for one in self.figures] + [one.verdict for one in self.claims])
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def missed(self) -> bool:
        """Whether any is missed."""
        return self.counts[Verdict.missed] > 0

    @property
    def undecided(self) -> bool:
        """Whether any has no verdict because the run lacks what it needs: that is not success."""
        return self.counts[Verdict.incomplete] + self.counts[Verdict.not_run] > 0

    @property
    def missing(self) -> list[Missing]:
        """What the expectations without a verdict lack, each once."""
        judged: list[JudgedFigure | JudgedClaim] = [*self.figures, *self.claims]
        undecided = [one for one in judged if one.verdict in {Verdict.incomplete, Verdict.not_run}]
        return list(dict.fromkeys(lack for one in undecided for lack in one.missing))


def verify(results: Results) -> Verification:
    """Return the verdict on every expectation of a run's suite.

    A figure is compared with the mean over the planned seeds; it is comparable where the run's dataset has the name and
    the number of images that it was measured on. A relation compares means over the seeds that both sides have, or over
    all where they have none in common, on whatever dataset. Where some of the planned seeds have no value there is no
    verdict. Only finalists have test results: one that was a finalist once has none.
    """
    return Verification(
        [_judge_figure(figure, results) for figure in figures(results.suite)],
        [_judge_claim(claim, results) for claim in claims(results.suite)],
        {experiment.name: [row.seed for row in experiment.done] for experiment in results.experiments},
    )


def _values(results: Results, experiment: str, metric: str, condition: Condition) -> Mapping[int, float]:
    """Return an experiment's values of a metric by seed."""
    return results.named[experiment].values(metric, condition) if experiment in results.named else {}


def _missing(results: Results, experiment: str, metric: str, condition: Condition) -> tuple[Missing, ...]:
    planned = results.named[experiment].rows if experiment in results.named else []
    return missing(experiment, metric, condition, planned, _values(results, experiment, metric, condition))


def _judge_figure(figure: Figure, results: Results) -> JudgedFigure:
    dataset = results.dataset
    sides = [figure.experiment] + ([figure.minus] if figure.minus is not None else [])
    lacks = tuple(one for side in sides for one in _missing(results, side, figure.metric, figure.condition))
    values = _values(results, figure.experiment, figure.metric, figure.condition)
    if figure.minus is None:
        got = Statistic.of(list(values.values()))
    else:
        got = paired(values, _values(results, figure.minus, figure.metric, figure.condition))
    same_name = figure.dataset in {None, dataset.name}
    if not same_name or figure.images not in {None, dataset.rows}:
        verdict = Verdict.not_comparable
    elif got is None:
        verdict = Verdict.not_run
    elif lacks:
        verdict = Verdict.incomplete
    else:
        within = abs(got.mean - figure.value) <= figure.tolerance + ROUNDING
        verdict = Verdict.met if within else Verdict.missed
    return JudgedFigure(figure, got, verdict, lacks)


def _judge_claim(claim: Claim, results: Results) -> JudgedClaim:
    relation = claim.relation

    def side(term: Term) -> Mapping[int, float]:
        return _values(results, term.experiment, term.metric, claim.condition)

    lacks = tuple(
        one for term in relation.terms for one in _missing(results, term.experiment, term.metric, claim.condition)
    )
    left = side(relation.left)
    right = dict.fromkeys(left, 0.0) if relation.right is None else side(relation.right)
    if common := [seed for seed in left if seed in right]:
        left, right = ({seed: one[seed] for seed in common} for one in (left, right))
    above = paired(left, right)
    margin = above and Statistic(above.mean - relation.offset, above.std, above.n)
    if margin is None:
        verdict = Verdict.not_run
    elif not comparable((term.metric for term in relation.terms), _done(relation.terms, results)):
        verdict = Verdict.not_comparable
    elif lacks:
        verdict = Verdict.incomplete
    else:
        verdict = Verdict.met if relation.holds(_unrounded(margin.mean, left, right)) else Verdict.missed
    shown = Statistic.of(list(right.values())) if relation.right is not None else None
    error = _error(claim, results, above) if common and above else None
    return JudgedClaim(claim, Statistic.of(list(left.values())), shown, margin, error, verdict, lacks)


def _error(claim: Claim, results: Results, above: Statistic) -> float | None:
    """Return half the confidence interval of how much one side is above the other: that of `difference`.

    Against a number, or another metric, it is that of the t-test alone, without the floor of a sampling error.
    """
    left, right = claim.relation.left, claim.relation.right
    if right is None or right.metric != left.metric:
        return error_of_mean(above) if above.std is not None and above.std > ROUNDING else None
    found = results.over(results.named[left.experiment], results.named[right.experiment], left.metric, claim.condition)
    return found.error if found else None


def _unrounded(margin: float, *sides: Mapping[int, float]) -> float:
    """Return a margin without the rounding of the values that it comes from, so that equal sides are equal.

    0.897 meets ``>= 0.9 - 0.003``, 0.8 does not meet ``> 0.7 + 0.1``, whatever binary fractions make of them.
    """
    values = [abs(value) for side in sides for value in side.values() if isfinite(value)]
    return 0.0 if abs(margin) <= ROUNDING * max(1.0, *values) else margin


def _done(terms: Sequence[Term], results: Results) -> list[TrialRow]:
    return [row for term in terms if term.experiment in results.named for row in results.named[term.experiment].done]


def spoken(verification: Verification) -> str:
    """Return the verdicts in a sentence: ``52 of 190 expectations met, 51 missed, 87 not comparable``."""
    counts = verification.counts
    others = [f"{count} {verdict.value}" for verdict, count in counts.items() if count and verdict is not Verdict.met]
    return ", ".join([f"{counts[Verdict.met]} of {counted(sum(counts.values()), 'expectation')} met", *others])

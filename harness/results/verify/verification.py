"""Which of the figures and relations that its suite expects a run meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparability import comparable
from harness.metrics.pairs import Pair, adjusted
from harness.metrics.statistic import ROUNDING, Statistic, paired
from harness.results.results import Results
from harness.results.verify.evidence import Missing, missing
from harness.results.verify.margins import margin_of
from harness.rows import Condition
from harness.suite.expectations import Claim, Figure, claims, figures
from harness.suite.relations import Term

if TYPE_CHECKING:
    from harness.rows import TrialRow


class Verdict(StrEnum):
    """What became of an expectation."""

    met = "met"
    missed = "missed"
    undecided = "undecided"  # the run's seeds and images do not tell whether it holds
    not_comparable = "not comparable"  # a figure of another dataset, or times of different machines
    incomplete = "incomplete"  # some of the planned seeds have no value, or each was tested and lost it
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

    Where both sides have some of the same seeds, all three are over those. ``pair``: the margin with its interval, None
    where nothing is known of it.
    """

    expected: Claim
    left: Statistic | None
    right: Statistic | None
    margin: Statistic | None
    pair: Pair | None
    verdict: Verdict
    missing: tuple[Missing, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the margin, None where no variance is known."""
        if self.pair is None or self.pair.low is None or self.pair.high is None:
            return None
        return self.pair.low, self.pair.high

    @property
    def by_values(self) -> bool:
        """Whether the values alone decided, because their variance is not known: of one seed, mostly."""
        settled = self.verdict in {Verdict.met, Verdict.missed}
        return settled and not _certain(self) and not _equal(self) and (self.pair is None or self.pair.p is None)


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
        verdicts = Counter([figure.verdict for figure in self.figures] + [claim.verdict for claim in self.claims])
        return {verdict: verdicts[verdict] for verdict in Verdict}

    @property
    def missed(self) -> bool:
        """Whether any is missed."""
        return self.counts[Verdict.missed] > 0

    @property
    def undecided(self) -> bool:
        """Whether the run's seeds and images leave any open: more seeds may settle it."""
        return self.counts[Verdict.undecided] > 0

    @property
    def unfinished(self) -> bool:
        """Whether any has no verdict because the run lacks what it needs: that is not success."""
        return self.counts[Verdict.incomplete] + self.counts[Verdict.not_run] > 0

    @property
    def foreign(self) -> list[JudgedFigure]:
        """The figures that were measured on other data than the run's."""
        return [figure for figure in self.figures if figure.verdict is Verdict.not_comparable]

    @property
    def missing(self) -> list[Missing]:
        """What the expectations without a verdict lack, each once."""
        judged: list[JudgedFigure | JudgedClaim] = [*self.figures, *self.claims]
        lacking = [judgement for judgement in judged if judgement.verdict in {Verdict.incomplete, Verdict.not_run}]
        return list(dict.fromkeys(lack for judgement in lacking for lack in judgement.missing))


def verify(results: Results) -> Verification:
    """Return the verdict on every expectation of a run's suite.

    A figure is compared with the mean over the planned seeds; it is comparable where the run's dataset has the name and
    the number of images that it was measured on. A relation compares means over the seeds that both sides have, or over
    all where they have none in common, on whatever dataset. It is met or missed where the margin is significant among
    those of its unit's table (Holm), undecided where it is not, and decided by the values where no variance is known.
    Sides that are equal to the last bit for every seed meet ``>=`` and ``<=``, whatever p is.
    Where some of the planned seeds have no value there is no verdict. Only finalists have test results: one that was a
    finalist once has none.
    """
    return Verification(
        [_judge_figure(figure.of(results.meant), results) for figure in figures(results.suite)],
        _settled([_judge_claim(claim.of(results.meant), results) for claim in claims(results.suite)]),
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
    lacks = tuple(lack for side in sides for lack in _missing(results, side, figure.metric, figure.condition))
    values = _values(results, figure.experiment, figure.metric, figure.condition)
    if figure.minus is None:
        got = Statistic.of(list(values.values()))
    else:
        got = paired(values, _values(results, figure.minus, figure.metric, figure.condition))
    same_name = figure.dataset in {None, dataset.name}
    if not same_name or figure.images not in {None, dataset.rows}:
        verdict = Verdict.not_comparable
    elif got is None:
        verdict = _without_value(lacks)
    elif lacks:
        verdict = Verdict.incomplete
    else:
        within = abs(got.mean - figure.value) <= figure.tolerance + ROUNDING
        verdict = Verdict.met if within else Verdict.missed
    return JudgedFigure(figure, got, verdict, lacks)


def _without_value(lacks: Sequence[Missing]) -> Verdict:
    """Return the verdict where the run has no value at all: trials that were tested were run."""
    return Verdict.incomplete if any(lack.lost for lack in lacks) else Verdict.not_run


def _judge_claim(claim: Claim, results: Results) -> JudgedClaim:
    relation = claim.relation

    def side(term: Term) -> Mapping[int, float]:
        return _values(results, term.experiment, term.metric, claim.condition)

    lacks = tuple(
        lack for term in relation.terms for lack in _missing(results, term.experiment, term.metric, claim.condition)
    )
    left = side(relation.left)
    right = dict.fromkeys(left, 0.0) if relation.right is None else side(relation.right)
    if common := [seed for seed in left if seed in right]:
        left, right = ({seed: values[seed] for seed in common} for values in (left, right))
    above = paired(left, right)
    margin = above and Statistic(above.mean - relation.offset, above.std, above.n)
    if margin is None:
        verdict = _without_value(lacks)
    elif not comparable((term.metric for term in relation.terms), _done(relation.terms, results)):
        verdict = Verdict.not_comparable
    elif lacks:
        verdict = Verdict.incomplete
    else:
        verdict = Verdict.met if relation.holds(_unrounded(margin.mean, left, right)) else Verdict.missed
    shown = Statistic.of(list(right.values())) if relation.right is not None else None
    pair = margin_of(claim, results, left, right) if common and margin and isfinite(margin.mean) else None
    return JudgedClaim(claim, Statistic.of(list(left.values())), shown, margin, pair, verdict, lacks)


def _settled(judged: Sequence[JudgedClaim]) -> list[JudgedClaim]:
    """Return relations with their verdicts: those whose margin is not significant in its table are undecided."""
    result = list(judged)
    tables: dict[str, list[int]] = {}
    for place, judgement in enumerate(judged):
        if judgement.verdict in {Verdict.met, Verdict.missed} and judgement.pair and not _certain(judgement):
            tables.setdefault(CATALOGUE[judgement.expected.relation.left.metric].unit.key, []).append(place)
    for places in tables.values():
        pairs = adjusted(pair for place in places if (pair := judged[place].pair))
        for place, pair in zip(places, pairs, strict=True):
            judgement = judged[place]
            open_ = (
                pair.p is not None
                and not pair.significant
                and not (_equal(judgement) and judgement.verdict is Verdict.met)
            )
            result[place] = replace(judgement, pair=pair, verdict=Verdict.undecided if open_ else judgement.verdict)
    return result


def _certain(claim: JudgedClaim) -> bool:
    return all(CATALOGUE[term.metric].certain for term in claim.expected.relation.terms)


def _equal(claim: JudgedClaim) -> bool:
    """Say whether both sides are the same for every seed, to the last bit."""
    return claim.margin is not None and claim.margin.mean == 0 and not claim.margin.std


def _unrounded(margin: float, *sides: Mapping[int, float]) -> float:
    """Return a margin without the rounding of the values that it comes from, so that equal sides are equal.

    0.897 meets ``>= 0.9 - 0.003``, 0.8 does not meet ``> 0.7 + 0.1``, whatever binary fractions make of them.
    """
    values = [abs(value) for side in sides for value in side.values() if isfinite(value)]
    return 0.0 if abs(margin) <= ROUNDING * max(1.0, *values) else margin


def _done(terms: Sequence[Term], results: Results) -> list[TrialRow]:
    return [row for term in terms if term.experiment in results.named for row in results.named[term.experiment].done]

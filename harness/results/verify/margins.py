"""How much the left side of a relation is above the right one, with its confidence interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.metrics.analysis import analyse
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.crossed import Sums
from harness.metrics.pairs import Pair
from harness.results.results import Results
from harness.suite.expectations import Claim


def margin_of(claim: Claim, results: Results, left: Mapping[int, float], right: Mapping[int, float]) -> Pair | None:
    """Return how much one side is above the other, over the seeds and images of all experiments that have the metric.

    Where these are other seeds than both sides have, and of two metrics, it is by both sides' seeds alone.
    """
    relation = claim.relation
    one, other, offset = relation.left, relation.right, relation.offset
    margin = None
    if other is None or other.metric == one.metric:
        analysis = results.analysis(one.metric, (claim.condition,))
        if analysis.seeds == tuple(sorted(left)):
            margin = (
                analysis.level(one.experiment) if other is None else analysis.pair(one.experiment, other.experiment)
            )
    if margin is None:
        sums = Sums(np.array([list(left.values()), [right[seed] for seed in left]]))
        ends = [CATALOGUE[side.metric].possible for side in (one, other) if side]
        possible = min(least for least, _ in ends), max(greatest for _, greatest in ends)
        margin = analyse(("left", "right"), sums, higher_is_better=None, possible=possible).pair("left", "right")
    return margin and margin.above(offset)

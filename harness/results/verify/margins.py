"""How much the left side of a relation is above the right one, with its confidence interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.metrics.analysis import analyse
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
    found = None
    if other is None or other.metric == one.metric:
        analysis = results.analysis(one.metric, (claim.condition,))
        if analysis.seeds == tuple(sorted(left)):
            found = analysis.level(one.experiment) if other is None else analysis.pair(one.experiment, other.experiment)
    if found is None:
        sums = Sums(np.array([list(left.values()), [right[seed] for seed in left]]))
        found = analyse(("left", "right"), sums, higher_is_better=None).pair("left", "right")
    return found and found.above(offset)

"""Two runs side by side: what differs, whether it is more than noise, and what was changed."""

from harness.metrics.comparisons import Difference, Mark
from harness.results.compare.comparison import Comparison, Unjudged, Unmatched, compare
from harness.results.compare.limits import Limit, limit, undecided, violations
from harness.results.compare.tables import tables

__all__ = [
    "Comparison",
    "Difference",
    "Limit",
    "Mark",
    "Unjudged",
    "Unmatched",
    "compare",
    "limit",
    "tables",
    "undecided",
    "violations",
]

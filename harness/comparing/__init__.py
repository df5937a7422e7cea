"""Two runs side by side: what differs, whether it is more than noise, and what was changed."""

from harness.comparing.comparison import Comparison, Unjudged, Unmatched, compare
from harness.comparing.limits import Limit, limit, violations
from harness.comparing.tables import tables
from harness.metrics.comparisons import Difference, Mark

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
    "violations",
]

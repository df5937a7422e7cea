"""What a mistyped name of a metric may have meant."""

from harness.errors import nearest
from harness.metrics.catalogue import CATALOGUE


def nearest_metric(name: str) -> str:
    """Return the sentences that help with an unknown metric: a name without its set means that of the test rows.

    >>> nearest_metric("accuracy").partition(" Known")[0]
    "Did you mean 'test_accuracy'?"
    """
    return nearest(f"test_{name}" if f"test_{name}" in CATALOGUE else name, CATALOGUE)

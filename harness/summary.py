"""A run, as its leaderboards want it."""

from harness.leaderboard import RunSummary
from harness.selection import finalists
from harness.store import Run


def summarise(run: Run) -> RunSummary:
    """Return every planned row of a run, with what its suite says should be compared."""
    rows = list(run.rows())
    pairs = [(first, second) for first, second in run.suite.leaderboard.compare]
    return RunSummary(
        title=run.suite.suite.name,
        dataset=run.dataset.title or f"{run.dataset.name}, {run.dataset.rows:,} images",
        rows=rows,
        finalists=finalists(run.suite, rows),
        baseline=run.suite.leaderboard.baseline,
        compare=pairs,
        test_rows=run.dataset.sizes.get("test", 0),
    )

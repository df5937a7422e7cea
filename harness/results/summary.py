"""A run, as its leaderboards want it."""

from harness.results.leaderboard import RunSummary
from harness.store import Run
from harness.suite import Suite
from harness.suite.finalists import choices
from harness.suite.models import BestOf


def summarise(run: Run) -> RunSummary:
    """Return every planned row of a run, with what its suite says should be compared."""
    rows = list(run.rows())
    chosen = choices(run.suite, rows)
    pairs = [(first, second) for first, second in run.suite.leaderboard.compare]
    return RunSummary(
        title=run.suite.suite.name,
        dataset=run.dataset.title or f"{run.dataset.name}, {run.dataset.rows:,} images",
        rows=rows,
        finalists={label: choice.names for label, choice in chosen.items()},
        baseline=run.suite.leaderboard.baseline,
        compare=pairs,
        sizes=run.dataset.sizes,
        chosen=frozenset(label for label, one in run.suite.finalists.items() if isinstance(one, BestOf)),
        without={label: choice.failed for label, choice in chosen.items() if choice.failed and not choice.waiting},
        severities=_severities(run.suite),
    )


def _severities(suite: Suite) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in suite.robustness:
        found.setdefault(one.perturbation, []).extend(one.severities)
    return found

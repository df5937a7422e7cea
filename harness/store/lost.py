"""What tests lost: the cells of perturbations that failed, of the trials and ensembles of a run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.errors import as_typed
from harness.rows import TrialRow, lost_tests
from harness.store.run import Run
from harness.suite.finalists import tested
from harness.text import counted, numbered
from harness.trial.robustness import severities_of


@dataclass(frozen=True)
class LostTest:
    """A perturbation that failed when a trial or an ensemble was measured; a cell for each of its severities."""

    experiment: str
    seed: int
    perturbation: str
    cells: int
    reason: str


def lost_of(run: Run, trials: Sequence[TrialRow], ensembles: Sequence[TrialRow]) -> tuple[LostTest, ...]:
    """Return what the finalists among all of a run's trials, and its ensembles, lost of what the suite asks for."""
    if not any(map(lost_tests, [*trials, *ensembles])):
        return ()
    severities = severities_of(run.suite.robustness)
    return tuple(
        LostTest(row.experiment, row.seed, name, len(severities[name]), why)
        for row in [*tested(run.suite, trials), *ensembles]
        for name, why in lost_tests(row).items()
        if name in severities
    )


def lines_on(lost: Iterable[LostTest]) -> Iterator[str]:
    """Yield a line for each perturbation of an experiment that failed alike: seeds, the number of cells, why."""
    alike: dict[tuple[str, str, str], list[LostTest]] = {}
    for test in lost:
        alike.setdefault((test.experiment, test.perturbation, test.reason), []).append(test)
    for (experiment, perturbation, reason), tests in alike.items():
        cells = counted(sum(test.cells for test in tests), "cell")
        seeds = numbered("seed", [test.seed for test in tests])
        yield f"{experiment} {seeds}: {cells} lost under {as_typed(perturbation)}: {reason}"

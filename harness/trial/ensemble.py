"""An ensemble on the test rows: trained networks that answer together, by the mean of their probabilities."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from harness.datasets.cache import CachedDataset
from harness.datasets.splits import SplitTable
from harness.machine.host import host
from harness.plugins.loading import Registry
from harness.rows import EvaluationRow
from harness.trial.evaluation import BLOCK, gathered, measures
from harness.trial.gallery import confused
from harness.trial.jobs import split_of
from harness.trial.probabilities import mean_log_probabilities
from harness.trial.robustness import Robustness, conditions
from harness.trial.specs import Evaluated
from harness.trial.tasks import Report


@dataclass(frozen=True)
class EnsembleSpec:
    """The files of the members' probabilities, and what they are of."""

    data: CachedDataset
    split: SplitTable
    members: tuple[Path, ...]
    perturbations: tuple[Robustness, ...]

    def on(self, _device: str) -> "EnsembleSpec":
        """Return the same: files are averaged on the CPU."""
        return self


def answer_together(spec: EnsembleSpec, _registry: Registry, _report: Report) -> Evaluated:
    """Return the predictions and metrics of an ensemble: a job that no plugin has a part in.

    ``seconds`` of the evaluation are those of the averaging: the members' predictions were made before.

    Raises:
        TrialError: a member's probabilities cannot be read, or are not probabilities.
    """
    started = perf_counter()
    data = spec.data.open()
    rows = split_of(spec.data, spec.split).test
    classes, count = len(spec.data.info.class_names), len(conditions(spec.perturbations))
    sizes = [min(BLOCK, len(rows) - start) for start in range(0, len(rows), BLOCK) for _ in range(count)]
    blocks = mean_log_probabilities(spec.members, sizes, classes)
    predictions = gathered(blocks, data.labels[rows], rows, classes, count)
    evaluation = EvaluationRow(
        fingerprint="",
        measures=measures(predictions, spec.perturbations),
        seconds=perf_counter() - started,
        environment=host(),
    )
    return Evaluated(evaluation, predictions, confused(predictions, data.features))

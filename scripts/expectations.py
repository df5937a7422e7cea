"""Print a finished run's figures as ``[[expect]]`` tables: a regression guard for the suite that it is a run of.

    python scripts/expectations.py runs/pool >> suites/pool.toml

A tolerance is the prediction interval of one more seed, at ``--confidence``, from what the run's n seeds differ in:
t · s · √(1 + 1/n), with Student's t of n - 1 degrees of freedom. It holds no sampling error: the guard is for runs on
the same images and split. Of a hundred figures at 0.99, about one is missed by chance when the seeds are others; with
the same seeds, on the same kind of machine, none is.
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

from scipy.stats import t as student

from harness.metrics.statistic import Statistic
from harness.results.experiments import ExperimentRows, perturbations
from harness.results.results import Results
from harness.rows import Condition
from harness.store import Run

TRAINED = ("train_accuracy", "val_accuracy", "val_loss", "val_macro_f1")
TESTED = ("test_accuracy", "test_macro_f1", "test_cross_entropy")
LEAST = 0.0005
"""No tolerance is below this: the digits that are printed, and what another BLAS kernel changes."""


def tables(run: Run, confidence: float) -> list[str]:
    """Return a TOML text for every row of figures.

    Raises:
        SystemExit: a trial is not done or not wholly measured, or there is one seed alone, which has no spread.
    """
    experiments = Results.of(run).experiments
    for experiment in experiments:
        if len(experiment.done) < len(experiment.rows):
            msg = f"{run.directory}: {experiment.name}: {experiment.status}. A guard is made from a finished run"
            raise SystemExit(msg)
        if len(experiment.done) < 2:
            msg = f"{run.directory}: {experiment.name}: one seed has no spread. Run with --seeds 1,2,3,4,5"
            raise SystemExit(msg)
        for name, severities in perturbations([experiment]).items():
            if experiment.over_severities("test_accuracy", name, severities) is None:
                problem = f"is not measured at each severity of {name}. Run the suite again"
                msg = f"{run.directory}: {experiment.name}: {problem}"
                raise SystemExit(msg)
    source = f"measured: seeds {', '.join(map(str, sorted({seed for _, seed in run.planned})))}"

    about = f'dataset = "{run.dataset.name}"\nimages = {run.dataset.rows:_}\nsource = "{source}"\n'

    def row(experiment: ExperimentRows, metric: str, statistics: list[Statistic], under: str = "") -> str:
        values = ", ".join(f"{statistic.mean:.4f}" for statistic in statistics)
        tolerances = ", ".join(f"{tolerance(statistic, confidence):.4f}" for statistic in statistics)
        spread = ", ".join(f"{statistic.std:.4f}" for statistic in statistics)
        return (
            f'[[expect]]\nexperiment = "{experiment.name}"\nmetric = {metric}\n{under}value = [{values}]\n'
            f"tolerance = [{tolerances}] # standard deviation over seeds: {spread}\n{about}"
        )

    texts = []
    for experiment in experiments:
        texts.append(row(experiment, listed(TRAINED), [present(experiment.statistic(key)) for key in TRAINED]))
        if not experiment.tested:
            continue
        texts.append(row(experiment, listed(TESTED), [present(experiment.statistic(key)) for key in TESTED]))
        for name, severities in perturbations([experiment]).items():
            noisy = [severity for severity in severities if severity > 0]
            statistics = [
                present(experiment.statistic("test_accuracy", Condition(name, severity))) for severity in noisy
            ]
            under = f'perturbation = "{name}"\nseverity = {noisy}\n'
            texts.append(row(experiment, '"test_accuracy"', statistics, under))
    return texts


def listed(names: Iterable[str]) -> str:
    """Return names as TOML lists them."""
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def present(statistic: Statistic | None) -> Statistic:
    """Return a statistic that is there, because its trials are done."""
    assert statistic is not None  # noqa: S101 - every trial was seen to be done
    return statistic


def tolerance(statistic: Statistic, confidence: float) -> float:
    """Return half the prediction interval of one more seed, rounded up to four decimals."""
    quantile = float(student.ppf((1 + confidence) / 2, statistic.n - 1))
    spread = quantile * (statistic.std or 0.0) * math.sqrt(1 + 1 / statistic.n)
    return max(LEAST, math.ceil(spread * 1e4) / 1e4)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run's directory")
    parser.add_argument("--confidence", type=float, default=0.99)
    arguments = parser.parse_args()
    print("\n".join(tables(Run.open(arguments.run), arguments.confidence)))


if __name__ == "__main__":
    main()

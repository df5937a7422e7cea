"""Print the tolerances of published figures, from a run of several seeds: those of ``suites/full.toml``.

    python scripts/tolerances.py runs/full --unsettled M1a,M1d

A tolerance is 3 · √2 · √(sampling² + spread²), rounded up: the published figure and ours are both measured, each on a
sample and from a seed. spread: the root mean square, over experiments, of the standard deviations over seeds: the
deviation of five seeds is rough, that of ten experiments is not. sampling: the binomial √(p (1 - p) / n) of a
validation or test accuracy on the published number of images. A training accuracy has none: its images are those that
the network was trained on.
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from harness.metrics.statistic import Statistic
from harness.results.experiments import perturbations
from harness.results.results import Results
from harness.rows import Condition
from harness.store import Run

FACTOR = 3 * math.sqrt(2)
PUBLISHED = {"val_accuracy": (80_933, 0.87), "test_accuracy": (161_955, 0.88)}
"""The images of the paper's sets that its networks were not trained on, and about the accuracy there."""


def spread(statistics: Iterable[Statistic | None]) -> float:
    """Return the root mean square of standard deviations over seeds.

    Raises:
        SystemExit: one has none, because a trial is missing or there is one seed alone.
    """
    deviations = [statistic.std if statistic else None for statistic in statistics]
    known = [deviation for deviation in deviations if deviation is not None]
    if len(known) < len(deviations):
        raise SystemExit("every experiment needs two seeds or more that are done")
    return float(np.sqrt(np.mean(np.square(known))))


def line(metric: str, deviation: float) -> str:
    """Return a line of the table."""
    images, share = PUBLISHED.get(metric, (0, 0.0))
    sampling = math.sqrt(share * (1 - share) / images) if images else 0.0
    tolerance = math.ceil(FACTOR * math.hypot(sampling, deviation) * 1e3) / 1e3
    return f"{metric:40} spread {deviation:.5f}  sampling {sampling:.5f}  tolerance {tolerance:.3f}"


def lines(run: Run, unsettled: set[str]) -> list[str]:
    """Return the table."""
    experiments = Results.of(run).experiments
    texts = []
    for title, group in (
        ("", [experiment for experiment in experiments if experiment.name not in unsettled]),
        (", unsettled", [experiment for experiment in experiments if experiment.name in unsettled]),
    ):
        if group:
            trained = ("train_accuracy", "val_accuracy", "val_loss")
            texts += [
                line(metric, spread(experiment.statistic(metric) for experiment in group)) + title for metric in trained
            ]
            texts.append(line("gap", spread(experiment.statistic("gap") for experiment in group)) + title)
    tested = [experiment for experiment in experiments if experiment.tested]
    metrics = ("test_accuracy", "test_macro_f1", "test_cross_entropy")
    texts += [line(metric, spread(experiment.statistic(metric) for experiment in tested)) for metric in metrics]
    for name, severities in perturbations(tested).items():
        for severity in severities:
            deviation = spread(
                experiment.statistic("test_accuracy", Condition(name, severity)) for experiment in tested
            )
            texts.append(line(f"test_accuracy, {name} {severity:g}", deviation))
    return texts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run's directory")
    parser.add_argument("--unsettled", default="", help="experiments that are kept apart, between commas")
    arguments = parser.parse_args()
    print("\n".join(lines(Run.open(arguments.run), set(filter(None, arguments.unsettled.split(","))))))


if __name__ == "__main__":
    main()

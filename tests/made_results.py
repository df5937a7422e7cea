"""Results of rows and runs that tests make."""

from pathlib import Path

from harness.datasets.info import DatasetInfo
from harness.results.compare import compare
from harness.results.experiments import all_measures
from harness.results.results import Results
from harness.results.verify.verification import verify
from harness.suite.component_tables import OptimizerTable
from harness.suite.models import About, BestOf, Experiment, LeaderboardTable, Robustness, Suite

EXPERIMENT = Experiment(hidden_layers=[128, 64], optimizer=OptimizerTable(name="sgd", learning_rate=0.1))


def summary(rows, *, title="Paper", dataset="EMNIST", finalists=None, baseline=None, compare=(), sizes=None, **board):
    """Return the results of rows, of a suite that has their experiments and asks for the severities that they have.

    ``finalists``: by label, an experiment's name, or a `BestOf`. Names need not be those that a suite may have.
    """
    severities = {}
    for measure in (measure for row in rows for measure in all_measures(row)):
        if measure.perturbation is not None:
            severities.setdefault(measure.perturbation, {})[measure.severity] = None
    suite = Suite.model_construct(
        suite=About(name=title),
        experiments={row.experiment: EXPERIMENT for row in rows},
        finalists=finalists or {},
        robustness=[Robustness(perturbation=name, severities=list(values)) for name, values in severities.items()],
        leaderboard=LeaderboardTable(baseline=baseline, compare=[list(pair) for pair in compare], **board),
        expect=[],
    )
    return Results(Path("run"), suite, DatasetInfo("digits", "", 1797, (), sizes or {}, title=dataset), list(rows))


def best_of(pattern, by="val_accuracy"):
    """Return a finalist that validation chooses."""
    return BestOf(best_of=pattern, by=by)


def judge(suite, dataset, rows):
    """Return what verification makes of a suite's expectations."""
    return verify(Results(Path("run"), suite, dataset, list(rows)))


def compare_runs(first, second):
    """Return the comparison of two runs."""
    return compare(Results.of(first), Results.of(second))

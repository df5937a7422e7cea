"""A run's results: its rows, regrouped once for leaderboards, comparisons, verification and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.datasets.info import DatasetInfo
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparisons import Difference, difference
from harness.results.experiments import ExperimentRows, perturbations
from harness.rows import CLEAN, Condition, TrialRow
from harness.store import Run
from harness.suite import Suite
from harness.suite.finalists import Choice, choices


@dataclass(frozen=True)
class Results:
    """The rows of a run with what its suite says of them.

    ``rows`` has every planned trial, done or not, in the suite's order.
    """

    directory: Path
    suite: Suite
    dataset: DatasetInfo
    rows: list[TrialRow]

    @classmethod
    def of(cls, run: Run) -> Results:
        """Return the results of a run; each of its rows is read once."""
        return cls(run.directory, run.suite, run.dataset, list(run.rows()))

    @property
    def title(self) -> str:
        """The suite's name."""
        return self.suite.suite.name

    @property
    def data(self) -> str:
        """The dataset in words: ``"digits, 1,797 images"``, ``"EMNIST ByMerge, 216,168 of 814,255 images"``."""
        return self.dataset.title or f"{self.dataset.name}, {self.dataset.rows:,} images"

    @property
    def sizes(self) -> Mapping[str, int]:
        """The images of each set, train, val and test."""
        return self.dataset.sizes

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """The finalists by label, with the candidates that failed; empty where every experiment is tested."""
        return choices(self.suite, self.rows)

    @property
    def finalists(self) -> dict[str, list[str]]:
        """The experiments that are tested under each label; empty where every experiment is tested."""
        return {label: choice.names for label, choice in self.choices.items()}

    @cached_property
    def severities(self) -> dict[str, list[float]]:
        """The severities that the suite asks for, by perturbation."""
        asked: dict[str, list[float]] = {}
        for table in self.suite.robustness:
            asked.setdefault(table.perturbation, []).extend(table.severities)
        return asked

    @cached_property
    def experiments(self) -> list[ExperimentRows]:
        """The experiments that have a planned trial, in the suite's order."""
        grouped: dict[str, list[TrialRow]] = {}
        for row in self.rows:
            grouped.setdefault(row.experiment, []).append(row)
        finalists = {name for names in self.finalists.values() for name in names}
        return [
            ExperimentRows(name, rows, not self.suite.finalists or name in finalists, self.severities)
            for name, rows in grouped.items()
        ]

    @cached_property
    def named(self) -> dict[str, ExperimentRows]:
        """The experiments by name."""
        return {experiment.name: experiment for experiment in self.experiments}

    @cached_property
    def perturbations(self) -> dict[str, list[float]]:
        """The perturbations that experiments were measured under, with the suite's severities in order."""
        return perturbations(self.experiments)

    @property
    def baseline(self) -> ExperimentRows | None:
        """The experiment that improvements are over, if the suite names one that is planned."""
        return self.named.get(self.suite.leaderboard.baseline or "")

    @property
    def pairs(self) -> list[tuple[ExperimentRows, ExperimentRows]]:
        """The pairs of experiments that the suite compares, both of them planned."""
        pairs = [[self.named.get(name) for name in pair] for pair in self.suite.leaderboard.compare]
        return [(first, second) for first, second in pairs if first and second]

    @cached_property
    def counts(self) -> Counter[str]:
        """How many trials are ``planned``, ``done`` and ``tested``."""
        return Counter(
            planned=len(self.rows),
            done=sum(len(experiment.done) for experiment in self.experiments),
            tested=sum(len(experiment.tested) for experiment in self.experiments),
        )

    def over(
        self, experiment: ExperimentRows, base: ExperimentRows, metric: str, condition: Condition = CLEAN
    ) -> Difference | None:
        """Return how much an experiment's metric is above another's, over the seeds that both have; None without one.

        The condition is of test rows.
        """
        before, after = (side.trials(metric) for side in (base, experiment))
        return difference(experiment.name, CATALOGUE[metric].name, before, after, self.sizes, condition)

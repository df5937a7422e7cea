"""A run's results: its rows, regrouped once for leaderboards, comparisons, verification and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.datasets.info import DatasetInfo
from harness.errors import HarnessError
from harness.metrics.analysis import Analysis
from harness.metrics.comparability import comparable
from harness.metrics.comparisons import Difference, difference
from harness.metrics.corruption import Corruptions
from harness.metrics.quantities import Quantity
from harness.results.experiments import ExperimentRows, perturbations
from harness.results.inference import analysis_of, values_of
from harness.rows import CLEAN, Condition, TrialRow
from harness.store import Crossed, Run, lost_predictions, read_sums
from harness.store.ensembles import ensemble_rows
from harness.suite import Suite
from harness.suite.corruptions import corruptions
from harness.suite.finalists import Choice, choices
from harness.suite.shipped import shipped
from harness.trial.robustness import severities_of

_OF_ANOTHER = ("--dataset", "--data-dir", "--set", "--out")
"""The options without which `harness run` makes another run, in another place."""


@dataclass(frozen=True)
class Results:
    """The rows of a run with what its suite says of them.

    ``rows`` has every planned trial, done or not, in the suite's order. ``run``: where its files
    are, None where there are none.
    """

    directory: Path
    suite: Suite
    dataset: DatasetInfo
    rows: list[TrialRow]
    run: Run | None = None
    ensembles: list[TrialRow] = field(default_factory=list)
    """A row of each ensemble, tested or not."""

    @classmethod
    def of(cls, run: Run) -> Results:
        """Return the results of a run; each of its rows is read once."""
        rows = list(run.rows())
        return cls(run.directory, run.suite, run.dataset, rows, run, ensemble_rows(run, rows))

    @property
    def title(self) -> str:
        """The suite's name."""
        return self.suite.suite.name

    @property
    def data(self) -> str:
        """The dataset in words: ``"digits, 1,797 images"``, ``"EMNIST ByMerge, 216,168 of 814,255 images"``."""
        return self.dataset.title or f"{self.dataset.name}, {self.dataset.rows:,} {self.dataset.noun}"

    @cached_property
    def rerun(self) -> tuple[str, ...]:
        """What makes this run anew: the suite as it was named, and the options without which it would be another.

        ``("SUITE",)`` where that is not known.
        """
        try:
            notes = self.run.notes() if self.run else {}
        except HarnessError:  # the run's header is damaged by now
            notes = {}
        suite, words = notes.get("suite_file"), notes.get("command")
        if not isinstance(suite, str) or not (suite.endswith(".toml") or suite in shipped()):
            return ("SUITE",)
        if not isinstance(words, list) or words[:1] != ["harness"] or not all(isinstance(word, str) for word in words):
            return (suite,)
        given = [
            (word, after) if word in _OF_ANOTHER else (word,)
            for word, after in zip(words, [*words[1:], ""], strict=True)
            if word.partition("=")[0] in _OF_ANOTHER
        ]
        return (suite, *(word for option in given for word in option))

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
        return severities_of(self.suite.robustness)

    @cached_property
    def corruptions(self) -> Corruptions:
        """What corruption errors are relative to, and over."""
        return corruptions(self.suite, [*self.rows, *self.ensembles])

    @cached_property
    def experiments(self) -> list[ExperimentRows]:
        """What is tested and compared: the trained experiments, then the ensembles, each in the suite's order."""
        finalists = {name for names in self.finalists.values() for name in names} | set(self.suite.ensembles)
        return [
            ExperimentRows(name, rows, not self.suite.finalists or name in finalists, self.severities, self.corruptions)
            for name, rows in _grouped([*self.rows, *self.ensembles]).items()
        ]

    @cached_property
    def trained(self) -> list[ExperimentRows]:
        """The experiments that have a planned trial, in the suite's order; ensembles are not trained."""
        return [experiment for experiment in self.experiments if experiment.name not in self.suite.ensembles]

    @cached_property
    def named(self) -> dict[str, ExperimentRows]:
        """The experiments by name."""
        return {experiment.name: experiment for experiment in self.experiments}

    @cached_property
    def perturbations(self) -> dict[str, list[float]]:
        """The perturbations that experiments were measured under, with the suite's severities in order."""
        return perturbations(self.experiments)

    @cached_property
    def families(self) -> dict[str, str]:
        """The family of each perturbation that has one."""
        return {name: family for experiment in self.experiments for name, family in experiment.families.items()}

    @property
    def baseline(self) -> ExperimentRows | None:
        """The experiment that improvements are over, if the suite names one that is planned."""
        return self.named.get(self.meant(self.suite.leaderboard.baseline or ""))

    @property
    def pairs(self) -> list[tuple[ExperimentRows, ExperimentRows]]:
        """The pairs of experiments that the suite compares, both of them planned, and not the same."""
        pairs = [[self.named.get(self.meant(name)) for name in pair] for pair in self.suite.leaderboard.compare]
        return [(first, second) for first, second in pairs if first and second and first is not second]

    def meant(self, name: str) -> str:
        """Return the experiment that a name in the suite means: its own, or the one chosen for a label.

        A label that none is chosen for yet means itself: no experiment has its name.
        """
        return name if name in self.suite.experiments else next(iter(self.finalists.get(name, [])), name)

    @cached_property
    def counts(self) -> Counter[str]:
        """How many trials are ``planned``, ``done`` and ``tested``."""
        return Counter(
            planned=len(self.rows),
            done=sum(len(experiment.done) for experiment in self.trained),
            tested=sum(len(experiment.tested) for experiment in self.trained),
        )

    def analysis(self, metric: str, conditions: tuple[Condition, ...] = (CLEAN,)) -> Analysis:
        """Return the comparisons of all experiments that have a metric; conditions are of test rows.

        Of several conditions it is that of the metric's mean over them; of several attacks it is their worst case.
        """
        quantity = Quantity(metric, conditions)
        if quantity not in self._analyses:
            self._analyses[quantity] = analysis_of(self.experiments, quantity, self._sums)
        return self._analyses[quantity]

    @cached_property
    def _analyses(self) -> dict[Quantity, Analysis]:
        return {}

    @cached_property
    def _sums(self) -> Mapping[Quantity, Crossed]:
        return read_sums(self.run, [*self.rows, *self.ensembles]) if self.run else {}

    @cached_property
    def lost_predictions(self) -> dict[tuple[str, int], str]:
        """The tested trials that comparisons are without, and whether their predictions are damaged or missing."""
        return lost_predictions(self.run, [*self.rows, *self.ensembles], self._sums) if self.run else {}

    def values(self, experiment: ExperimentRows, quantity: Quantity) -> dict[int, float]:
        """Return an experiment's values of a quantity by seed."""
        return values_of(experiment, quantity, self._sums)

    def over(
        self,
        experiment: ExperimentRows,
        base: ExperimentRows,
        metric: str,
        conditions: tuple[Condition, ...] = (CLEAN,),
    ) -> Difference | None:
        """Return how much an experiment's metric is above another's, over the seeds that both have; None without one.

        It is significant, or not, as one of all pairs of experiments. Where all experiments are compared over other
        seeds than both have, it is over those.
        """
        sides = (base, experiment)
        values = [self.values(side, Quantity(metric, conditions)) for side in sides]
        common = [seed for seed in values[0] if seed in values[1]]
        if not comparable([metric], [side.trials(metric)[seed] for side in sides for seed in common]):
            return None
        analysis = self.analysis(metric, conditions)
        pair = analysis.pair(experiment.name, base.name)
        if pair:
            values = [{seed: side[seed] for seed in analysis.seeds if seed in side} for side in values]
        return difference(experiment.name, metric, conditions[0], values[0], values[1], pair)


def _grouped(rows: list[TrialRow]) -> dict[str, list[TrialRow]]:
    """Return rows by experiment, in their order."""
    grouped: dict[str, list[TrialRow]] = {}
    for row in rows:
        grouped.setdefault(row.experiment, []).append(row)
    return grouped

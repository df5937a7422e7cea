"""A run's rows by experiment: means over seeds, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.corruption import NO_CORRUPTIONS, Corruptions
from harness.metrics.statistic import Statistic
from harness.rows import CLEAN, Condition, Measure, TrialRow, families_of

FORMER = "no longer a finalist"
"""The status of an experiment that was tested when it was a finalist; its test results do not count."""


@dataclass(frozen=True)
class ExperimentRows:
    """An experiment's trials, one a seed."""

    name: str
    rows: list[TrialRow]
    finalist: bool
    """Whether its test results count: those of an experiment that was a finalist once do not."""
    severities: Mapping[str, Sequence[float]]
    """The severities that the suite asks for, by perturbation."""
    corruptions: Corruptions = NO_CORRUPTIONS
    """What its corruption errors are relative to."""

    @property
    def first(self) -> TrialRow:
        """Any of its rows: they share their settings."""
        return self.rows[0]

    @cached_property
    def done(self) -> list[TrialRow]:
        """The trials that were trained and not lost afterwards."""
        return [row for row in self.rows if row.status == "done"]

    @cached_property
    def tested(self) -> list[TrialRow]:
        """The trials of a finalist that were measured on test rows."""
        return [row for row in self.done if row.evaluation] if self.finalist else []

    def trials(self, metric: str) -> dict[int, TrialRow]:
        """Return the trials that may have a value of a metric, by seed: the tested ones for a metric of test rows."""
        return {row.seed: row for row in (self.tested if CATALOGUE[metric].of_test else self.done)}

    @cached_property
    def perturbations(self) -> dict[str, list[float]]:
        """The perturbations that trials were measured under at one of the suite's severities: all of those, in order.

        Severities that an earlier command asked for are not among them.
        """
        measured = [measure for row in self.tested for measure in all_measures(row)]
        return {
            name: sorted(asked)
            for name, asked in self.severities.items()
            if any(measure.perturbation == name and measure.severity in asked for measure in measured)
        }

    @cached_property
    def unavailable(self) -> dict[str, str]:
        """The perturbations of the suite that tested trials have no measures under, and why: the first reason."""
        reasons: dict[str, str] = {}
        for row in self.tested:
            for name, why in row.evaluation.unavailable.items() if row.evaluation else ():
                if name in self.severities:
                    reasons.setdefault(name, why)
        return reasons

    @cached_property
    def families(self) -> dict[str, str]:
        """The family of each perturbation that has one, as tested trials have it."""
        return families_of(self.tested)

    def values(self, metric: str, condition: Condition = CLEAN) -> dict[int, float]:
        """Return the trials' values of a metric, by seed, of those that have one; the condition is of test rows.

        Of a corruption error it is one of `Corruptions.named`.
        """
        known = self._known.get((metric, condition))
        if known is None:
            record = CATALOGUE[metric]
            read_values = {
                seed: self.corruptions.value(record.ratio, row, condition)
                if record.ratio
                else record.read(row, condition)
                for seed, row in self.trials(metric).items()
            }
            known = {seed: value for seed, value in read_values.items() if value is not None}
            self._known[metric, condition] = known
        return known

    @cached_property
    def _known(self) -> dict[tuple[str, Condition], dict[int, float]]:
        """The values that were read: every table asks for some of them."""
        return {}

    def statistic(self, metric: str, condition: Condition = CLEAN) -> Statistic | None:
        """Return a statistic of the trials' values of a metric, None of none; the condition is of test rows.

        Times of trials that shared the machine are in doubt.
        """
        statistic = Statistic.of(list(self.values(metric, condition).values()))
        return replace(statistic, doubt=self.contended) if statistic and CATALOGUE[metric].timed else statistic

    def over_severities(self, metric: str, perturbation: str, severities: Sequence[float]) -> Statistic | None:
        """Return a statistic of each tested trial's mean over severities; None unless all were measured at each.

        Means over other severities are not comparable.
        """
        values = [self.values(metric, Condition(perturbation, severity)) for severity in severities]
        if not values or any(len(each) < len(self.tested) for each in values):
            return None
        return Statistic.of([fmean(each[row.seed] for each in values) for row in self.tested])

    @property
    def status(self) -> str:
        """``done``, or how many trials are, and the first reason of the others."""
        others = [row for row in self.rows if row.status != "done"]
        if not others:
            return "done"
        first = f"{others[0].status}: {others[0].reason}" if others[0].reason else others[0].status
        return first if len(self.rows) == 1 else f"{len(self.done)} of {len(self.rows)} done; {first}"

    @property
    def standing(self) -> str:
        """Its status; of one that is done but not among the tested, why."""
        if self.status != "done" or self.tested:
            return self.status
        if self.finalist:
            return "not tested yet"
        return FORMER if any(row.evaluation for row in self.done) else "not a finalist"

    @property
    def contended(self) -> str:
        """Why the times of its trials are not to be ranked: the first reason; empty where all may be."""
        return next((row.contended for row in self.done if row.contended), "")

    @property
    def backend(self) -> str:
        """The backends that its trials ran on."""
        return ", ".join(dict.fromkeys(row.backend for row in self.done or self.rows))

    @property
    def architecture(self) -> str:
        """The name of its model, or the widths of its hidden layers."""
        settings = self.first.settings
        model = settings.get("model")
        return str(model["name"] if model else settings.get("hidden_layers", ""))


def all_measures(row: TrialRow) -> list[Measure]:
    """Return a tested row's measures."""
    return row.evaluation.measures if row.evaluation else []


def perturbations(experiments: Iterable[ExperimentRows]) -> dict[str, list[float]]:
    """Return the perturbations of some experiments, with the suite's severities in order."""
    return {name: asked for experiment in experiments for name, asked in experiment.perturbations.items()}

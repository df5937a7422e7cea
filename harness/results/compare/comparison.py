"""A comparison of two runs: every metric of every experiment that both have, and what was changed between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.machine.contention import advice
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparability import comparable
from harness.metrics.comparisons import Difference
from harness.metrics.quantities import Quantity
from harness.results.compare.judging import Side, difference_in, judged_together
from harness.results.compare.meaning import not_relative, redrawn
from harness.results.experiments import all_measures
from harness.rows import CLEAN
from harness.store import pair_sums
from harness.text import numbered
from harness.trial.fingerprints import differences

if TYPE_CHECKING:
    from harness.datasets.info import DatasetInfo
    from harness.results.results import Results
    from harness.rows import Condition, TrialRow


@dataclass(frozen=True)
class Unmatched:
    """Trials of an experiment that one run alone has done, and what the other has instead."""

    experiment: str
    seeds: list[int]
    in_first: bool
    why: str

    @property
    def spoken(self) -> str:
        """``"M0 seeds 1, 2"``."""
        return f"{self.experiment} {numbered('seed', self.seeds)}"


@dataclass(frozen=True)
class Unjudged:
    """What the first run has of an experiment and the comparison has not, of any seed or of some, and why."""

    experiment: str
    metric: str
    condition: Condition
    why: str
    undecided: bool = False
    """Whether both runs have it, and the figures cannot be compared: times of different machines, say."""


@dataclass(frozen=True)
class Comparison:
    """Two runs of the same data, the first being the reference.

    ``differences``: of every experiment, metric and condition that both have. ``settings``: what an experiment's trials
    mean otherwise, each in words. ``environment``: what the circumstances say otherwise, as (key, first, second).
    ``unjudged``: what the first run has and ``differences`` have not. ``times``: the experiments whose times are left
    out, and why.
    """

    first: str
    second: str
    dataset: DatasetInfo
    seeds: dict[str, list[int]]
    """The seeds that are done in both, of each experiment that has any."""
    differences: list[Difference]
    settings: dict[str, list[str]]
    environment: list[tuple[str, str, str]]
    unmatched: list[Unmatched]
    unjudged: list[Unjudged]
    times: dict[str, str]
    left_out: list[str]
    """The experiments of either run that no seed of is done in both."""


def compare(first: Results, second: Results) -> Comparison:
    """Return what differs between two runs.

    Raises:
        HarnessError: their data or their splits are not the same, or they have no experiment in common.
    """
    _check(first, second)
    common = _common(first, second)
    sides = {
        name: [
            Side({row.seed: row for row in side.named[name].done if row.seed in seeds}, side.corruptions)
            for side in (first, second)
        ]
        for name, seeds in common.items()
    }
    pairs = [(one.trials[seed], other.trials[seed]) for one, other in sides.values() for seed in one.trials]
    _check_splits(first, second, pairs)
    found: list[Difference] = []
    unjudged: list[Unjudged] = []
    for name, (one, other) in sides.items():
        other_draws = redrawn(one, other)
        relative = (one.corruptions, other.corruptions)
        sums = pair_sums(first.run, second.run, name, common[name], relative) if first.run and second.run else {}
        for metric, condition in _asked(one):
            why = other_draws.get(condition[0] or "", "") if CATALOGUE[metric].of_test else ""
            why = why or not_relative(metric, other_draws, *relative)
            if not why:
                changed = difference_in(name, Quantity(metric, (condition,)), one, other, sums)
                found += [changed] if changed else []
                why = _why_unjudged(metric, condition, one, other, (first, second))
            both = CATALOGUE[metric].of_machine and not _lost(metric, condition, one, other)
            unjudged += [Unjudged(name, metric, condition, why, undecided=both)] if why else []
    settings = {name: differences(*(side.trials[common[name][0]] for side in sides[name])) for name in common}
    times = {name: _why_no_times(one, other, (first, second)) for name, (one, other) in sides.items()}
    return Comparison(
        str(first.directory),
        str(second.directory),
        first.dataset,
        common,
        judged_together(found),
        {name: texts for name, texts in settings.items() if texts},
        _environment([one for one, _ in pairs], [other for _, other in pairs]),
        _unmatched(first, second),
        unjudged,
        {name: why for name, why in times.items() if why},
        [name for name in {**first.named, **second.named} if name not in common],
    )


def _common(first: Results, second: Results) -> dict[str, list[int]]:
    """Return the seeds that are done in both runs, of each experiment that has any."""
    done = {experiment.name: {row.seed for row in experiment.done} for experiment in second.experiments}
    common = {
        experiment.name: [row.seed for row in experiment.done if row.seed in done.get(experiment.name, ())]
        for experiment in first.experiments
    }
    return {name: seeds for name, seeds in common.items() if seeds}


def _check(first: Results, second: Results) -> None:
    if first.dataset.digest != second.dataset.digest:
        titles = [f"{run.directory} has {run.dataset.title or run.dataset.name}" for run in (first, second)]
        msg = f"{', '.join(titles)}: metrics of different data are not comparable. Compare runs of the same"
        raise HarnessError(msg)
    if not first.named.keys() & second.named.keys():
        msg = f"no experiment in common: {first.directory} has {', '.join(first.named)}; {second.directory} has "
        raise HarnessError(msg + ", ".join(second.named))


def _check_splits(first: Results, second: Results, pairs: Sequence[tuple[TrialRow, TrialRow]]) -> None:
    """Raise where the two trials of a pair had other images to learn from: a run may have rows of several splits."""
    for one, other in pairs:
        digests = [row.basis.get("split", "") for row in (one, other)]
        if digests[0] != digests[1]:
            shown = " and ".join(digest[:12] or "none recorded" for digest in digests)
            msg = (
                f"{first.directory} and {second.directory} split their rows otherwise in {one.experiment} seed "
                f"{one.seed} ({shown}): their metrics are not comparable. Compare runs of the same split"
            )
            raise HarnessError(msg)


def _asked(side: Side) -> Iterator[tuple[str, Condition]]:
    """Yield every metric, those of test rows under every condition that its trials were measured under.

    Severity 0 is the clean images once more. Corruption errors are of suites of several perturbations.
    """
    conditions = (measure.condition for row in side.rows for measure in all_measures(row))
    measured = dict.fromkeys(
        condition for condition in conditions if condition.perturbation is None or condition.severity > 0
    )
    for metric, record in CATALOGUE.items():
        if not record.of_test:
            yield metric, CLEAN
            continue
        if record.ratio:
            for condition in side.corruptions.named(record.ratio) if side.corruptions.several else ():
                yield metric, condition
            continue
        for condition in measured:
            if not record.perturbed or condition.perturbation is not None:
                yield metric, condition


def _environment(before: Sequence[TrialRow], after: Sequence[TrialRow]) -> list[tuple[str, str, str]]:
    sides = [_circumstances(rows) for rows in (before, after)]
    keys = sorted({key for side in sides for key in side})
    facts = [(key, *(", ".join(sorted(side.get(key, {"none"}))) for side in sides)) for key in keys]
    return [(key, one, other) for key, one, other in facts if one != other]


def _circumstances(rows: Sequence[TrialRow]) -> dict[str, set[str]]:
    values: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.environment.items():
            # A library's BLAS is its own: what two backends say under one key is no change of either.
            values.setdefault(f"{key} ({row.backend})" if key == "blas" else key, set()).add(value)
    return values


def _unmatched(first: Results, second: Results) -> list[Unmatched]:
    before, after = ({(row.experiment, row.seed): row for row in side.rows} for side in (first, second))
    seeds_by: dict[tuple[str, bool, str], list[int]] = {}
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key), after.get(key)
        in_first, in_second = (row is not None and row.status == "done" for row in (one, other))
        if in_first != in_second:
            run, row = (second, other) if in_first else (first, one)
            reason = f": {row.reason}" if row and row.reason else ""
            why = f"{row.status} in {run.directory}{reason}" if row else f"not in {run.directory}"
            seeds_by.setdefault((key[0], in_first, why), []).append(key[1])
    return [Unmatched(name, seeds, in_first, why) for (name, in_first, why), seeds in seeds_by.items()]


def _why_unjudged(metric: str, condition: Condition, first: Side, second: Side, runs: tuple[Results, Results]) -> str:
    """Say why the first run's values are not all compared, empty where they are, or there are none."""
    lost = _lost(metric, condition, first, second)
    if lost:
        return f"{numbered('seed', lost)} {'has' if len(lost) == 1 else 'have'} none in {runs[1].directory}"
    rows = [*first.rows, *second.rows]
    having = bool(first.values(metric, condition))
    return _why_no_times(first, second, runs) if having and not comparable([metric], rows) else ""


def _lost(metric: str, condition: Condition, first: Side, second: Side) -> list[int]:
    """Return the seeds of which the first run has a metric and the second has not."""
    other = second.values(metric, condition)
    return [seed for seed in first.values(metric, condition) if seed not in other]


def _why_no_times(first: Side, second: Side, runs: tuple[Results, Results]) -> str:
    rows = [*first.rows, *second.rows]
    if comparable([name for name, record in CATALOGUE.items() if record.of_machine], rows):
        return ""
    if comparable(["anonymous_bytes"], rows):
        shared = [row.contended for row in rows if row.contended]
        again = {
            run.rerun for side, run in zip((first, second), runs, strict=True) if any(r.contended for r in side.rows)
        }
        words = again.pop() if len(again) == 1 else ("SUITE",)
        return f"times are left out: trials shared the machine. {advice(shared, 'to compare', words).rstrip('.')}"
    return "times and memory are left out: they come from different machines, devices or numbers of threads"

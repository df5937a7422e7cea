"""One trial that several runs have: whether it is the same in each, and its test results under all their severities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.predictions import OF_IMAGES
from harness.rows import CLEAN, Condition, Measure, TrialRow
from harness.store.run import MEASURED, Run
from harness.store.stored import Stored
from harness.trial.fingerprints import evaluation_fingerprint
from harness.trial.robustness import Robustness, conditions, options_of, seeds_of

Arrays = Mapping[str, NDArray[Any]]
_ATTACKED = "attacked_"
_BY_CONDITION = ("attacked_images", "attacked_predicted", "attacked_confidence")
"""Arrays of ``examples.npz`` with an entry a condition; `harness.trial.gallery.Album.arrays` says what they are."""


@dataclass(frozen=True)
class TrainedTrial:
    """A trained trial of a run."""

    run: Run
    stored: Stored

    def difference(self, other: "TrainedTrial") -> str:
        """Return in what a trial differs from the same of another run, beside times and where it ran; else nothing."""
        row = self.stored.row
        place = f"{row.experiment} seed {row.seed} differs between {other.run.directory} and {self.run.directory}"
        if row.fingerprint != other.stored.row.fingerprint:
            return f"{place}: it is of another recipe"
        trained = [name for name in self.stored.files if name not in MEASURED]
        for name in trained:
            if self.stored.files[name] != other.stored.files.get(name, self.stored.files[name]):
                return f"{place} in {name}"
        for condition in self.measures.keys() & other.measures.keys():
            if self.measures[condition] != other.measures[condition] or not _equal(
                self.arrays_of(condition), other.arrays_of(condition)
            ):
                under = "" if condition == CLEAN else f" under {condition.perturbation} {condition.severity:g}"
                return f"{place} in its test results{under}"
        return ""

    @cached_property
    def measures(self) -> dict[Condition, Measure]:
        """What it was measured under that serves in its run."""
        evaluation = self.run.completed(self.stored, derive=False).evaluation
        return {measure.condition: measure for measure in evaluation.measures} if evaluation else {}

    def arrays_of(self, condition: Condition) -> dict[str, NDArray[Any]]:
        """Return its predictions under a condition; ``rows`` and ``labels`` are of all."""
        evaluation = self.stored.row.evaluation
        order = [measure.condition for measure in evaluation.measures] if evaluation else []
        index = order.index(condition)
        return {name: array if name in OF_IMAGES else array[index] for name, array in self._arrays.items()}

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        row = self.stored.row
        arrays = self.run.arrays(row.experiment, row.seed, "evaluation.npz")
        return {name: array for name, array in arrays.items() if name != "confusion"}  # which an earlier version stored

    @cached_property
    def examples(self) -> dict[str, NDArray[Any]]:
        """What is kept of its test rows in images."""
        row = self.stored.row
        has_examples = "examples.npz" in self.stored.files
        return self.run.arrays(row.experiment, row.seed, "examples.npz") if has_examples else {}

    @cached_property
    def attacked(self) -> dict[Condition, list[NDArray[Any]]]:
        """The entries of the examples of attacks, by condition."""
        evaluation = self.stored.row.evaluation
        if evaluation is None or f"{_ATTACKED}rows" not in self.examples:
            return {}
        of = [evaluation.measures[index].condition for index in self.examples[f"{_ATTACKED}conditions"]]
        return {each: [self.examples[name][place] for name in _BY_CONDITION] for place, each in enumerate(of)}


def joined(merged: Run, sources: Sequence[TrainedTrial]) -> tuple[TrialRow, dict[str, Arrays]] | None:
    """Return a trial's row with what it was measured under in several runs, and the files of that.

    None where the first one has it all. The order is that of the merged run's suite.
    """
    if len(sources) < 2:
        return None
    whose: dict[Condition, TrainedTrial] = {}
    for source in sources:
        for condition in source.measures:
            whose.setdefault(condition, source)
    if set(whose) == set(sources[0].measures):
        return None
    tables = _measured(merged.suite.robustness, whose)
    order = conditions(tables)
    parts = [whose[condition].arrays_of(condition) for condition in order]
    first = sources[0].stored.row
    evaluations = [source.stored.row.evaluation for source in sources if source.stored.row.evaluation]
    components: dict[str, str] = {}
    families: dict[str, str] = {}
    unavailable: dict[str, str] = {}
    for evaluation in evaluations:
        components |= evaluation.components
        families |= evaluation.families
        unavailable |= evaluation.unavailable
    measured = {table.perturbation for table in tables}
    evaluation = replace(
        evaluations[0],
        fingerprint=evaluation_fingerprint(first.fingerprint, tables, components, merged.dataset.shape),
        measures=[whose[condition].measures[condition] for condition in order],
        seconds=sum(evaluation.seconds for evaluation in evaluations),
        components=components,
        seeds=seeds_of(tables),
        options=options_of(tables),
        families=families,
        unavailable={name: why for name, why in unavailable.items() if name not in measured},
    )
    arrays = {
        name: array if name in OF_IMAGES else np.stack([part[name] for part in parts])
        for name, array in parts[0].items()
    }
    files: dict[str, Arrays] = {"evaluation.npz": arrays}
    if examples := _examples(order, sources):
        files["examples.npz"] = examples
    return replace(first, evaluation=evaluation), files


def _examples(order: Sequence[Condition], sources: Sequence[TrainedTrial]) -> dict[str, NDArray[Any]]:
    """Return the examples of a trial's test rows, with those of the attacks of all its sources, by their new order."""
    examples = {name: array for name, array in sources[0].examples.items() if not name.startswith(_ATTACKED)}
    attacked = [source for source in sources if source.attacked]
    if not attacked:
        return examples
    rows = attacked[0].examples[f"{_ATTACKED}rows"]
    seen: dict[Condition, list[NDArray[Any]]] = {}
    for source in attacked:
        if np.array_equal(source.examples[f"{_ATTACKED}rows"], rows):
            seen = source.attacked | seen
    kept = [(place, condition) for place, condition in enumerate(order) if condition in seen]
    places = np.array([place for place, _ in kept], dtype=np.int64)
    examples |= {f"{_ATTACKED}rows": rows, f"{_ATTACKED}conditions": places}
    parts = zip(*(seen[condition] for _, condition in kept), strict=True)
    return examples | {name: np.stack(part) for name, part in zip(_BY_CONDITION, parts, strict=True)}


def _measured(tables: Sequence[Robustness], whose: Mapping[Condition, TrainedTrial]) -> list[Robustness]:
    """Return the suite's perturbations with those of their severities that were measured."""
    tables_measured = []
    for table in tables:
        severities = [each for each in table.severities if Condition(table.perturbation, each) in whose]
        if severities:
            tables_measured.append(table.model_copy(update={"severities": severities}))
    return tables_measured


def _equal(first: Arrays, second: Arrays) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)

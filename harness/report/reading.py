"""What a report is made of, read from the run directory alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.datasets.splits import SETS
from harness.errors import HarnessError
from harness.machine.paths import absolute
from harness.metrics.predictions import of_conditions
from harness.metrics.statistic import Statistic
from harness.report.rendering import label
from harness.results.experiments import ExperimentRows
from harness.results.results import Results
from harness.results.verify.verification import Verification, verify
from harness.rows import TrialRow
from harness.store import Run, read_classes
from harness.store.ensembles import ensembles
from harness.text import counted

CLOSER = 12
"""The most experiments, the most accurate tested ones, with confusion, calibration and degradation."""


@dataclass(frozen=True)
class Example:
    """A confused test image (height, width), once, and how many seeds took it so."""

    image: NDArray[np.uint8]
    seeds: int


@dataclass(frozen=True)
class Tested:
    """A tested experiment on the clean test images, its seeds added up."""

    experiment: ExperimentRows
    confusions: list[NDArray[np.int64]]
    """Of each seed, (classes, classes), truth by prediction."""
    bins: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
    """`harness.metrics.reliability`."""
    examples: dict[tuple[int, int], list[Example]]
    """Of a confused pair, truth and prediction: what most seeds took so first; without what no run recorded."""
    mistakes: Counter[tuple[int, int, int]]
    """How many seeds took a test image for another: row, truth, prediction."""
    recorded: bool
    """Whether examples were recorded at all."""

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion matrices of the seeds, added up."""
        total: NDArray[np.int64] = np.sum(self.confusions, axis=0)
        return total

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.experiment.name

    @property
    def ece(self) -> Statistic | None:
        """The expected calibration error over the seeds."""
        return self.experiment.statistic("test_ece")

    def distinct(self, truth: int, predicted: int) -> int:
        """Return how many images are taken for another class, each counted once whatever the seeds."""
        return sum(1 for _, *pair in self.mistakes if pair == [truth, predicted])

    def pairs(self, count: int) -> list[tuple[int, int, int]]:
        """Return the most confused pairs: truth, prediction, how many images."""
        errors = self.confusion.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[:count]
        counts = [(*divmod(int(cell), len(errors)), int(errors.flat[cell])) for cell in order]
        return [pair for pair in counts if pair[2]]


@dataclass(frozen=True)
class Material:
    """A run, read once for all parts of its report."""

    run: Run
    notes: dict[str, Any]
    results: Results
    verification: Verification
    labels: list[str]
    """The classes' names, made distinct."""
    counts: dict[str, NDArray[np.int64]]
    """Images of each class in train, val and test, as far as they are known."""
    glyphs: NDArray[np.uint8] | None
    """(classes, height, width[, channels]): an image of each class; None of vectors."""
    closer: list[Tested]
    """The most accurate of the tested experiments, best first; at most `CLOSER`."""
    tested: int
    """How many experiments are tested."""
    problems: list[str] = field(default_factory=list)
    """Files of the run that could not be read."""


def read(directory: Path) -> Material:
    """Return a run's material.

    Raises:
        HarnessError: there is no run, or one of its files leads out of it.
    """
    _check_inside(directory, [directory / "run.json"])
    run = Run.open(directory)
    _check_inside(directory, [directory / name for name in ("classes.npz", "samples.npz", "sums.npz")])
    _check_inside(
        directory,
        [
            run.trial_directory(name, seed) / file
            for name, seed in [*run.planned, *((ensemble.name, ensemble.seed) for ensemble in ensembles(run))]
            for file in ("row.json", "validation.npz", "evaluation.npz", "examples.npz")
        ],
    )
    results = Results.of(run)
    problems: list[str] = []
    ranked = sorted((experiment for experiment in results.experiments if experiment.tested), key=_badness)
    closer = [tested for experiment in ranked[:CLOSER] if (tested := _tested(run, experiment, problems))]
    record = read_classes(run)
    if record is None:
        problems.append(
            f"{directory / 'classes.npz'}: is missing or damaged: the classes have no images. The same 'harness run' "
            "makes it again"
        )
    return Material(
        run=run,
        notes=run.notes(),
        results=results,
        verification=verify(results),
        labels=_distinct([label(name) for name in run.dataset.class_names]),
        counts=_counts(run, record, results, closer, problems),
        glyphs=None if record is None else record.get("glyphs"),
        closer=closer,
        tested=len(ranked),
        problems=problems,
    )


def _check_inside(directory: Path, paths: Iterable[Path]) -> None:
    """Refuse files of a run that are links out of it.

    Raises:
        HarnessError: a path leads out of the run's directory.
    """
    base = absolute(directory)
    for path in paths:
        target = absolute(path)
        if not target.is_relative_to(base):
            msg = f"{path}: leads out of the run, to {target}. A report reads nothing else: put the file itself there"
            raise HarnessError(msg)


def _badness(experiment: ExperimentRows) -> float:
    accuracy = experiment.statistic("test_accuracy")
    return -accuracy.mean if accuracy else 0.0


def _distinct(names: Sequence[str]) -> list[str]:
    twice = {name for name in names if names.count(name) > 1}
    return [f"{name} ({index})" if name in twice else name for index, name in enumerate(names)]


def _tested(run: Run, experiment: ExperimentRows, problems: list[str]) -> Tested | None:
    classes = len(run.dataset.class_names)
    confusions: list[NDArray[np.int64]] = []
    bins = metrics.reliability(np.empty(0), np.empty(0, dtype=bool))
    images: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
    mistakes: Counter[tuple[int, int, int]] = Counter()
    recorded = False
    for row in experiment.tested:
        try:
            arrays = run.arrays(row.experiment, row.seed, "evaluation.npz")
        except HarnessError as error:
            problems.append(str(error))
            continue
        most = 1 + max(int(arrays[name].max(initial=0)) for name in ("labels", "predicted"))
        known = arrays["confusion"].shape[-1] if "confusion" in arrays else classes
        if known != classes or most > classes:
            what = f"is of {max(known, most)} classes, the run has {counted(classes, 'class')}"
            problems.append(f"{run.trial_directory(row.experiment, row.seed) / 'evaluation.npz'}: {what}")
            continue
        confusions.append(of_conditions(arrays, classes)[0].confusion)
        right = arrays["predicted"][0] == arrays["labels"]
        calibration = metrics.reliability(arrays["confidence"][0], right)
        bins = (bins[0] + calibration[0], bins[1] + calibration[1], bins[2] + calibration[2])
        wrong = (arrays[name][~right].tolist() for name in ("rows", "labels"))
        mistakes.update(zip(*wrong, arrays["predicted"][0][~right].tolist(), strict=True))
        recorded |= _add_images(run, row, images, problems)
    if not confusions:
        return None
    examples: dict[tuple[int, int], list[Example]] = {}
    for (test_row, truth, predicted), image in sorted(images.items(), key=lambda item: -mistakes[item[0]]):
        examples.setdefault((truth, predicted), []).append(Example(image, mistakes[test_row, truth, predicted]))
    return Tested(experiment, confusions, bins, examples, mistakes, recorded)


def _add_images(
    run: Run, row: TrialRow, found: dict[tuple[int, int, int], NDArray[np.uint8]], problems: list[str]
) -> bool:
    """Add a trial's images of confused pairs by row, truth and prediction, and say whether it has any recorded."""
    if not run.has(row.experiment, row.seed, "examples.npz"):
        return False
    try:
        kept = run.arrays(row.experiment, row.seed, "examples.npz")
    except HarnessError as error:
        problems.append(str(error))
        return False
    if run.dataset.kind == "vector":  # there is nothing to look at
        return True
    for (truth, predicted), rows, images in zip(kept["pairs"], kept["rows"], kept["images"], strict=True):
        of_pair = zip(rows.tolist(), images, strict=True)
        found.update({(at, int(truth), int(predicted)): image for at, image in of_pair if at >= 0})
    return True


def _counts(
    run: Run,
    record: dict[str, NDArray[Any]] | None,
    results: Results,
    closer: list[Tested],
    problems: list[str],
) -> dict[str, NDArray[np.int64]]:
    """Return the classes' sizes as recorded; of an older run, what its confusion matrices tell."""
    if record is not None:
        return dict(zip(SETS, record["counts"], strict=True))
    counts: dict[str, NDArray[np.int64]] = {}
    for row in (row for experiment in results.experiments for row in experiment.done[:1]):
        try:
            counts["val"] = run.arrays(row.experiment, row.seed, "validation.npz")["confusion"].sum(axis=1)
            break
        except HarnessError as error:
            problems.append(str(error))
    if closer:
        confusion = closer[0].confusion
        counts["test"] = confusion.sum(axis=1) * run.dataset.sizes["test"] // max(1, int(confusion.sum()))
    return counts

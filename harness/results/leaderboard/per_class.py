"""The classes of a tested experiment: precision, recall, F1 and support, as scikit-learn's classification report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.errors import HarnessError, as_typed, nearest
from harness.metrics.classification import class_scores
from harness.metrics.predictions import of_conditions
from harness.metrics.statistic import Kind, Statistic
from harness.results.tables import Column, Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.results.results import Results
    from harness.store import Run

_SCORES = {"precision": "Precision %", "recall": "Recall %", "f1": "F1 %"}


def of_run(run: Run, results: Results, name: str) -> Table:
    """Return the table of one of a run's experiments, on the clean test images.

    Raises:
        HarnessError: the run has no such experiment, no trial of it is tested, or its predictions cannot be read.
    """
    experiment = results.named.get(name)
    if experiment is None:
        msg = f"--per-class {as_typed(name, 80)}: no such experiment in this run. {nearest(name, results.named)}"
        raise HarnessError(msg)
    if not experiment.tested:
        msg = f"--per-class {as_typed(name, 80)}: has no test results: {experiment.standing}"
        raise HarnessError(msg)
    confusions = []
    for row in experiment.tested:  # one after the other: the predictions of all seeds may be larger than the memory
        arrays = run.arrays(row.experiment, row.seed, "evaluation.npz")
        confusions.append(of_conditions(arrays, len(run.dataset.class_names))[0].confusion)
    return per_class(name, confusions, run.dataset.class_names, results)


def per_class(
    experiment: str, confusions: Sequence[NDArray[np.int64]], class_names: Sequence[str], results: Results
) -> Table:
    """Return the table of an experiment from each seed's confusion matrix (classes, classes); values are means."""
    seeds = [class_scores(confusion) for confusion in confusions]
    lines = [
        {
            "class": label,
            **{key: Statistic.of([float(getattr(scores, key)[index]) for scores in seeds]) for key in _SCORES},
            "support": int(seeds[0].support[index]),
        }
        for index, label in enumerate(class_names)
    ]
    columns = [
        Column("class", "Class"),
        *(Column(key, heading, Kind.percent) for key, heading in _SCORES.items()),
        Column("support", "Support", Kind.number),
    ]
    note = f"Mean ± SD over {len(seeds)} seeds." if len(seeds) > 1 else ""
    return Table(
        "per-class",
        f"Classes of {experiment} on the clean test {results.dataset.noun} · {results.data}",
        columns,
        lines,
        note,
    )

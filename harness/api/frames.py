"""The rows, epochs, measures, predictions and ranking of a run, as pandas frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.api import columns
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.predictions import of_conditions
from harness.results.leaderboard.by_metric import board
from harness.rows import CLEAN, Condition
from harness.suite.model_table import taken

if TYPE_CHECKING:
    import pandas as pd

    from harness.results.results import Results
    from harness.rows import TrialRow
    from harness.store import Run

_OF_TRIALS = [metric for metric in CATALOGUE.values() if not metric.of_test]
_OF_TESTS = [metric for metric in CATALOGUE.values() if metric.of_test]


def trials(run: Run, settings: Sequence[str] = ()) -> pd.DataFrame:
    """Return a line for each planned trial; ``settings`` are further columns, such as ``"optimizer.learning_rate"``."""
    rows = list(run.rows())
    frame = of_rows(rows)
    for setting in settings:
        frame[setting] = [_setting(taken(row.settings), setting) for row in rows]
    return frame


def of_rows(rows: Sequence[TrialRow]) -> pd.DataFrame:
    """Return a line for each row of a trial."""
    lines = [
        [
            row.experiment, row.seed, row.group, row.status, row.reason, row.backend, row.evaluation is not None,
            row.metrics and row.metrics.stopped_early,
            *(metric.read(row) if row.metrics else None for metric in _OF_TRIALS), row.contended,
        ]
        for row in rows
    ]  # fmt: skip
    return columns.framed(columns.TRIALS, lines)


def _setting(settings: Any, path: str) -> Any:
    """Return a setting of an experiment by its path; None where it has none, text of a list or a table."""
    for part in path.split("."):
        settings = settings.get(part) if isinstance(settings, dict) else None
    return str(settings) if isinstance(settings, list | dict) else settings


def history(run: Run) -> pd.DataFrame:
    """Return a line for each epoch of each trained trial."""
    names = [name for name in columns.HISTORY if name not in {"experiment", "seed"}]
    return columns.framed(
        columns.HISTORY,
        (
            [row.experiment, row.seed, *(getattr(epoch, name) for name in names)]
            for row in run.rows(derive=False)
            for epoch in row.history
        ),
    )


def measures(results: Results) -> pd.DataFrame:
    """Return a line for each tested trial and ensemble under each condition that the suite asks for."""
    return columns.framed(columns.MEASURES, _measured(results))


def _measured(results: Results) -> Iterator[list[Any]]:
    ensembles = set(results.suite.ensembles)
    asked = [CLEAN, *(Condition(name, at) for name, severities in results.severities.items() for at in severities)]
    for experiment in results.experiments:
        for row in experiment.tested:
            known = {measure.condition for measure in row.evaluation.measures} if row.evaluation else set()
            for condition in asked:
                if condition in known:
                    values = (metric.read(row, condition) for metric in _OF_TESTS)
                    yield [row.experiment, row.seed, row.experiment in ensembles, *condition, *values]


def predictions(run: Run, row: TrialRow) -> pd.DataFrame:
    """Return a line for each test row of a tested trial or ensemble under each condition it was measured under.

    Raises:
        HarnessError: its predictions are missing or damaged.
    """
    import pandas as pd

    arrays = run.arrays(row.experiment, row.seed, "evaluation.npz")
    conditions = [measure.condition for measure in row.evaluation.measures] if row.evaluation else []
    count, rows = len(conditions), len(arrays["labels"])
    labels, predicted = np.tile(arrays["labels"], count), arrays["predicted"].reshape(-1)
    values = {
        "perturbation": np.repeat(np.array([name for name, _ in conditions], dtype=object), rows),
        "severity": np.repeat([severity for _, severity in conditions], rows),
        "row": np.tile(arrays["rows"], count),
        "label": labels,
        "predicted": predicted,
        "correct": labels == predicted,
        "log_probability": arrays["log_probability"].reshape(-1),
        "confidence": arrays["confidence"].reshape(-1),
        **_classes(run, labels, predicted),
    }
    return pd.DataFrame({name: pd.Series(values[name], dtype=dtype) for name, dtype in columns.PREDICTIONS.items()})


def _classes(run: Run, labels: Any, predicted: Any) -> dict[str, Any]:
    """Return the classes by name, as categories in the dataset's order; names that are used twice get numbers."""
    import pandas as pd

    names = list(run.dataset.class_names)
    distinct = pd.Index([f"{name} ({at})" if names.count(name) > 1 else name for at, name in enumerate(names)])
    return {
        "class": pd.Categorical.from_codes(labels, distinct),
        "predicted_class": pd.Categorical.from_codes(predicted, distinct),
    }


def confusion(results: Results) -> pd.DataFrame:
    """Return how often each class was taken for each, of every tested trial and ensemble on the clean test rows.

    Raises:
        HarnessError: predictions of one are missing or damaged.
    """
    import pandas as pd

    run, parts = results.run, []
    for experiment in results.experiments if run else ():
        for row in experiment.tested:
            assert run is not None  # noqa: S101 - the loop is empty otherwise
            arrays, classes = run.arrays(row.experiment, row.seed, "evaluation.npz"), len(run.dataset.class_names)
            matrix = of_conditions(arrays, classes)[0].confusion
            labels, predicted = np.repeat(np.arange(classes), classes), np.tile(np.arange(classes), classes)
            values: dict[str, Any] = {"experiment": row.experiment, "seed": row.seed, "label": labels}
            values |= {"predicted": predicted, "count": matrix.reshape(-1), **_classes(run, labels, predicted)}
            parts.append(pd.DataFrame(values, index=range(classes**2)))
    if not parts:
        return columns.framed(columns.CONFUSION, [])
    return pd.concat(parts, ignore_index=True).astype(columns.CONFUSION)[list(columns.CONFUSION)]


def leaderboard(results: Results, metric: str, perturbation: str | None) -> pd.DataFrame:
    """Return the experiments ranked by a metric, best first; those without a value come last.

    Raises:
        HarnessError: there is no such metric, or no experiment was measured under the perturbation.
    """
    lines = [
        [
            *((place and (place.rank, place.low, place.high)) or (None,) * 3),
            line.experiment.name, line.experiment.first.group, line.experiment.backend,
            line.value.n if line.value else 0,
            line.value and line.value.mean, line.value and line.value.std,
            *(line.interval or (None, None)),
            *(
                (over.change.mean, *(over.interval or (None, None)), over.pair and over.pair.p_holm, over.mark.value)
                if (over := line.over_baseline)
                else (None,) * 5
            ),
            line.experiment.standing,
        ]
        for line in board(results, metric, perturbation)
        for place in [line.place]
    ]  # fmt: skip
    return columns.framed(columns.LEADERBOARD, lines)

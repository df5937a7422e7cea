"""The columns of every frame and their dtypes, in order; `docs/reference/python.md` says what each means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    import pandas as pd

TEXT, WHOLE, COUNT, REAL, TRUTH = "string", "int64", "Int64", "float64", "bool"
"""pandas' dtypes: text and counts may be missing (``pd.NA``), reals too (NaN); whole numbers and truths never are."""
_KEY = {"experiment": TEXT, "seed": WHOLE}
_CONDITION = {"perturbation": TEXT, "severity": REAL}

TRIALS = {
    **_KEY, "group": TEXT, "status": TEXT, "reason": TEXT, "backend": TEXT, "tested": TRUTH, "stopped_early": "boolean",
    **{metric.name: REAL for metric in CATALOGUE.values() if not metric.of_test},
    "contended": TEXT,
}  # fmt: skip
HISTORY = {
    **_KEY, "epoch": WHOLE, "learning_rate": REAL, "train_loss": REAL, "train_accuracy": REAL, "val_loss": REAL,
    "val_accuracy": REAL, "seconds": REAL, "samples_per_second": REAL, "validation_seconds": REAL,
    "augmentation_seconds": REAL,
}  # fmt: skip
MEASURES = {
    **_KEY, "ensemble": TRUTH, **_CONDITION,
    **{metric.name: REAL for metric in CATALOGUE.values() if metric.of_test},
}  # fmt: skip
PREDICTIONS = {
    **_CONDITION, "row": WHOLE, "label": WHOLE, "predicted": WHOLE, "correct": TRUTH, "log_probability": REAL,
    "confidence": REAL, "class": "category", "predicted_class": "category",
}  # fmt: skip
CONFUSION = {
    **_KEY,
    "label": WHOLE,
    "predicted": WHOLE,
    "count": WHOLE,
    "class": "category",
    "predicted_class": "category",
}
LEADERBOARD = {
    "rank": COUNT, "rank_low": COUNT, "rank_high": COUNT, "experiment": TEXT, "group": TEXT, "backend": TEXT,
    "seeds": WHOLE, "mean": REAL, "std": REAL, "low": REAL, "high": REAL, "over_baseline": REAL,
    "over_baseline_low": REAL, "over_baseline_high": REAL, "over_baseline_p_holm": REAL, "over_baseline_mark": TEXT,
    "status": TEXT,
}  # fmt: skip
DIFFERENCES = {
    "experiment": TEXT, "metric": TEXT, **_CONDITION, "seeds": WHOLE, "first": REAL, "second": REAL, "change": REAL,
    "low": REAL, "high": REAL, "p": REAL, "p_holm": REAL, "mark": TEXT,
}  # fmt: skip
VERDICTS = {
    "kind": TEXT, "expected": TEXT, "source": TEXT, "value": REAL, "got": REAL, "margin": REAL, "low": REAL,
    "high": REAL, "verdict": TEXT,
}  # fmt: skip
PLAN = {
    **_KEY, "group": TEXT, "backend": TEXT, "parameters": COUNT, "epochs": COUNT, "state": TEXT, "threads": COUNT,
    "seconds": REAL,
    "at_most": TRUTH, "memory_bytes": COUNT, "note": TEXT,
}  # fmt: skip
RUNS = {"directory": TEXT, "suite": TEXT, "state": TEXT, "changed": "datetime64[ns, UTC]", "bytes": WHOLE}
REPRODUCTION = {"metric": TEXT, "stored": REAL, "here": REAL, "low": REAL, "high": REAL, "within": "boolean"}


def framed(columns: Mapping[str, str], lines: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Return lines of values, in the order of the columns, as a frame; None is a missing value."""
    import pandas as pd

    values = list(zip(*lines, strict=True)) or [()] * len(columns)
    series = {
        name: pd.Series(list(column), dtype=dtype)
        for (name, dtype), column in zip(columns.items(), values, strict=True)
    }
    return pd.DataFrame(series)

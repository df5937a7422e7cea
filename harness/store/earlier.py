"""Rows that version 0.1 wrote, as this version has them: a row of format 1 has a field for each metric."""

from collections.abc import Mapping
from typing import Any

_TEST = ("accuracy", "macro_f1", "cross_entropy", "ece")
_VALIDATION = ("val_macro_f1", "val_ece")


def upgraded(row: Any) -> Any:
    """Return a row as JSON has it, with its metrics in mappings; one of the present format, or no row, as it is.

    A degradation is left out: it follows from the accuracies.
    """
    if not isinstance(row, Mapping):
        return row
    metrics, evaluation = row.get("metrics"), row.get("evaluation")
    changed = dict(row)
    if isinstance(metrics, Mapping):
        changed["metrics"] = _in_mappings(metrics, _VALIDATION, "")
    if isinstance(evaluation, Mapping) and isinstance(evaluation.get("measures"), list):
        changed["evaluation"] = {
            **evaluation,
            "measures": [_in_mappings(measure, _TEST, "test_") for measure in evaluation["measures"]],
        }
    return changed


def _in_mappings(record: Any, names: tuple[str, ...], prefix: str) -> Any:
    """Return a record whose fields ``names`` are in ``values``.

    One that lacks any of them is returned as it is, for its reader to refuse.
    """
    if not isinstance(record, Mapping) or "values" in record or not set(names) <= record.keys():
        return record
    return {**record, "values": {prefix + name: record[name] for name in names}}

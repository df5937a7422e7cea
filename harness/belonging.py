"""Whether a trial's row is of its run as the last command described it: an earlier one may have meant another trial."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from harness.fingerprints import differences
from harness.rows import TrialRow
from harness.suite.models import Experiment


def foreign(row: TrialRow, experiment: Experiment, dataset: str, split: str) -> str:
    """Return of what else a row that was trained or tried is, ``"of another split"``; empty where of nothing else.

    ``dataset`` and ``split`` are the digests of the run's; an empty one is unknown, and so is what the row does not
    tell of itself. The backend is not asked for: a row serves whatever backend made it, and every table shows which.
    """
    if row.status in {"planned", "unavailable"}:
        return ""
    told = []
    if _other(row, "dataset", dataset):
        told.append("of other data")
    if _other(row, "split", split):
        told.append("of another split")
    basis = {key: experiment.precision if key == "precision" else value for key, value in row.basis.items()}
    then = replace(row, settings=_as_read_now(row.settings))
    changed = differences(then, replace(row, settings=experiment.model_dump(mode="json"), basis=basis))
    if changed:
        more = f", and {len(changed) - 1} more" if len(changed) > 1 else ""
        told.append(f"of another recipe: {changed[0]}{more}")
    return " and ".join(told)


def _other(row: TrialRow, key: str, digest: str) -> bool:
    return bool(digest) and row.basis.get(key, digest) != digest


def _as_read_now(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as this version reads them: an option that is newer than they are has its default."""
    try:
        return Experiment.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return dict(settings)

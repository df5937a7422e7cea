"""What observers are given, as JSON has it: a run at its start and at its end, and a trial."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from harness.execution.planned import PlannedTrial
from harness.machine.host import host
from harness.rows import TrialRow
from harness.store import Run, Stored
from harness.store.header import NAME as HEADER
from harness.store.sums import NAME as SUMS


def begun(
    run: Run, rows: Sequence[TrialRow], pending: Sequence[PlannedTrial], predicted_seconds: float | None
) -> dict[str, Any]:
    """Return what `harness.hookspecs.run_started` says of a run: ``rows`` are those of all its trials as it starts."""
    from harness import __version__

    return {
        "directory": str(run.directory),
        "trials": len(rows),
        "reused": sum(row.status == "done" for row in rows),
        "pending": len(pending),
        "predicted_seconds": predicted_seconds,
        "suite": run.suite.model_dump(mode="json"),
        "dataset": to_jsonable_python(asdict(run.dataset)) | {"classes": len(run.dataset.class_names)},
        "environment": dict(host()),
        "harness": __version__,
    }


def ended(run: Run, about: Mapping[str, Any], rows: Iterable[TrialRow], ensembles: Iterable[TrialRow]) -> Any:
    """Return what `harness.hookspecs.run_finished` says: what the start said, how rows ended, and where files are."""
    rows = list(rows)
    inputs = {"run": run.directory / HEADER, "sums": run.directory / SUMS}
    files = {name: str(path) for name, path in inputs.items() if path.exists()}
    places = [_place(run, row) for row in (*rows, *ensembles)]
    return dict(about) | {
        "statuses": dict(Counter(row.status for row in rows)),
        "files": files | {"trials": [place for place in places if place]},
    }


def _place(run: Run, row: TrialRow) -> dict[str, Any] | None:
    """Return where a row and the files that it names are; None where none was written."""
    stored = run.read(row.experiment, row.seed)
    if not isinstance(stored, Stored):
        return None
    folder: Path = run.trial_directory(row.experiment, row.seed)
    return {
        "experiment": row.experiment,
        "seed": row.seed,
        "row": str(folder / "row.json"),
        "files": [str(folder / name) for name in sorted(stored.files)],
    }


def trial(planned: PlannedTrial) -> dict[str, Any]:
    """Return what `harness.hookspecs.trial_started` says of a trial that can run: copies, which change no row."""
    spec, row = planned.spec, planned.row
    return {
        "experiment": row.experiment,
        "seed": row.seed,
        "backend": row.backend,
        "epochs": spec.epochs if spec else 0,
        "parameters": row.parameters,
        "settings": to_jsonable_python(row.settings),
    }

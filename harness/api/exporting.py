"""Writes a run's frames as files: Parquet, CSV or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.api import columns, frames
from harness.errors import HarnessError
from harness.machine.files import temporary_for
from harness.results.results import Results
from harness.store import read_several, some_runs_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.store import Run

Form = Literal["parquet", "csv", "json"]


def export_frames(directory: Path, folder: Path, form: Form) -> list[Path]:
    """Write ``trials``, ``history``, ``measures`` and ``predictions`` into a folder; return the files.

    They have the columns of `harness.Run`'s frames; predictions also the experiment and the seed. Those of several
    datasets have the label of each line's as first column, ``dataset``, and classes as text. Files of these names are
    replaced, each at once. ``"json"``: a line for each row.

    Raises:
        HarnessError: there is no run, pyarrow is missing, predictions are damaged, or the folder cannot be written to.
    """
    runs = some_runs_of(directory, read_several(directory))
    if form == "parquet":
        _require_pyarrow()
    parts: dict[str, Callable[[], Iterator[pd.DataFrame]]] = {
        "trials": lambda: _each(runs, lambda run: iter([frames.trials(run)])),
        "history": lambda: _each(runs, lambda run: iter([frames.history(run)])),
        "measures": lambda: _each(runs, lambda run: iter([frames.measures(Results.of(run))])),
        "predictions": lambda: _each(runs, lambda run: _predictions(run, Results.of(run))),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / f"{name}.{form}", made(), form) for name, made in parts.items()]
    except OSError as error:
        msg = f"--frames {folder}: cannot be written to: {error.strerror}. Name another folder"
        raise HarnessError(msg) from None


def _each(runs: Mapping[str, Run], frames_of: Callable[[Run], Iterator[pd.DataFrame]]) -> Iterator[pd.DataFrame]:
    """Yield the frames of each run; those of several datasets with the label of theirs."""
    for label, run in runs.items():
        for frame in frames_of(run):
            if label:
                frame.insert(0, "dataset", label)
                # Each dataset has its own categories, and a file has one type for a column.
                categories = [name for name, dtype in frame.dtypes.items() if dtype == "category"]
                yield frame.astype(dict.fromkeys(["dataset", *categories], "string"))
            else:
                yield frame


def _predictions(run: Run, results: Results) -> Iterator[pd.DataFrame]:
    """Yield the predictions of each tested trial and ensemble: together they may not fit into memory."""
    none = True
    for experiment in results.experiments:
        for row in experiment.tested:
            frame = frames.predictions(run, row)
            frame.insert(0, "experiment", row.experiment)
            frame.insert(1, "seed", row.seed)
            none = False
            yield frame.astype({"experiment": "string"})
    if none:
        yield columns.framed({"experiment": columns.TEXT, "seed": columns.WHOLE} | columns.PREDICTIONS, [])


def _write(path: Path, parts: Iterator[pd.DataFrame], form: Form) -> Path:
    temporary = temporary_for(path)
    try:
        if form == "parquet":
            _write_parquet(temporary, parts)
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                for number, part in enumerate(parts):
                    if form == "csv":
                        part.to_csv(file, index=False, header=number == 0, lineterminator="\n")
                    else:
                        part.to_json(file, orient="records", lines=True, force_ascii=False, date_format="iso")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write_parquet(path: Path, parts: Iterator[pd.DataFrame]) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    writer: Any = None
    try:
        for part in parts:
            table = pa.Table.from_pandas(part, preserve_index=False)
            writer = writer or ParquetWriter(path, table.schema)
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()


def _require_pyarrow() -> None:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        msg = '--frames: pyarrow writes Parquet, and is not installed: pip install "nn-harness[parquet]". Or add -f csv'
        raise HarnessError(msg)

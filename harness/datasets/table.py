"""A CSV or Parquet file: one column is the label, the others are numbers."""

import csv
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, nearest, one_line, shown
from harness.machine.files import open_regular
from harness.text import in_toml

_OTHERS = ";\t|"
"""What separates the columns of tables that are not CSV."""


@dataclass(frozen=True)
class LabelledTable:
    """Features (rows, columns) float32, the columns' names, and labels (rows,), whole numbers or texts."""

    features: NDArray[np.float32]
    columns: tuple[str, ...]
    labels: NDArray[Any]


def read_table(path: Path, label: str, drop: Sequence[str]) -> LabelledTable:
    """Return a table; errors name the line of a CSV file, and the row of Parquet, counted from 1.

    Raises:
        HarnessError: the file cannot be read, lacks a column or a value, has two columns of one name, or a column that
            is no number; it names the column and the row.
    """
    frame, place = _frame(path, label)
    names = [str(name) for name in frame.columns]
    if (between := _other_separator(names, label)) is not None:
        msg = f"{path}: has one column, {shown(names[0])}: write ',' between columns, not {between!r}"
        raise HarnessError(msg)
    for name, option in [(label, "label"), *((name, "drop") for name in drop)]:
        if name not in names:
            msg = f"{path}: {option} {shown(name)}: no such column. {nearest(name, names)}"
            raise HarnessError(msg)
    frame.columns = names
    if not len(frame):
        msg = f"{path}: has a header and no rows"
        raise HarnessError(msg)
    columns = tuple(name for name in names if name != label and name not in drop)
    if not columns:
        msg = f"{path}: has no column beside the label {shown(label)}"
        raise HarnessError(msg)
    features = np.empty((len(frame), len(columns)), dtype=np.float32)
    for index, name in enumerate(columns):
        features[:, index] = _numbers(path, name, frame[name], place)
    return LabelledTable(features, columns, _labels(path, label, frame[label], place))


def _other_separator(names: Sequence[str], label: str) -> str | None:
    """Return what separates columns that were read as one, None where they were not."""
    if len(names) > 1 or label in names:
        return None
    return next((each for each in _OTHERS if label in names[0].split(each)), None)


def check_columns(path: Path, columns: Sequence[str], expected: Sequence[str], first: Path) -> None:
    """Refuse a table whose columns are not those of the first, in their order.

    Raises:
        HarnessError: a column differs.
    """
    if tuple(columns) != tuple(expected):
        differing = sorted(set(columns) ^ set(expected)) or ["their order"]
        msg = f"{path}: its columns are not those of {first}: {shown(differing[0])} differs"
        raise HarnessError(msg)


def _frame(path: Path, label: str) -> tuple[Any, Callable[[int], str]]:
    """Return what pandas reads, and what an error calls the place of a row, counted from 0.

    In CSV only an empty cell is a missing value, and labels are texts.
    """
    import pandas as pd

    try:
        with open_regular(path) as file:
            if file.peek(4)[:4] == b"PAR1":
                frame = pd.read_parquet(file)
                _check_names(path, [str(name) for name in frame.columns])
                return frame, lambda row: f"row {row + 1}"
            how: Any = {"encoding": "utf-8-sig", "skipinitialspace": True, "keep_default_na": False}
            header = pd.read_csv(file, header=None, nrows=1, dtype=str, **how)  # without new names for repeated ones
            _check_names(path, [str(name) for name in header.iloc[0]])
            file.seek(0)
            frame = pd.read_csv(file, low_memory=False, dtype={label: str}, na_values=[""], **how)
            return frame, partial(_line, path, len(frame))
    except HarnessError:
        raise
    except FileNotFoundError:
        msg = f"{path}: no such file"
    except ImportError:
        msg = f'{path}: pyarrow reads Parquet, and is not installed: pip install "nn-harness[parquet]"'
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or one_line(error)}"
    except UnicodeDecodeError as error:
        msg = f"{path}: neither CSV nor Parquet: {_undecoded(path, error)}. Save the file as UTF-8"
        raise HarnessError(msg) from None
    except Exception as error:
        # Of pandas and pyarrow: ParserError, EmptyDataError, ArrowInvalid, …
        msg = f"{path}: neither CSV nor Parquet: {one_line(error, 200)}"
        raise HarnessError(msg) from error
    raise HarnessError(msg)


def _line(path: Path, rows: int, row: int) -> str:
    """Return the line in which a row of a CSV file begins: quoted cells may have several, and empty ones are no rows.

    The row instead, where the file does not have as many records here as it has for pandas.
    """
    starts, end = [], 0
    with suppress(OSError, ValueError, csv.Error), open_regular(path) as file:
        reader = csv.reader(TextIOWrapper(file, encoding="utf-8-sig", newline=""), skipinitialspace=True)
        for record in reader:
            if record not in ([], [""]):
                starts.append(end + 1)
            end = reader.line_num
    return f"line {starts[row + 1]}" if len(starts) == rows + 1 else f"row {row + 1} below the header"


def _undecoded(path: Path, error: UnicodeDecodeError) -> str:
    """Return which byte of a text file is not UTF-8, and its line; ``error``: of a part of the file."""
    with suppress(OSError), open_regular(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as there:
                return f"line {number} has the byte 0x{line[there.start]:02x}, which is not UTF-8"
    return one_line(error, 200)


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse two columns of one name: a suite that names it would mean either."""
    for place, name in enumerate(names):
        if name and (first := names.index(name)) < place:
            msg = f"{path}: columns {first + 1} and {place + 1} are both {shown(name)}: rename one of them"
            raise HarnessError(msg)


def _numbers(path: Path, name: str, column: Any, place: Callable[[int], str]) -> NDArray[np.float64]:
    """Return the values (rows,) of a column, each a finite number."""
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    missing = column.isna().to_numpy()
    if missing.any():
        row = int(missing.argmax())
        msg = f"{path}: column {shown(name)} has no value in {place(row)}: fill it in, or {_dropped(name)}"
        raise HarnessError(msg)
    if not (is_numeric_dtype(column) or is_bool_dtype(column)):
        texts = pd.to_numeric(column.astype(str), errors="coerce").isna().to_numpy()
        row = int(texts.argmax())
        content = shown(str(column.iloc[row])) if texts.any() else str(column.dtype)
        fix = f"numbers are needed, unless it is no feature: {_dropped(name)}"
        msg = f"{path}: column {shown(name)} holds {content} in {place(row)}: {fix}"
        raise HarnessError(msg)
    values: NDArray[np.float64] = column.to_numpy(dtype=np.float64)
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    if not finite.all():
        row = int(np.argmin(finite))
        msg = (
            f"{path}: column {shown(name)} holds {values[row]:g} in {place(row)}: a finite number of float32 is needed"
        )
        raise HarnessError(msg)
    return values


def _labels(path: Path, name: str, column: Any, place: Callable[[int], str]) -> NDArray[Any]:
    """Return the labels (rows,) of a column: int64 where all are whole numbers, else texts."""
    missing = column.isna().to_numpy()
    if missing.any():
        msg = f"{path}: label {shown(name)} has no value in {place(int(missing.argmax()))}: every row needs a class"
        raise HarnessError(msg)
    texts: NDArray[np.str_] = column.astype(str).to_numpy(dtype=np.str_)
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        return texts
    whole = np.isfinite(numbers) & (np.abs(numbers) < 2.0**53) & (numbers % 1 == 0)
    if not whole.all():
        row = int(np.argmin(whole))
        msg = f"{path}: label {shown(name)} holds {texts[row]} in {place(row)}: classes are whole numbers or texts"
        raise HarnessError(msg)
    whole_numbers: NDArray[np.int64] = numbers.astype(np.int64)
    return whole_numbers


def _dropped(name: str) -> str:
    return f"leave it out with drop = [{in_toml(name)}]"

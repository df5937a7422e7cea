"""A suite that is given as a mapping instead of a file: the same table, checked to be one that TOML could have."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.suite.problems import DEEPEST, Place, problem
from harness.suite.reading import check_extent

PLACE = Path("mapping")
"""What errors call it, in the place of a file. Its relative paths are of the current folder."""
_PLAIN = (str, bool, int, float, dt.date, dt.time)


def plain_table(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a mapping as tables, lists and values of TOML: tuples become lists, paths text, NumPy's numbers Python's.

    Raises:
        HarnessError: it has a key that is no text, a value that TOML lacks, or nests too deeply.
    """
    table: dict[str, Any] = _plain(mapping, ())
    check_extent(PLACE, table)
    return table


def _plain(value: Any, place: Place) -> Any:
    if len(place) > DEEPEST:
        raise problem(PLACE, place[:3], f"tables or lists within it nest more than {DEEPEST} deep")
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise problem(PLACE, place, f"has a key of type {type(key).__name__}. Every key is a text")
        return {key: _plain(inner, (*place, key)) for key, inner in value.items()}
    if isinstance(value, Sequence | range) and not isinstance(value, bytes | bytearray):
        return [_plain(inner, (*place, index)) for index, inner in enumerate(value)]
    what = "None is not a value of a suite: leave the key out" if value is None else _no_value(value)
    raise problem(PLACE, place, what)


def _no_value(value: Any) -> str:
    return f"a value of type {type(value).__name__}. Use text, numbers, true or false, lists and tables"

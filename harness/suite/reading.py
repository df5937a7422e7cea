"""Reads TOML files as plain tables, and merges tables."""

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, as_typed, nearest, printable, shown
from harness.machine.files import read_regular
from harness.machine.paths import is_folder
from harness.suite.problems import DEEPEST, Place, problem

LARGEST_SUITE = 1 << 22
"""Bytes of the largest suite file that is read; 1,000 experiments have a tenth of that."""
_MOST_PARTS = 1_000
_LONG_KEY = re.compile(rf"""(?<![\w"'.-])(?:[\w"'-]+[ \t]*\.[ \t]*){{{_MOST_PARTS}}}""")
"""A key of more parts than a file can need; the parser's time grows with their square."""
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_NOT_PYTHON = {
    "True": "is not a value of TOML: write true",
    "False": "is not a value of TOML: write false",
    "None": "is not a value of TOML: leave the key out",
}
_INTEGERS = range(-(2**63), 2**63)
"""The integers that TOML has."""


def read(path: Path) -> dict[str, Any]:
    """Return the file's table.

    Raises:
        HarnessError: the file is missing, unreadable, not a regular file, too large, or not TOML.
    """
    try:
        content = read_regular(path, most=LARGEST_SUITE)
    except FileNotFoundError:
        beside = [other.name for other in path.parent.glob("*.toml")] if is_folder(path.parent) else []
        msg = f"{as_typed(path)}: no such file. {nearest(path.name, beside) if beside else 'Check the path.'}"
        raise HarnessError(msg) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        msg = f"{as_typed(path)}: cannot be read: {why}"
        with suppress(HarnessError):  # a path that cannot be looked at, such as a loop of links
            if is_folder(path):
                msg = f"{as_typed(path)}: it is a folder, and a suite is a TOML file. Name one"
        raise HarnessError(msg) from None
    try:
        text = content.decode("utf-8-sig")  # editors on Windows begin a file with a byte-order mark
    except UnicodeDecodeError as error:
        msg = f"{as_typed(path)}: not TOML: byte {error.start} is not UTF-8. Save the file as UTF-8."
        raise HarnessError(msg) from None
    try:
        table = parsed(text)
    except ValueError as error:
        msg = f"{as_typed(path)}: not TOML: {error}"
        raise HarnessError(msg) from None
    check_extent(path, table)
    return table


def parsed(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises:
        ValueError: it is not TOML; the message says why.
    """
    if _LONG_KEY.search(text):
        msg = f"a key has more than {_MOST_PARTS} parts"
        raise ValueError(msg)
    try:
        return tomllib.loads(text)
    except RecursionError:
        msg = f"its lists or tables nest more than {DEEPEST} deep"
    except tomllib.TOMLDecodeError as error:
        msg = _unreadable(text, printable(str(error)))
    except ValueError:  # Python refuses numbers of more than 4,300 digits
        msg = "a whole number has more than 64 bits"
    raise ValueError(msg) from None


def _unreadable(text: str, message: str) -> str:
    """Return the parser's message; for a value in Python's notation, TOML's instead."""
    place = _PLACE.search(message)
    if place is None:
        return message
    line, column = int(place[1]), int(place[2])
    word = re.match(r"\w*", text.splitlines()[line - 1][column - 1 :]) if line <= text.count("\n") + 1 else None
    instead = _NOT_PYTHON.get(word[0]) if word else None
    return f"{word[0]} {instead} (at line {line}, column {column})" if word and instead else message


def check_extent(path: Path | str, table: Mapping[str, Any]) -> None:
    """Refuse integers of more than 64 bits, and too deep nesting.

    ``path`` is the table's file or option.

    Raises:
        HarnessError: the table has one; the message has its place.
    """
    left: list[tuple[Place, Any]] = [((), table)]
    while left:
        place, value = left.pop()
        if len(place) > DEEPEST:
            raise problem(path, place[:3], f"tables or lists within it nest more than {DEEPEST} deep")
        if isinstance(value, int) and value not in _INTEGERS:
            raise problem(path, place, f"{shown(value)} has more than 64 bits, which is TOML's range")
        if isinstance(value, dict):
            left += [((*place, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            left += [((*place, index), inner) for index, inner in enumerate(value)]


def merge_experiment(defaults: dict[str, Any], experiment: dict[str, Any]) -> dict[str, Any]:
    """Return the experiment completed from the defaults, key by key.

    A table within that has a ``name`` replaces the inherited one whole; one without is merged key by key.
    """
    merged = dict(defaults)
    for key, value in experiment.items():
        inherited = as_table(key, merged.get(key))
        if isinstance(value, dict) and isinstance(inherited, dict) and "name" not in value:
            merged[key] = inherited | value
        else:
            merged[key] = value
    return merged


def put(table: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return the table with the changes put in, key by key; a table that has a ``name`` replaces the old one whole.

    ``[suite]`` and ``[finalists]`` are merged even if they have a ``name``, because it does not name a component there.
    """
    result = dict(table)
    for key, value in change.items():
        inner = as_table(key, result.get(key))
        merges = key in {"suite", "finalists"} or not (isinstance(value, dict) and isinstance(value.get("name"), str))
        if merges and isinstance(value, dict) and isinstance(inner, dict):
            result[key] = put(inner, value)
        else:
            result[key] = value
    return result


def as_table(key: str, value: Any) -> Any:
    """Return a value, and for the name of a model the table that it means."""
    return {"name": value} if key == "model" and isinstance(value, str) else value

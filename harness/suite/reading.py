"""TOML files as plain tables, and how one table is put into another."""

import tomllib
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, nearest


def read(path: Path) -> dict[str, Any]:
    """Return the file's table.

    Raises:
        HarnessError: the file is missing, unreadable or not TOML.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        beside = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        msg = f"{path}: there is no such file. {nearest(path.name, beside) if beside else 'Check the path.'}"
        raise HarnessError(msg) from None
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise HarnessError(msg) from None
    except UnicodeDecodeError as error:
        msg = f"{path}: not TOML: byte {error.start} is not UTF-8. Save the file as UTF-8."
        raise HarnessError(msg) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{path}: not TOML: {error}"
        raise HarnessError(msg) from None


def merge_experiment(defaults: dict[str, Any], experiment: dict[str, Any]) -> dict[str, Any]:
    """Return the experiment completed from the defaults, key by key.

    A table within that has a ``name`` replaces the inherited one whole; one without is merged key by key.
    """
    merged = dict(defaults)
    for key, value in experiment.items():
        inherited = merged.get(key)
        if isinstance(value, dict) and isinstance(inherited, dict) and "name" not in value:
            merged[key] = inherited | value
        else:
            merged[key] = value
    return merged


def put(table: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return the table with the changes put in, key by key; a table that has a ``name`` replaces the old one whole.

    But for ``[suite]``, which has a name, and ``[finalists]``, where ``name`` is a label as any other: neither is a
    component whose options would mean nothing to another.
    """
    result = dict(table)
    for key, value in change.items():
        inner = result.get(key)
        merges = key in {"suite", "finalists"} or not (isinstance(value, dict) and isinstance(value.get("name"), str))
        if merges and isinstance(value, dict) and isinstance(inner, dict):
            result[key] = put(inner, value)
        else:
            result[key] = value
    return result

"""From a TOML file and the command line's overrides to one plain table, defaults merged in."""

import json
import tomllib
from collections.abc import Sequence
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


def override(table: dict[str, Any], assignments: Sequence[str], dataset: str | None) -> dict[str, Any]:
    """Return the table with ``--dataset NAME``, then each ``--set key.path=value``, put in.

    A dataset's table is replaced but for its split. A value is read as TOML, and as text where it is none.

    Raises:
        HarnessError: an assignment is no ``key.path=value``, or names an experiment that the suite has not.
    """
    result = dict(table)
    if dataset is not None:
        given = table.get("dataset")
        split = {"split": given["split"]} if isinstance(given, dict) and "split" in given else {}
        result["dataset"] = {"name": dataset} | split
    for assignment in assignments:
        change = _parse(assignment)
        experiments, changed = table.get("experiments"), change.get("experiments")
        if not (isinstance(experiments, dict) and isinstance(changed, dict)):
            experiments, changed = {}, {}  # what they are instead is told when the suite is checked
        for name in changed:
            if name not in experiments:
                msg = f"--set {assignment}: there is no experiment {name!r}. {nearest(name, experiments)}"
                raise HarnessError(msg)
        result = put(result, change)
    return result


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


def _parse(assignment: str) -> dict[str, Any]:
    key, equals, value = assignment.partition("=")
    # A grid's experiment has "=" in its name: then the key is quoted, and ends behind the last quote.
    if '"' in key:
        head, _, tail = assignment.rpartition('"')
        rest, equals, value = tail.partition("=")
        key = f'{head}"{rest}'
    if not equals or not key.strip():
        msg = f"--set {assignment}: not of the form key.path=value, as in experiments.M0.epochs=5"
        raise HarnessError(msg)
    for text in (value, json.dumps(value)):
        try:
            return tomllib.loads(f"{key} = {text}")
        except tomllib.TOMLDecodeError:
            continue
    msg = f"--set {assignment}: {key.strip()!r} is no TOML key. Quote a part with other than letters, digits, - and _"
    raise HarnessError(msg)


def put(table: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return the table with the changes put in, key by key; a table that has a ``name`` replaces the old one whole."""
    result = dict(table)
    for key, value in change.items():
        inner = result.get(key)
        if isinstance(value, dict) and isinstance(inner, dict) and not isinstance(value.get("name"), str):
            result[key] = put(inner, value)
        else:
            result[key] = value
    return result

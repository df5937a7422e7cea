"""Errors about a suite, in one line: file, key path, value and a fix."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import HarnessError, as_typed, nearest, printable, shown
from harness.settings import misfit
from harness.suite.schema import known_keys, named_keys, suite_schema
from harness.text import counted, in_toml

Path_ = tuple[str | int, ...]

DEEPEST = 50
"""The most tables and lists within one another: no table of a suite, or option of a plugin, nests as deeply."""
_LONGEST_PLACE = 300
_FEW = 5
"""The most keys of a table that an error lists beside the missing one, which may be one of them misspelt."""

_PLAIN = {
    "union_tag_not_found": "is missing its key 'name'",
}
_TABLES = {"model_type", "model_attributes_type", "dict_type", "dataclass_type"}
"""Pydantic's error types for a value that should be a table."""
_SHAPES = _TABLES | {"list_type", "too_short", "too_long"}

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def spell(path: Sequence[str | int]) -> str:
    """Return a key path as TOML writes it, with quotes where TOML needs them.

    >>> spell(("experiments", "M1a[lr=1]", "hidden_layers", 0))
    "experiments.'M1a[lr=1]'.hidden_layers[0]"
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("_", "").replace("-", "").isalnum()
            text += ("." if text else "") + (printable(part, 100) if plain else shown(part, 100))
    return as_typed(text, _LONGEST_PLACE)


class SuiteError(HarnessError):
    """An error about a suite: ``file: key.path: what``."""

    def __init__(self, suite: Path | str, place: Path_, what: str) -> None:
        super().__init__(f"{as_typed(suite)}: {spell(place)}: {what}")
        self.place = place
        self.what = what


def problem(suite: Path | str, path: Sequence[str | int], what: str) -> SuiteError:
    """Return an error about a place in a suite's file or an option."""
    return SuiteError(suite, tuple(path), what)


def from_validation(
    suite: Path, error: ValidationError, data: Any, prefix: Path_, placed: Callable[[Path_], Path_]
) -> SuiteError:
    """Return pydantic's errors as one line: the first in full, and how many more there are.

    ``prefix`` is the place of ``data`` in the schema; ``placed`` returns the place in the file of a path in ``data``.
    """
    deepest: dict[Path_, tuple[Path_, Any]] = {}
    for item in error.errors(include_url=False):
        path = _path_in_data(item["loc"], data)
        # A union reports each of its branches; the deepest is the one that was meant.
        top = path[:1]
        if top not in deepest or len(path) > len(deepest[top][0]):
            deepest[top] = (path, item)
    # A misspelt key says more than the key that is missing because of it.
    path, item = min(deepest.values(), key=lambda entry: entry[1]["type"] != "extra_forbidden")
    more = f" (and {counted(len(deepest) - 1, 'more mistake')})" if len(deepest) > 1 else ""
    place = placed(path)
    in_schema = place if place[:1] == ("defaults",) else prefix + path
    # A key that nothing is like may be meant for the one that is missing beside it.
    missing = [str(other[-1]) for other, each in deepest.values() if each["type"] == "missing" and len(other) == 1]
    meant = missing[0] if len(missing) == 1 == len(path) else None
    return problem(suite, place, _wording(item, in_schema, _name(data, path), meant) + more)


def _name(data: Any, path: Path_) -> str | None:
    """Return the ``name`` in the table around a key, which decides what the other keys may be."""
    for part in path[:-1]:
        data = data[part]
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


def _path_in_data(loc: Sequence[str | int], data: Any) -> Path_:
    """Return pydantic's location without the names of models and union branches that it puts in between."""
    path: list[str | int] = []
    for position, part in enumerate(loc):
        may_be_absent = position == len(loc) - 1 and isinstance(data, dict) and str(part).isidentifier()
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            if not may_be_absent:
                continue
        path.append(part)
    return tuple(path)


def _wording(item: Any, path: Path_, name: str | None, meant: str | None) -> str:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    keys = [part for part in path if isinstance(part, str)]
    wording = misfit(item, keys[-1] if keys else "", listed=not isinstance(path[-1], str))
    if kind == "extra_forbidden":
        wording = _unknown_key(path, name, meant)
    elif kind in _SHAPES:
        wording = _other_shape(kind, value, path, wording)
    elif kind == "missing":
        wording = "is missing"
        others = [key for key in value if key != "name"] if isinstance(value, dict) and len(path) > 1 else []
        if 0 < len(others) <= _FEW:
            wording += f"; its table has {', '.join(others)}"
    elif kind in _PLAIN:
        wording = _PLAIN[kind]
    elif kind == "value_error":
        wording = str(context["error"])
    elif kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        wording = f"{in_toml(value)} is out of range. It must be {words} {context[key]}"
    elif kind == "literal_error":
        # A list's element has the list's name.
        names = ["key"] if item["loc"][-1] == "[key]" else [part for part in path if isinstance(part, str)]
        wording = _choices(names[-1], value, context["expected"])
    elif kind == "union_tag_invalid":
        wording = _choices(str(path[-1]), context["tag"], context["expected_tags"])
    return wording


def _other_shape(kind: str, value: Any, path: Path_, wording: str) -> str:
    """Say that a value is no table, no list or no pair, and how to write one; ``wording`` where there is no example."""
    if kind in _TABLES:
        keys = known_keys(suite_schema(), path)
        if "name" in keys or not keys:
            return f"{in_toml(value)} is not a table. Write {path[-1]} = {{ name = … }}, with its options"
        example = ", ".join(f"{key} = …" for key in keys[:_FEW])
        return f"{in_toml(value)} is not a table. Write {path[-1]} = {{ {example} }}"
    if kind != "list_type" and path[:2] == ("leaderboard", "compare"):
        wording = f"{in_toml(value)} is no pair. Name two different experiments"
    elif kind == "too_short":
        wording = "is empty. At least one value is needed"
    elif kind == "list_type" and isinstance(value, dict) and len(path) == 1:
        wording = f"is one table, and may have several. Write [[{path[-1]}]] instead of [{path[-1]}]"
    elif kind == "list_type" and type(value) in {int, float} and isinstance(path[-1], str):
        wording += f". Write {path[-1]} = [{value}]"
    return wording


def _unknown_key(path: Path_, name: str | None, meant: str | None) -> str:
    key, schema = str(path[-1]), suite_schema()
    variants = {} if name is None else named_keys(schema, path[:-1])
    if name not in variants:
        known = nearest(key, known_keys(schema, path[:-1]))
        guess = f"Did you mean {shown(meant)}, which is missing? " if meant and not known.startswith("Did") else ""
        return f"unknown key {shown(key)}. {guess}{known}"
    others = [other for other, keys in variants.items() if key in keys]
    belongs = f", which belongs to {' and '.join(others)}" if others else ""
    return f"{path[-2]} {shown(name)} has no option {shown(key)}{belongs}. {nearest(key, variants[name])}"


def _choices(key: str, value: Any, expected: str) -> str:
    choices = [choice.strip().strip("'") for choice in expected.replace(" or ", ", ").split(",")]
    if isinstance(value, str):
        return f"unknown {key} {shown(value)}. {nearest(value, choices)}"
    return f"{in_toml(value)} is not one of its values. Known: {', '.join(choices)}."

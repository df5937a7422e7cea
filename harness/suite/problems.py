"""Errors about a suite, in one line: file, key path, value and a fix."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import HarnessError, as_typed, nearest, printable, shown
from harness.settings import misfit, unknown
from harness.suite.schema import known_keys, named_keys, suite_schema
from harness.text import counted, in_toml

Place = tuple[str | int, ...]
"""Where something is in a suite: the keys of tables and the positions in lists that lead there, outermost first."""
DEEPEST = 50
"""The most tables and lists within one another: no table of a suite, or option of a plugin, nests as deeply."""
_LONGEST_PLACE = 300
_MISTAKES = 3
"""The most mistakes that an error words; the others are counted."""
_FEW = 5
"""The most keys of a table that an error lists beside the missing one, which may be one of them misspelt."""

_PLAIN = {
    "union_tag_not_found": "is missing its key 'name'",
}
_TABLES = {"model_type", "model_attributes_type", "dict_type", "dataclass_type"}
"""Pydantic's error types for a value that should be a table."""
_SHAPES = _TABLES | {"list_type", "too_short", "too_long"}


def spell(place: Sequence[str | int]) -> str:
    """Return a key path as TOML writes it, with quotes where TOML needs them.

    >>> spell(("experiments", "M1a[lr=1]", "hidden_layers", 0))
    "experiments.'M1a[lr=1]'.hidden_layers[0]"
    """
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("_", "").replace("-", "").isalnum()
            text += ("." if text else "") + (printable(part, 100) if plain else shown(part, 100))
    return as_typed(text, _LONGEST_PLACE)


class SuiteError(HarnessError):
    """An error about a suite: ``file: key.path: what``."""

    def __init__(self, suite: Path | str, place: Place, what: str) -> None:
        super().__init__(f"{as_typed(suite)}: {spell(place)}: {what}")
        self.place = place
        self.what = what


def problem(suite: Path | str, place: Sequence[str | int], what: str) -> SuiteError:
    """Return an error about a place in a suite's file or an option."""
    return SuiteError(suite, tuple(place), what)


def from_validation(
    suite: Path, error: ValidationError, data: Any, prefix: Place, placed: Callable[[Place], Place]
) -> SuiteError:
    """Return pydantic's errors as one line: the first few in full, and how many more there are.

    ``prefix`` is the place of ``data`` in the schema; ``placed`` returns the place in the file of one in ``data``.
    """
    deepest: dict[Place, tuple[Place, Any]] = {}
    for item in error.errors(include_url=False):
        within = _place_in_data(item["loc"], data)
        # A union reports each of its branches; the deepest is the one that was meant.
        top = within[:1]
        if top not in deepest or len(within) > len(deepest[top][0]):
            deepest[top] = (within, item)
    # A misspelt key says more than the key that is missing because of it.
    ordered = sorted(deepest.values(), key=lambda entry: entry[1]["type"] != "extra_forbidden")
    # A key that nothing is like may be meant for the one that is missing beside it.
    missing = [str(within[-1]) for within, item in ordered if item["type"] == "missing" and len(within) == 1]
    mistakes, listed = [], {""}  # keys that are known are listed once
    for within, item in ordered[:_MISTAKES]:
        place = placed(within)
        in_schema = place if place[:1] == ("defaults",) else prefix + within
        absent = missing[0] if len(missing) == 1 == len(within) else None
        what, _, known = _wording(item, in_schema, _name(data, within), absent).partition(" Known: ")
        mistakes.append((place, what if known in listed else f"{what} Known: {known}"))
        listed.add(known)
    (place, first), *others = mistakes
    also = "".join(f" Also {spell(other)}: {_sentence(what)}" for other, what in others)
    left = len(ordered) - len(mistakes)
    more = f" And {counted(left, 'more mistake')}." if left else ""
    return problem(suite, place, f"{_sentence(first)}{also}{more}" if also else first)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _name(data: Any, place: Place) -> str | None:
    """Return the ``name`` in the table around a key, which decides what the other keys may be."""
    for part in place[:-1]:
        data = data[part]
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


def _place_in_data(loc: Sequence[str | int], data: Any) -> Place:
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


def _wording(item: Any, place: Place, name: str | None, absent: str | None) -> str:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    keys = [part for part in place if isinstance(part, str)]
    wording = misfit(item, keys[-1] if keys else "", listed=not isinstance(place[-1], str))
    if kind == "extra_forbidden":
        wording = _unknown_key(place, name, absent)
    elif kind in _SHAPES:
        wording = _other_shape(kind, value, place, wording)
    elif kind == "missing":
        wording = "is missing"
        others = [key for key in value if key != "name"] if isinstance(value, dict) and len(place) > 1 else []
        if 0 < len(others) <= _FEW:
            wording += f"; its table has {', '.join(others)}"
    elif kind in _PLAIN:
        wording = _PLAIN[kind]
    elif kind == "value_error":
        wording = str(context["error"])
    elif kind == "literal_error":
        # A list's element has the list's name.
        names = ["key"] if item["loc"][-1] == "[key]" else [part for part in place if isinstance(part, str)]
        wording = unknown(names[-1], value, context["expected"])
    elif kind == "union_tag_invalid":
        wording = unknown(str(place[-1]), context["tag"], context["expected_tags"])
    return wording


def _other_shape(kind: str, value: Any, place: Place, wording: str) -> str:
    """Return that a value is no table, list or pair, with an example of one; ``wording`` where there is no example."""
    if kind in _TABLES:
        if len(place) == 2 and isinstance(place[1], int):
            return f"{in_toml(value)} is not a table. Write [[{place[0]}]], and its keys below"
        keys = known_keys(suite_schema(), place)
        key = "" if isinstance(place[-1], int) else f"{place[-1]} = "
        if "name" in keys or not keys:
            return f"{in_toml(value)} is not a table. Write {key}{{ name = … }}, with its options"
        example = ", ".join(f"{each} = …" for each in keys[:_FEW])
        return f"{in_toml(value)} is not a table. Write {key}{{ {example} }}"
    if kind != "list_type" and place[:2] == ("leaderboard", "compare"):
        wording = f"{in_toml(value)} is no pair. Name two different experiments"
    elif kind == "too_short":
        wording = "is empty. At least one value is needed"
    elif kind == "list_type" and len(place) == 1:
        wording = f"{in_toml(value)} is not a list of tables. Write [[{place[0]}]], and its keys below"
        if isinstance(value, dict):
            wording = f"is one table, and may have several. Write [[{place[0]}]] instead of [{place[0]}]"
    return wording


def _unknown_key(place: Place, name: str | None, absent: str | None) -> str:
    key, schema = str(place[-1]), suite_schema()
    variants = {} if name is None else named_keys(schema, place[:-1])
    if name not in variants:
        known = nearest(key, known_keys(schema, place[:-1]))
        guess = f"Did you mean {shown(absent)}, which is missing? " if absent and not known.startswith("Did") else ""
        return f"unknown key {shown(key)}. {guess}{known}"
    others = [other for other, keys in variants.items() if key in keys]
    belongs = f", which belongs to {' and '.join(others)}" if others else ""
    return f"{place[-2]} {shown(name)} has no option {shown(key)}{belongs}. {nearest(key, variants[name])}"

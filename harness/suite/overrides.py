"""The command line's changes of a suite; an error about a change names its option."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, as_typed, nearest, shown
from harness.machine.paths import absolute
from harness.suite.problems import Place, SuiteError, spell
from harness.suite.reading import check_extent, parsed, put
from harness.suite.schema import known_keys, suite_schema
from harness.text import command

# A name may have "=" or quotes in it: a part of the key that is quoted, as TOML quotes it, is passed over whole.
_ASSIGNMENT = re.compile(r"""((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^="'])+)=(.*)""", re.DOTALL)
_DATA_DIRECTORY = "--data-dir"
_SHOWN = 80
"""Characters of an option that a message shows."""
_FILES_OWN: tuple[Place, ...] = (("suite", "extends"), ("expectations", "inherit"))


@dataclass(frozen=True)
class Override:
    """An option as it was typed, and its change of the suite's table."""

    option: str
    change: dict[str, Any]
    kept: Place = ()
    """The part of ``change`` that is not the option's but the file's."""

    @property
    def spelled(self) -> list[Place]:
        """The keys that it gives values to."""
        places = _leaves(self.change, ())
        return [place for place in places if not self.kept or place[: len(self.kept)] != self.kept]

    def made(self, place: Place) -> bool:
        """Return whether it made the value at a place, or made it missing."""
        if self.kept and place[: len(self.kept)] == self.kept:
            return False
        # A name replaces the whole table; keys without a value are missing.
        named = [key[:-1] for key in self.spelled if key[-1] == "name"]
        inside = any(place[: len(key)] == key for key in [*self.spelled, *named])
        return inside or any(key[: len(place)] == place for key in self.spelled)


def assignment(text: str, table: Mapping[str, Any]) -> Override:
    """Return the change of ``--set key.path=value``; a value that is not TOML is text.

    Raises:
        HarnessError: it is not ``key.path=value``, or names an unknown experiment or a key that only a file can have.
    """
    change = _parse(text)
    made = Override(f"--set {as_typed(text, _SHOWN)}", change)
    for place in _FILES_OWN:
        if place in made.spelled:
            msg = f"{made.option}: {spell(place)} cannot be set on the command line. Write it in a suite file"
            raise HarnessError(msg)
    experiments, changed = table.get("experiments"), change.get("experiments")
    if not (isinstance(experiments, dict) and isinstance(changed, dict)):
        experiments, changed = {}, {}  # the check of the suite reports a wrong type
    for name in changed:
        if name not in experiments:
            template = name.partition("[")[0]
            above = experiments.get(template)
            grid = isinstance(above, dict) and "grid" in above and template != name
            what = f"A grid makes it: set experiments.{_key([template])} for all of the grid" if grid else ""
            msg = f"{made.option}: unknown experiment {shown(name)}. {what or nearest(name, experiments)}"
            raise HarnessError(msg)
    return made


def overrides(
    table: dict[str, Any],
    *,
    assignments: Sequence[str],
    dataset: str | None,
    data_directory: Path | None,
    seeds: Sequence[int] | None,
    located: Callable[[Path], Mapping[str, Any]] = lambda folder: {"directory": str(folder)},
) -> list[Override]:
    """Return the options' changes of a suite's table, in the order in which they apply.

    ``dataset`` replaces ``[dataset]`` except its split. ``located``: the dataset's options with its files in a folder.
    """
    changes = []
    if dataset is not None:
        own = table.get("dataset")
        split = {"split": own["split"]} if isinstance(own, dict) and "split" in own else {}
        change = {"dataset": {"name": dataset} | split}
        changes.append(Override(f"--dataset {as_typed(dataset, _SHOWN)}", change, ("dataset", "split")))
    if data_directory is not None:
        change = {"dataset": dict(located(absolute(data_directory)))}
        changes.append(Override(f"{_DATA_DIRECTORY} {as_typed(data_directory)}", change))
    changes += [assignment(text, table) for text in assignments]
    if seeds is not None and isinstance(table.get("suite"), dict):
        numbers = ",".join(map(str, seeds))
        changes.append(Override(f"--seeds {as_typed(numbers, _SHOWN)}", {"suite": {"seeds": list(seeds)}}))
    return changes


def overridden(table: dict[str, Any], changes: Sequence[Override]) -> dict[str, Any]:
    """Return a table with the changes put in, key by key; a table that has a ``name`` replaces the file's whole table.

    The options are merged with one another first, leaf by leaf, so that a name from one does not cancel a key from
    another, whatever their order.
    """
    merged: dict[str, Any] = {}
    for override in changes:
        merged = _merged(merged, override.change)
    return put(table, merged)


def _merged(earlier: dict[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of two options as one; the later value of a key wins."""
    result = dict(earlier)
    for key, value in later.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def maker(changes: Sequence[Override], place: Place) -> Override | None:
    """Return the option that made the value at a place: the last that names it, else the last that changes it."""
    makers = [override for override in reversed(changes) if override.made(place)]
    spelling = [override for override in makers if any(place[: len(key)] == key for key in override.spelled)]
    return next(iter([*spelling, *makers]), None)


def attributed(error: SuiteError, changes: Sequence[Override], table: Mapping[str, Any]) -> HarnessError:
    """Return an error that names the option that caused it instead of the file; unchanged, if no option did.

    ``table`` is the suite file's. If an option's name replaced a table, the error suggests the replaced value from it.
    """
    option = maker(changes, error.place)
    if option is None and error.what.startswith("is missing") and not isinstance(_at(table, error.place[:-1]), dict):
        # The options made the whole table: the file has none there.
        option = maker(changes, error.place[:-1])
    if option is None:
        return error
    plain = tuple(part for part in error.place if isinstance(part, str))
    if len(plain) == 1 and error.what.startswith("unknown key") and (meant := _table_of(plain[0])):
        what, _, known = error.what.partition(" Known: ")
        typed = option.option.removeprefix("--set ")
        return HarnessError(
            f"{option.option}: {what} Did you mean {command('--set', f'{meant}.{typed}')}? Known: {known}"
        )
    if plain in option.spelled and not option.option.startswith(_DATA_DIRECTORY):  # which shows no key
        return HarnessError(f"{option.option}: {error.what}")
    what = error.what
    if what.startswith("is missing"):
        value = _at(table, error.place)
        example = "VALUE" if value is None else json.dumps(value, ensure_ascii=False)
        why = "" if value is None else ", because a new name replaces the whole table"
        if what.startswith("is missing its key 'name'"):
            plain = (*plain, "name")
        what = f"{what.rstrip('.')}{why}. Add {command('--set', f'{_key(plain)}={example}')}"
    return HarnessError(f"{option.option}: {spell(error.place)}: {what}")


def _table_of(key: str) -> str:
    """Return the table in which a suite may have a key, empty where none is likelier than others."""
    schema = suite_schema()
    return next((table for table in ("defaults", "suite") if key in known_keys(schema, [table])), "")


def _leaves(table: Mapping[str, Any], path: Place) -> Iterator[Place]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def _at(table: Any, place: Place) -> Any:
    for part in place:
        table = table.get(part) if isinstance(table, dict) else None
    return table


def _key(parts: Sequence[str]) -> str:
    """Return a key as ``--set`` reads it."""
    return ".".join(part if part.replace("_", "").replace("-", "").isalnum() else json.dumps(part) for part in parts)


def _parse(text: str) -> dict[str, Any]:
    match = _ASSIGNMENT.fullmatch(text)
    typed = f"--set {as_typed(text, _SHOWN)}"
    if match is None or not match[1].strip():
        msg = f"{typed}: not of the form key.path=value. Example: experiments.M0.epochs=5"
        raise HarnessError(msg)
    key, value = match.groups()
    # A value that is not TOML is text, except one beyond the limits of TOML.
    for content in (value, json.dumps(value)):
        try:
            change = parsed(f"{key} = {content}")
            check_extent(typed, change)
        except ValueError:
            continue
        else:
            return change
    msg = f"{typed}: {shown(key.strip())} is not a TOML key. Quote parts with other than letters, digits, - and _"
    raise HarnessError(msg)

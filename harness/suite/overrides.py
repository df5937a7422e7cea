"""What a command line changes of a suite: a mistake in it is told with the option that made it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, as_typed, nearest, shown
from harness.machine.paths import absolute
from harness.suite.grid import Place
from harness.suite.problems import SuiteError, spell
from harness.suite.reading import check_extent, parsed, put
from harness.text import command

# A name may have "=" or quotes in it: a part of the key that is quoted, as TOML quotes it, is passed over whole.
_ASSIGNMENT = re.compile(r"""((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^="'])+)=(.*)""", re.DOTALL)
_SHOWN = 80
"""Characters of an option that a message shows."""
_FILES_OWN: tuple[Place, ...] = (("suite", "extends"), ("expectations", "inherit"))


@dataclass(frozen=True)
class Override:
    """An option as it was typed, and what it puts into the suite's table."""

    option: str
    change: dict[str, Any]
    kept: Place = ()
    """What of ``change`` is not the option's, but what stood there before."""

    @property
    def spelled(self) -> list[Place]:
        """The keys that it gives values to."""
        found = _leaves(self.change, ())
        return [place for place in found if not self.kept or place[: len(self.kept)] != self.kept]

    def made(self, place: Place) -> bool:
        """Say whether what stands at a place, or is missing there, is of its making."""
        if self.kept and place[: len(self.kept)] == self.kept:
            return False
        # A name makes the whole table new; what it is not given is missing.
        named = [key[:-1] for key in self.spelled if key[-1] == "name"]
        inside = any(place[: len(key)] == key for key in [*self.spelled, *named])
        return inside or any(key[: len(place)] == place for key in self.spelled)


def assignment(text: str, table: Mapping[str, Any], option: str = "--set") -> Override:
    """Return what ``--set key.path=value`` changes of a suite's table; a value that is no TOML is text.

    Raises:
        HarnessError: it is no ``key.path=value``, names an experiment that the suite has not, or a key that only a file
            can give.
    """
    change = _parse(text, option)
    made = Override(f"{option} {as_typed(text, _SHOWN)}", change)
    for place in _FILES_OWN:
        if place in made.spelled:
            msg = (
                f"{made.option}: {spell(place)} cannot be set: what a suite inherits is read before. Write it in a file"
            )
            raise HarnessError(msg)
    experiments, changed = table.get("experiments"), change.get("experiments")
    if not (isinstance(experiments, dict) and isinstance(changed, dict)):
        experiments, changed = {}, {}  # what they are instead is told when the suite is checked
    for name in changed:
        if name not in experiments:
            template = name.partition("[")[0]
            above = experiments.get(template)
            grid = isinstance(above, dict) and "grid" in above and template != name
            what = f"It is one of a grid: set experiments.{_key([template])} for all of them" if grid else ""
            msg = f"{made.option}: there is no experiment {shown(name)}. {what or nearest(name, experiments)}"
            raise HarnessError(msg)
    return made


def overrides(
    table: dict[str, Any],
    *,
    assignments: Sequence[str],
    dataset: str | None,
    data_directory: Path | None,
    seeds: Sequence[int] | None,
) -> list[Override]:
    """Return what the options change of a suite's table, in the order in which they are put in.

    ``dataset`` replaces the table of the suite's but for its split.
    """
    found = []
    if dataset is not None:
        given = table.get("dataset")
        split = {"split": given["split"]} if isinstance(given, dict) and "split" in given else {}
        change = {"dataset": {"name": dataset} | split}
        found.append(Override(f"--dataset {as_typed(dataset, _SHOWN)}", change, ("dataset", "split")))
    if data_directory is not None:
        place = str(absolute(data_directory))
        found.append(Override(f"--data-dir {as_typed(data_directory)}", {"dataset": {"directory": place}}))
    found += [assignment(text, table) for text in assignments]
    if seeds is not None and isinstance(table.get("suite"), dict):
        numbers = ",".join(map(str, seeds))
        found.append(Override(f"--seeds {as_typed(numbers, _SHOWN)}", {"suite": {"seeds": list(seeds)}}))
    return found


def overridden(table: dict[str, Any], changes: Sequence[Override]) -> dict[str, Any]:
    """Return a table with the changes put in, key by key; a table that has a ``name`` replaces the old one whole.

    The old one is the file's. The options are merged with each other first, leaf by leaf: a name that one of them
    gives cancels no key that another gives, whichever was typed first.
    """
    merged: dict[str, Any] = {}
    for one in changes:
        merged = _merged(merged, one.change)
    return put(table, merged)


def _merged(earlier: dict[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return two options' changes as one; of one key, the later value holds."""
    result = dict(earlier)
    for key, value in later.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def maker(changes: Sequence[Override], place: Place) -> Override | None:
    """Return the option that made what stands at a place: the last that spells it, else the last around it."""
    makers = [one for one in reversed(changes) if one.made(place)]
    spelling = [one for one in makers if any(place[: len(key)] == key for key in one.spelled)]
    return next(iter([*spelling, *makers]), None)


def attributed(error: SuiteError, changes: Sequence[Override], table: Mapping[str, Any]) -> HarnessError:
    """Return an error with the option that made it in the file's place; as it is, if none did.

    ``table`` is the suite's own: what an option that gives a table a name took away is told as it was there.
    """
    option = maker(changes, error.place)
    if option is None:
        return error
    plain = tuple(part for part in error.place if isinstance(part, str))
    if plain in option.spelled and plain != ("dataset", "directory"):  # no key that --data-dir shows
        return HarnessError(f"{option.option}: {error.what}")
    what = error.what
    if what.startswith("is missing"):
        value = _at(table, error.place)
        given = "VALUE" if value is None else json.dumps(value, ensure_ascii=False)
        why = "" if value is None else ": a table that is given a name starts anew"
        what = f"{what.rstrip('.')}{why}. Add {command('--set', f'{_key(plain)}={given}')}"
    return HarnessError(f"{option.option}: {spell(error.place)}: {what}")


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


def _parse(text: str, option: str) -> dict[str, Any]:
    found = _ASSIGNMENT.fullmatch(text)
    typed = f"{option} {as_typed(text, _SHOWN)}"
    if found is None or not found[1].strip():
        msg = f"{typed}: not of the form key.path=value, as in experiments.M0.epochs=5"
        raise HarnessError(msg)
    key, value = found.groups()
    # A value that is no TOML is text, but for one that TOML has no room for.
    for content in (value, json.dumps(value)):
        try:
            change = parsed(f"{key} = {content}")
            check_extent(typed, change)
        except ValueError:
            continue
        else:
            return change
    msg = f"{typed}: {shown(key.strip())} is no TOML key. Quote a part with other than letters, digits, - and _"
    raise HarnessError(msg)

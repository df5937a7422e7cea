"""Suites that extend other suites."""

import os
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, shown
from harness.machine.paths import absolute
from harness.suite.problems import problem
from harness.suite.reading import put, read
from harness.suite.shipped import shipped

MOST_FILES = 50
"""The most files that extend one another; each is in memory."""


def lineage(path: Path, table: dict[str, Any] | None = None) -> list[tuple[Path, dict[str, Any]]]:
    """Return the complete tables of the suite files that a file extends, and its own as the last.

    ``table``: what is taken as the file's content instead of reading it.

    An ``[[expect]]`` gets the dataset of its file. ``inherit = false`` in ``[expectations]`` leaves out what the
    extended suites expect; a suite that extends this one does not inherit it.

    Raises:
        HarnessError: a file is missing, unreadable, not TOML, extends itself, or extends too many others.
    """
    return _lineage(path, read(path) if table is None else table, ())


def _lineage(path: Path, table: dict[str, Any], below: tuple[Path, ...]) -> list[tuple[Path, dict[str, Any]]]:
    about = table.get("suite")
    base = about.get("extends") if isinstance(about, dict) else None
    if not isinstance(base, str):  # a wrong type is refused with the suite's other values
        return [(path, _with_datasets(table))]
    if len(below) == MOST_FILES:
        raise problem(path, ("suite", "extends"), f"{shown(base)}: more than {MOST_FILES} files extend one another")
    place = path.parent / base
    if not os.path.isfile(place):  # noqa: PTH113 - as below
        place = shipped().get(base, place)
    try:
        below = (*below, absolute(path))
        circular = absolute(place) in below
    except HarnessError as error:
        raise problem(path, ("suite", "extends"), str(error)) from None
    if circular:
        raise problem(path, ("suite", "extends"), f"{shown(base)} extends this suite. Name another")
    try:
        above = _lineage(place, read(place), below)
    except HarnessError as error:
        if not os.path.isfile(place):  # of a path that no system takes, pathlib's raises  # noqa: PTH113
            raise problem(path, ("suite", "extends"), str(error)) from None
        raise
    inherited = above[-1][1]
    own = _with_datasets(table, inherited)
    return [*above, (path, _merge(inherited, own))]


def _merge(inherited: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if isinstance(inherited.get("expectations"), dict):
        kept = {key: value for key, value in inherited["expectations"].items() if key != "inherit"}
        inherited = inherited | {"expectations": kept}
    # A suite of one dataset may extend one of several, and the other way round.
    for key, other in (("dataset", "datasets"), ("datasets", "dataset")):
        if key in own and other not in own:
            inherited = {name: value for name, value in inherited.items() if name != other}
    merged = put(inherited, {key: value for key, value in own.items() if key != "expect"})
    expectations = own.get("expectations")
    takes_over = not isinstance(expectations, dict) or expectations.get("inherit") is not False
    lists = [table["expect"] for table in ((inherited, own) if takes_over else (own,)) if "expect" in table]
    if not takes_over and not lists:
        merged.pop("expect", None)
    if lists and all(isinstance(lines, list) for lines in lists):
        merged["expect"] = [line for lines in lists for line in lines]
    elif lists:
        merged["expect"] = lists[-1]
    return merged


def _with_datasets(table: dict[str, Any], inherited: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a file's table with the dataset of its figures, which a later option does not replace.

    Where there are several datasets, each figure has to name its own.
    """
    expect = table.get("expect")
    source = table if {"dataset", "datasets"} & table.keys() else inherited or {}
    if not isinstance(expect, list) or "datasets" in source:
        return table
    datasets = [each["dataset"] for each in (table, inherited or {}) if isinstance(each.get("dataset"), dict)]
    dataset = next((each["name"] for each in datasets if "name" in each), "digits")
    lines = [{"dataset": dataset} | line if isinstance(line, dict) and "value" in line else line for line in expect]
    return table | {"expect": lines}

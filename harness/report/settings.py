"""The experiments' full settings, with what differs from the defaults marked; and where the trials ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.figure import listed
from harness.report.reading import Material
from harness.report.sheets import Cell, Line, Sheet
from harness.suite.model_table import taken
from harness.suite.models import Experiment

_ELSEWHERE = {"group", "description"}
"""Settings that other tables of the page have."""


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted keys.

    >>> flat({"epochs": 5, "optimizer": {"name": "adam"}})
    {'epochs': 5, 'optimizer.name': 'adam'}
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def defaults() -> dict[str, Any]:
    """Return what the settings of an experiment are without a suite saying so; the network and optimizer have none."""
    fields = {name: field.default for name, field in Experiment.model_fields.items() if not field.is_required()}
    return flat({name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in fields.items()})


def sheets(material: Material) -> list[Sheet]:
    """Return two tables: what all experiments share, and, a line each, what they do not."""
    usual = defaults()
    settings = {experiment.name: flat(taken(experiment.first.settings)) for experiment in material.results.trained}
    keys = [key for key in dict.fromkeys(key for found in settings.values() for key in found) if key not in _ELSEWHERE]
    shared: list[str] = []
    own: list[str] = []
    for key in keys:
        values = [found.get(key) for found in settings.values()]
        (shared if all(value == values[0] for value in values) else own).append(key)
    first = next(iter(settings.values()))
    alike = [Line([Cell(key), _setting(key, first[key], usual), _cell(usual.get(key))], {}) for key in shared]
    lines = [
        Line([Cell(name), *(_setting(key, found.get(key), usual) for key in own)], {})
        for name, found in settings.items()
    ]
    headings = [("Experiment", False), *((key, False) for key in own)]
    found_sheets = [Sheet("settings", "What differs between experiments", headings, lines)] if own else []
    about = [("Setting", False), ("Value", False), ("Default", False)]
    return [*found_sheets, Sheet("shared-settings", "What all experiments share", about, alike)]


def environments(material: Material) -> list[Sheet]:
    """Return where trials ran, a column for each different environment, and which plugins took part."""
    places: dict[tuple[tuple[str, str], ...], list[str]] = {}
    components: dict[tuple[str, str], list[str]] = {}
    for row in (row for experiment in material.results.trained for row in experiment.done):
        places.setdefault(tuple(sorted(row.environment.items())), []).append(row.experiment)
        measured = row.evaluation.components if row.evaluation else {}
        for pair in (row.components | measured).items():
            components.setdefault(pair, []).append(row.experiment)
    if not places:
        return []
    facts = [dict(place) for place in places]
    keys = dict.fromkeys(key for place in facts for key in place)
    lines = [Line([Cell(key), *(_cell(place.get(key)) for place in facts)], {}) for key in keys]
    lines.insert(0, Line([Cell("trials"), *(Cell(str(len(names))) for names in places.values())], {}))
    columns = [("", False), *((listed(list(dict.fromkeys(names))), False) for names in places.values())]
    parts = [
        Line([Cell(key), Cell(plugin), Cell(str(len(names)))], {})
        for (key, plugin), names in sorted(components.items())
    ]
    about = [("Component", False), ("From", False), ("Trials", True)]
    return [
        Sheet("environments", "Where trials ran", columns, lines),
        Sheet("components", "Which plugins took part", about, parts),
    ]


def _setting(key: str, value: Any, usual: Mapping[str, Any]) -> Cell:
    differs = value is not None and (key not in usual or value != usual[key])
    return _cell(value, "set" if differs else "")


def _cell(value: Any, mark: str = "") -> Cell:
    return Cell(_text(value), "" if value is None else None, mark)


def _text(value: Any) -> str:
    """Return a value as a suite has it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)

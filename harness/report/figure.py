"""A figure of a report: one definition that a page draws and a file holds, with its data and its text alternative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from harness.report.rendering import tidied

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 460, 260
_VIEW = "choice"
"""The layer that has a selection."""
VALUES = "values"
"""The source that is a figure's frame."""


def _theme(ink: str, faint: str, line: str) -> dict[str, Any]:
    words = {"labelColor": faint, "titleColor": ink}
    return {
        "background": None,
        "font": "system-ui, 'Liberation Sans', Arial, sans-serif",
        "view": {"stroke": line},
        "axis": {
            **words,
            "gridColor": line,
            "domainColor": faint,
            "tickColor": faint,
            "titleFontWeight": 500,
            "labelFontSize": 11,
            "titleFontSize": 12,
        },
        "legend": {**words, "labelLimit": 220, "labelFontSize": 12},
        "title": {"color": ink, "subtitleColor": faint, "anchor": "start"},
        "rule": {"color": faint},
        "text": {"color": ink},
    }


THEMES = {"light": _theme("#1b1f24", "#57606a", "#d8dee4"), "dark": _theme("#e6edf3", "#9da7b3", "#353c45")}


@dataclass(frozen=True)
class Figure:
    """A figure. ``frame`` has the values that it shows; ``alternative`` says in words what one sees."""

    key: str
    """Names its file: ``"confusion-M0"``."""
    title: str
    alternative: str
    frame: pd.DataFrame
    chart: Mapping[str, Any]
    """The Vega-Lite specification, without data and looks: `layered`."""
    fluid: bool = True
    """Whether a page may give it another width."""
    note: str = ""
    beside: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """What else the chart draws, by the names of its sources: ``"stops"``, ``"glyphs"``."""

    def spec(self) -> dict[str, Any]:
        """Return the Vega-Lite specification."""
        data = {name: _lines(frame) for name, frame in ({VALUES: self.frame, **self.beside}).items()}
        found = tidied({**self.chart, "description": f"{self.title}. {self.alternative}", "datasets": data})
        return dict(found)

    def packed(self) -> dict[str, Any]:
        """Return the specification as a page holds it: the names of the data's columns once, not in every line."""
        spec = self.spec()
        return spec | {"datasets": {name: _packed(lines) for name, lines in spec["datasets"].items()}}


def source(name: str = VALUES) -> alt.NamedData:
    """Return what a chart says of its data: a name. A chart that held the values would copy them again and again."""
    import altair as alt

    return alt.NamedData(name)


def _lines(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a mapping for each line, numbers to six digits, none where there is none: more than anybody sees."""
    columns = [[_plain(value) for value in frame[name].tolist()] for name in frame.columns]
    return [dict(zip(frame.columns, line, strict=True)) for line in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if isfinite(value) else None


def _packed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return lines of data by columns; the page's script unpacks them.

    >>> _packed([{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    {'columns': ['a', 'b'], 'lines': [[1, 2], [3, 4]]}
    """
    return {"columns": list(lines[0]) if lines else [], "lines": [list(line.values()) for line in lines]}


def layered(*charts: Any, params: Sequence[Any] = (), width: int = _WIDTH, height: int = _HEIGHT) -> dict[str, Any]:
    """Return the Vega-Lite specification of one Altair chart, or of several as layers, with parameters.

    As `altair.layer` and then `add_params` and `properties` would have it: each of them copies every layer several
    times, which takes longer than all else of a page with hundreds of charts.
    """
    import altair as alt

    # Not validated: that takes longer than to draw it. Tests validate every figure.
    layers = [chart.to_dict(validate=False, context={"top_level": False}) for chart in charts]
    spec: dict[str, Any] = {"layer": layers} if len(layers) > 1 else layers[0]
    data = [layer["data"] for layer in layers if "data" in layer]
    if len(data) == len(layers) > 1 and all(each == data[0] for each in data):
        spec["data"] = data[0]
        for layer in layers:
            del layer["data"]
    if params:
        lifted = [param.param.to_dict() for param in params]
        if any("select" in param for param in lifted):  # its legend is that of the layer which it names
            layers[0]["name"] = _VIEW
        spec["params"] = [param | ({"views": [_VIEW]} if "select" in param else {}) for param in lifted]
    return spec | {"height": height, "width": width, "$schema": alt.SCHEMA_URL}


def unchecked() -> AbstractContextManager[None]:
    """Return a context in which Altair does not validate each part of a chart as it is made."""
    from altair.utils.schemapi import debug_mode

    return debug_mode(False)


def within(frame: pd.DataFrame, *, fractions: bool, **options: Any) -> Any:
    """Return the scale of an axis that ends at 100 % where a band of fractions would go beyond."""
    import altair as alt

    beyond = fractions and bool((frame[["mean", "high"]] > 1).any(axis=None))
    if beyond:
        options["domainMax"] = 1
    return alt.Scale(**options)


def chosen() -> tuple[Any, Any, Any]:
    """Return a parameter that the legend sets, and the opacities of lines and of bands that set experiments apart."""
    import altair as alt

    choice = alt.selection_point(fields=["experiment"], bind="legend")
    # Made as what they are: Altair takes longest to find out what a condition's mapping may mean.
    lines = alt.OpacityValue(0.12, condition={"param": choice.name, "value": 1.0})
    return choice, lines, alt.OpacityValue(0.02, condition={"param": choice.name, "value": 0.18})


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return some names as a title has them.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d"])
    ('a, b', 'a to d')
    """
    return ", ".join(names) if len(names) <= most else f"{names[0]} to {names[-1]}"

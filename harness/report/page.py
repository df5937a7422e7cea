"""The page: one file that needs nothing else, neither a network nor the run that it tells of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from harness.report import (
    calibration,
    confusion,
    curves,
    distribution,
    heading,
    heatmap,
    per_class,
    robustness,
    samples,
    settings,
    significance,
    speed,
)
from harness.report.figure import THEMES, Figure, unchecked
from harness.report.needs import needed
from harness.report.reading import CLOSER, Material
from harness.report.sheets import Sheet, choices, facets_of, sheet, trials
from harness.results.leaderboard import tables
from harness.results.leaderboard.notes import selection
from harness.results.verify.verdicts import tables as verdict_tables
from harness.results.verify.wording import spoken

_EAGER = 1500
"""A figure of fewer values is drawn as SVG, which a page can scale and read; of more, on a canvas, which is faster."""


@dataclass(frozen=True)
class Close:
    """What the page tells of one tested experiment's mistakes."""

    name: str
    figure: Figure
    pairs: list[confusion.Pair]
    recorded: bool
    classes: Sheet


def render(material: Material) -> str:
    """Return the page.

    Raises:
        HarnessError: a library of the extra ``report`` is missing.
    """
    template = templates().get_template("report.html.j2")
    with unchecked():
        return str(template.render(**_content(material)))


def figures(material: Material) -> list[Figure]:
    """Return every figure of a report, in the page's order."""
    parts = (
        significance.figures, curves.figures, curves.rates, confusion.figures, heatmap.figures, robustness.figures,
        calibration.figures, speed.figures, distribution.figures,
    )  # fmt: skip
    with unchecked():
        return [figure for part in parts for figure in part(material)]


def _content(material: Material) -> dict[str, Any]:
    """Return what the template shows."""
    by_key = {table.key: table for table in tables(material.results)}

    def shown(*keys: str) -> list[Sheet]:
        chosen = [table for key, table in by_key.items() if key in keys or key.split("-")[0] in keys]
        return [sheet(table, lambda line: facets_of(material.results.named[line["experiment"]])) for table in chosen]

    boards = [
        *shown("overview"),
        trials(material.results.experiments, material.results.rerun),
        *shown("validation", "test"),
    ]
    verdicts = [
        sheet(table, lambda line: {"verdict": [line["verdict"]]})
        for table in verdict_tables(material.verification, material.results.title, material.results.data)
    ]
    errors = sheet(by_key["test"], only=("experiment", "description", "test_ece", "test_ece_expected"))
    matrices = confusion.figures(material)
    close = [
        Close(tested.name, figure, confusion.pairs(material, tested), tested.recorded, classes)
        for tested, figure, classes in zip(material.closer, matrices, per_class.sheets(material), strict=True)
    ]
    note = f"The {CLOSER} most accurate of {material.tested} tested experiments." if material.tested > CLOSER else ""
    return {
        "title": material.run.suite.suite.name,
        "facts": heading.facts(material),
        "verdict": heading.verdict(material),
        "problems": material.problems,
        "boards": boards,
        "board_choices": choices(boards),
        "selection": selection(material.results),
        "significance": significance.parts(material),
        "curves": curves.figures(material),
        "rates": curves.rates(material),
        "close": close,
        "close_note": note,
        "noun": material.results.dataset.noun,
        "heatmap": heatmap.figures(material),
        "robustness": robustness.groups(material, robustness.figures(material)),
        "robustness_sheets": shown("corruption-errors", "degradations", "robust-accuracy"),
        "severity_sheets": shown("robustness"),
        "samples": samples.sheet(material),
        "attacked": samples.attacked(material),
        "calibration": calibration.figures(material),
        "ece": replace(errors, key="ece", title="Expected calibration error", note=calibration.NOTE),
        "speed": speed.figures(material),
        "speed_sheets": shown("speed"),
        "distribution": distribution.figures(material),
        "verdicts": verdicts,
        "verdict_choices": choices(verdicts),
        "judged": spoken(material.verification) if verdicts else "",
        "settings": settings.sheets(material),
        "command": heading.command(material),
        "environments": settings.environments(material),
        "themes": THEMES,
        "bundle": bundle(),
    }


def renderer(figure: Figure) -> str:
    """Return how a page draws a figure: ``"svg"`` or ``"canvas"``."""
    return "svg" if len(figure.frame) < _EAGER else "canvas"


@cache
def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which sets ``window.embedFigure``."""
    import vl_convert

    text: str = vl_convert.javascript_bundle("window.embedFigure = vegaEmbed;")
    return text.replace("</script", "<\\/script")


def templates() -> Any:
    """Return the environment of the templates, which escapes whatever they show."""
    needed("jinja2", "altair", "vl_convert", "PIL")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("harness.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["renderer"] = renderer
    environment.filters["joined"] = _joined
    environment.filters["breakable"] = _breakable
    return environment


def _joined(values: Sequence[str]) -> str:
    """Return a line's values of a facet, for the page's script: JSON, whatever is in them."""
    return _json(tuple(values))


@lru_cache(4096)
def _json(values: tuple[str, ...]) -> str:
    """Return that; thousands of lines have the same few values."""
    return json.dumps(values, ensure_ascii=False)


def _breakable(text: str) -> Any:
    """Return a name, escaped, that may be broken where a grid's settings begin: better there than in a word."""
    from markupsafe import Markup, escape

    escaped = str(escape(text))
    return Markup(escaped.replace("[", "[<wbr>").replace(",", ",<wbr>"))  # noqa: S704 - escaped above

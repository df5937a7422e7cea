"""The page of runs of several datasets: how experiments compare over them, and a link to each dataset's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.report import critical_difference
from harness.report.figure import THEMES, Figure
from harness.report.intervals import title
from harness.report.page import bundle, templates
from harness.report.sheets import Sheet, sheet
from harness.results.datasets import Compared, SeveralResults, compared, tables
from harness.text import counted


@dataclass(frozen=True)
class Part:
    """What is known over datasets in one metric."""

    title: str
    figures: list[Figure]
    values: Sheet
    more: list[Sheet]


def render_datasets(several: SeveralResults, links: Mapping[str, str]) -> str:
    """Return the page; ``links``: where each dataset's own page is, relative to this one.

    Raises:
        HarnessError: a library of the extra ``report`` is missing.
    """
    template = templates().get_template("datasets.html.j2")
    by_key = {table.key: table for table in tables(several)}
    every = [comparison for comparison in compared(several) if comparison.tested]
    parts = [
        Part(
            title(comparison.ranking),
            _figures(comparison),
            sheet(by_key[f"datasets-{comparison.key}"]),
            [sheet(by_key[f"ranks-{comparison.key}"]), sheet(by_key[f"pairs-{comparison.key}"])],
        )
        for comparison in every
    ]
    content: dict[str, Any] = {
        "title": several.title,
        "verdict": verdict(every),
        "facts": _facts(several),
        "parts_over": parts,
        "tests": sheet(by_key["tests"]) if every else None,
        "datasets": [_dataset(several, label, links) for label in several.labels],
        "themes": THEMES,
        "bundle": bundle(),
    }
    return str(template.render(**content))


def datasets_figures(several: SeveralResults) -> list[Figure]:
    """Return the figures of the page."""
    return [figure for comparison in compared(several) if comparison.tested for figure in _figures(comparison)]


def verdict_over(several: SeveralResults) -> str:
    """Return the first sentence of the page."""
    return verdict([comparison for comparison in compared(several) if comparison.tested])


def verdict(every: list[Compared]) -> str:
    """Return the page's first sentence: who has the best mean rank by accuracy, and whether it means anything."""
    first = next((comparison for comparison in every if comparison.over and len(comparison.ranked) > 1), None)
    if first is None or first.over is None:
        return "No two experiments are tested on a dataset yet"
    means = sorted(first.over.mean_ranks.tolist())
    best = [name for name in first.ranked if first.over.mean_ranks[first.ranked.index(name)] == means[0]]
    names = " and ".join(best) if len(best) < 3 else f"{len(best)} experiments"
    where = counted(len(first.counting), "dataset")
    text = f"{names} {'has' if len(best) == 1 else 'have'} the best mean rank by {first.ranking.title}, "
    text += f"{means[0]:.2f} of {len(first.ranked)} over {where}"
    test = first.over.friedman
    if test is None:
        return text
    finding = "differences" if test.significant else "no difference"
    return f"{text}; Friedman's test finds {finding} (p = {test.decisive_p:.2g})"


def _figures(comparison: Compared) -> list[Figure]:
    diagram = critical_difference.figure(comparison)
    return [diagram] if diagram else []


def _facts(several: SeveralResults) -> list[tuple[str, str]]:
    trials = sum(results.counts["planned"] for results in several.results.values())
    done = sum(results.counts["done"] for results in several.results.values())
    seeds = sorted({row.seed for results in several.results.values() for row in results.rows})
    return [
        ("Datasets", f"{len(several.results)} of {len(several.labels)} have results"),
        ("Trials", f"{done:,} of {trials:,} done"),
        ("Seeds", ", ".join(map(str, seeds[:20])) + (", …" if len(seeds) > 20 else "") or "none"),
    ]


def _dataset(several: SeveralResults, label: str, links: Mapping[str, str]) -> dict[str, str]:
    results = several.results.get(label)
    if results is None:
        return {"label": label, "link": "", "about": several.missing[label]}
    counts = results.counts
    about = f"{results.data}; {counts['done']} of {counted(counts['planned'], 'trial')} done, {counts['tested']} tested"
    return {"label": label, "link": links.get(label, ""), "about": about}

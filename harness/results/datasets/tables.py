"""The tables over datasets: values and mean ranks, ranks on each, pairs, tests; and each dataset's tables."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

from harness.metrics.over_datasets import OverDatasets, PairOverDatasets
from harness.metrics.ranking import tie_letters
from harness.metrics.statistic import Kind
from harness.results.datasets import notes
from harness.results.datasets.compared import Compared, compared
from harness.results.datasets.several import SeveralResults
from harness.results.leaderboard import differences
from harness.results.leaderboard import tables as tables_of_run
from harness.results.tables.model import Column, Estimate, Table
from harness.results.tables.notes import SPREAD, brief

_BRIEF = ("datasets", "tests", "overview")
"""What the keys of the tables that a terminal shows begin with, or end with behind a dataset's label."""
_LETTERED = 26


def tables(several: SeveralResults, *, detailed: bool = False) -> list[Table]:
    """Return the tables over datasets, then those of each dataset, whose keys begin with its label.

    ``detailed``: those too that have a line for each pair of experiments of a dataset.
    """
    every = [comparison for comparison in compared(several) if comparison.tested]
    return [
        *(_values(several, comparison) for comparison in every),
        *([_tests(several, every)] if every else []),
        *(_ranks(several, comparison) for comparison in every),
        *(_pairs(several, comparison) for comparison in every),
        *(
            of_dataset(label, table)
            for label, results in several.results.items()
            for table in [*tables_of_run(results), *(differences(results) if detailed else ())]
        ),
    ]


def of_dataset(label: str, table: Table) -> Table:
    """Return a table of one dataset's run, named for it."""
    return replace(table, key=f"{label}/{table.key}", title=f"{label} · {table.title}")


def in_brief(key: str) -> bool:
    """Return whether a terminal shows a table unless others are chosen."""
    return key.partition("-")[0] in _BRIEF or key.rpartition("/")[2] == _BRIEF[-1]


def _values(several: SeveralResults, comparison: Compared) -> Table:
    """Return a line for each contender, by mean rank: its value on each dataset, its mean rank and its win rate."""
    ranking, over = comparison.ranking, comparison.over
    columns = [
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=1),
        *(Column(f"value_{label}", label, ranking.metric.kind) for label in comparison.labels),
        Column("mean_rank", "Mean rank", Kind.real),
        Column("win_rate", "Wins %", Kind.percent),
        Column("datasets", "Datasets"),
        Column("letters", "Letters"),
    ]
    places = {name: at for at, name in enumerate(comparison.ranked)}
    letters = _letters(comparison)
    lines = []
    for name in comparison.order:
        values = {label: comparison.values.get(label, {}).get(name) for label in comparison.labels}
        at = places.get(name)
        wins = comparison.wins(name)
        line: dict[str, Any] = {f"value_{label}": value for label, value in values.items()}
        line |= {
            "experiment": name,
            "group": several.group(name),
            "mean_rank": None
            if at is None or not over
            else Estimate.of(over.mean_ranks[at], over.low[at], over.high[at]),
            "win_rate": Estimate.of(*wins) if wins else None,
            "datasets": f"{len(comparison.where(name))} of {len(comparison.labels)}",
            "letters": letters.get(name),
        }
        lines.append(line)
    if not any(line["group"] for line in lines):
        columns.pop(1)
    if not letters:
        columns.pop()

    def noted(part: Table) -> str:
        compares = over is not None and len(comparison.ranked) > 1
        return brief(
            *notes.missing_datasets(several),
            *notes.without_tests(several, comparison),
            *notes.not_ranked(comparison),
            *notes.tests(comparison),
            signs=[
                *(text for key, text in notes.MEANING.items() if compares and part.has(key)),
                notes.INTERVALS if _intervals(part) else "",
                notes.LETTERS if part.has("letters") else "",
                SPREAD if part.spread else "",
            ],
        )

    title = _title(several, comparison, " on each dataset and over them")
    return Table.explained(f"datasets-{comparison.key}", title, columns, lines, noted)


def _intervals(part: Table) -> bool:
    return any(isinstance(cell, Estimate) and cell.low is not None for cell in part.cells)


def _letters(comparison: Compared) -> dict[str, str]:
    """Return letters that the ranked share if and only if they do not differ; none where nothing tests them."""
    over = comparison.over
    if over is None or over.critical is None or len(comparison.ranked) > _LETTERED:
        return {}
    order = [comparison.ranked.index(name) for name in comparison.order if name in comparison.ranked]
    return dict(zip(comparison.ranked, tie_letters(order, over.differ), strict=True))


def _ranks(several: SeveralResults, comparison: Compared) -> Table:
    """Return each ranked contender's rank on each dataset that counts."""
    columns = [Column("experiment", "Experiment")]
    columns += [Column(f"rank_{label}", label, Kind.real) for label in comparison.counting]
    columns.append(Column("mean_rank", "Mean rank", Kind.real))
    lines = []
    for name in comparison.order[: len(comparison.ranked)]:
        at = comparison.ranked.index(name)
        line: dict[str, Any] = {"experiment": name}
        if comparison.over:
            ranks = comparison.over.ranks[:, at].tolist()
            line |= {f"rank_{label}": rank for label, rank in zip(comparison.counting, ranks, strict=True)}
            line["mean_rank"] = float(comparison.over.mean_ranks[at])
        lines.append(line)
    note = brief(*notes.not_ranked(comparison), "Equal values share the mean of their ranks.")
    return Table(
        f"ranks-{comparison.key}", _title(several, comparison, ", ranks on each dataset"), columns, lines, note
    )


def _pairs(several: SeveralResults, comparison: Compared) -> Table:
    """Return a line for each pair of ranked contenders."""
    columns = [
        Column("first", "Experiment", names=True),
        Column("second", "Against", names=True),
        Column("wins", "Wins", Kind.number),
        Column("ties", "Ties", Kind.number),
        Column("losses", "Losses", Kind.number),
        Column("win_rate", "Wins %", Kind.percent),
        Column("mean_rank_difference", "Mean rank diff.", Kind.relative, minor=1),
        Column("p", "p", Kind.real, minor=2),
        Column("p_holm", "p (Holm)", Kind.real),
        Column("p_nemenyi", "p (Nemenyi)", Kind.real),
    ]
    lines = (
        [_pair(comparison.ranked, comparison.over, pair) for pair in comparison.over.pairs] if comparison.over else []
    )

    def noted(part: Table) -> str:
        tested = part.has("p", "p_holm", "p_nemenyi")
        return brief(
            *notes.too_few(comparison),
            signs=[notes.INTERVALS if _intervals(part) else "", notes.PAIRS if tested else ""],
        )

    title = _title(several, comparison, ", pairs over datasets")
    return Table.explained(f"pairs-{comparison.key}", title, columns, lines, noted)


def _pair(names: list[str], over: OverDatasets, pair: PairOverDatasets) -> dict[str, Any]:
    return {
        "first": names[pair.first],
        "second": names[pair.second],
        "wins": pair.wins,
        "ties": pair.ties,
        "losses": pair.losses,
        "win_rate": Estimate.of(pair.win_rate, pair.low, pair.high),
        "mean_rank_difference": float(over.mean_ranks[pair.first] - over.mean_ranks[pair.second]),
        "p": pair.p,
        "p_holm": pair.p_holm,
        "p_nemenyi": None if over.critical is None else pair.nemenyi_p,
    }


def _tests(several: SeveralResults, every: list[Compared]) -> Table:
    """Return Friedman's test and Nemenyi's critical difference in each ranking."""
    columns = [
        Column("metric", "Metric"),
        Column("datasets", "Datasets", Kind.number),
        Column("experiments", "Experiments", Kind.number),
        Column("friedman_chi2", "Friedman χ²", Kind.real),
        Column("friedman_p", "p", Kind.real),
        Column("f", "F", Kind.real),
        Column("f_degrees", "df"),
        Column("f_p", "p of F", Kind.real),
        Column("exact_p", "Exact p", Kind.real),
        Column("critical_difference", "Critical difference", Kind.real),
    ]
    lines = []
    for comparison in every:
        over, test = comparison.over, comparison.over.friedman if comparison.over else None
        lines.append(
            {
                "metric": comparison.key,
                "datasets": len(comparison.counting),
                "experiments": len(comparison.ranked),
                "friedman_chi2": test.chi2 if test else None,
                "friedman_p": test.p if test else None,
                "f": test.f if test and isfinite(test.f) else None,
                "f_degrees": f"{test.degrees[0]}, {test.degrees[1]}" if test else None,
                "f_p": test.f_p if test and isfinite(test.f) else None,
                "exact_p": test.exact_p if test else None,
                "critical_difference": over.critical if over else None,
            }
        )
    note = brief(*notes.too_few(every[0]), signs=[notes.TESTS])
    return Table("tests", f"{several.title} · tests over datasets", columns, lines, note)


def _title(several: SeveralResults, comparison: Compared, what: str) -> str:
    of = len(comparison.labels)
    counting = (
        f"{len(comparison.ranked)} of {len(comparison.tested)} ranked, {len(comparison.counting)} of {of} datasets"
    )
    return f"{several.title} · {comparison.ranking.title}{what} · {counting}"

"""The tables over datasets: values and mean ranks, ranks on each, pairs, tests; and each dataset's tables."""

from __future__ import annotations

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
from harness.results.tables.notes import brief

_BRIEF = ("datasets", "tests", "overview")
"""What the keys of the tables that a terminal shows begin with, or end with behind a dataset's label."""
_LETTERED = 26


def tables(several: SeveralResults, *, detailed: bool = False) -> list[Table]:
    """Return the tables over datasets, then those of each dataset, whose keys begin with its label.

    ``detailed``: those too that have a line for each pair of experiments of a dataset.
    """
    every = [one for one in compared(several) if one.tested]
    return [
        *(_values(several, one) for one in every),
        *([_tests(several, every)] if every else []),
        *(_ranks(several, one) for one in every),
        *(_pairs(several, one) for one in every),
        *(
            of_dataset(label, table)
            for label, results in several.results.items()
            for table in [*tables_of_run(results), *(differences(results) if detailed else ())]
        ),
    ]


def of_dataset(label: str, table: Table) -> Table:
    """Return a table of one dataset's run, named for it."""
    return Table(f"{label}/{table.key}", f"{label} · {table.title}", table.columns, table.lines, table.note)


def in_brief(key: str) -> bool:
    """Return whether a terminal shows a table unless others are chosen."""
    return key.partition("-")[0] in _BRIEF or key.rpartition("/")[2] == _BRIEF[-1]


def _values(several: SeveralResults, one: Compared) -> Table:
    """Return a line for each contender, by mean rank: its value on each dataset, its mean rank and its win rate."""
    ranking, found = one.ranking, one.over
    columns = [
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        *(Column(f"value_{label}", label, ranking.metric.kind) for label in one.labels),
        Column("mean_rank", "Mean rank", Kind.real),
        Column("win_rate", "Wins %", Kind.percent),
        Column("datasets", "Datasets"),
        Column("letters", "Letters", minor=1),
    ]
    places = {name: at for at, name in enumerate(one.ranked)}
    letters = _letters(one)
    lines = []
    for name in one.order:
        values = {label: one.values.get(label, {}).get(name) for label in one.labels}
        at = places.get(name)
        wins = one.wins(name)
        line: dict[str, Any] = {f"value_{label}": value for label, value in values.items()}
        line |= {
            "experiment": name,
            "group": several.group(name),
            "mean_rank": None
            if at is None or not found
            else Estimate.of(found.mean_ranks[at], found.low[at], found.high[at]),
            "win_rate": Estimate.of(*wins) if wins else None,
            "datasets": f"{len(one.where(name))} of {len(one.labels)}",
            "letters": letters.get(name),
        }
        lines.append(line)
    if not any(line["group"] for line in lines):
        columns.pop(1)
    if not letters:
        columns.pop()
    note = brief(
        *notes.missing_datasets(several),
        *notes.not_ranked(one),
        *notes.tests(one),
        notes.MEANING if found and len(one.ranked) > 1 else "",
        notes.LETTERS if letters else "",
    )
    return Table(f"datasets-{one.key}", _title(several, one, " on each dataset and over them"), columns, lines, note)


def _letters(one: Compared) -> dict[str, str]:
    """Return letters that the ranked share if and only if they do not differ; none where nothing tests them."""
    found = one.over
    if found is None or found.critical is None or len(one.ranked) > _LETTERED:
        return {}
    order = [one.ranked.index(name) for name in one.order if name in one.ranked]
    return dict(zip(one.ranked, tie_letters(order, found.differ), strict=True))


def _ranks(several: SeveralResults, one: Compared) -> Table:
    """Return each ranked contender's rank on each dataset that counts."""
    columns = [Column("experiment", "Experiment")]
    columns += [Column(f"rank_{label}", label, Kind.real) for label in one.counting]
    columns.append(Column("mean_rank", "Mean rank", Kind.real))
    lines = []
    for name in one.order[: len(one.ranked)]:
        at = one.ranked.index(name)
        line: dict[str, Any] = {"experiment": name}
        if one.over:
            ranks = one.over.ranks[:, at].tolist()
            line |= {f"rank_{label}": rank for label, rank in zip(one.counting, ranks, strict=True)}
            line["mean_rank"] = float(one.over.mean_ranks[at])
        lines.append(line)
    note = brief(*notes.not_ranked(one), "Equal values share the mean of their ranks.")
    return Table(f"ranks-{one.key}", _title(several, one, ", ranks on each dataset"), columns, lines, note)


def _pairs(several: SeveralResults, one: Compared) -> Table:
    """Return a line for each pair of ranked contenders."""
    columns = [
        Column("first", "Experiment"),
        Column("second", "Against"),
        Column("wins", "Wins", Kind.number),
        Column("ties", "Ties", Kind.number),
        Column("losses", "Losses", Kind.number),
        Column("win_rate", "Wins %", Kind.percent),
        Column("mean_rank_difference", "Mean rank diff.", Kind.relative, minor=1),
        Column("p", "p", Kind.real, minor=2),
        Column("p_holm", "p (Holm)", Kind.real),
        Column("p_nemenyi", "p (Nemenyi)", Kind.real),
    ]
    lines = [_pair(one.ranked, one.over, pair) for pair in one.over.pairs] if one.over else []
    note = brief(*notes.too_few(one), notes.PAIRS)
    return Table(f"pairs-{one.key}", _title(several, one, ", pairs over datasets"), columns, lines, note)


def _pair(names: list[str], found: OverDatasets, pair: PairOverDatasets) -> dict[str, Any]:
    return {
        "first": names[pair.first],
        "second": names[pair.second],
        "wins": pair.wins,
        "ties": pair.ties,
        "losses": pair.losses,
        "win_rate": Estimate.of(pair.win_rate, pair.low, pair.high),
        "mean_rank_difference": float(found.mean_ranks[pair.first] - found.mean_ranks[pair.second]),
        "p": pair.p,
        "p_holm": pair.p_holm,
        "p_nemenyi": None if found.critical is None else pair.nemenyi_p,
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
        Column("critical_difference", "Critical difference", Kind.real),
    ]
    lines = []
    for one in every:
        found, test = one.over, one.over.friedman if one.over else None
        lines.append(
            {
                "metric": one.key,
                "datasets": len(one.counting),
                "experiments": len(one.ranked),
                "friedman_chi2": test.chi2 if test else None,
                "friedman_p": test.p if test else None,
                "f": test.f if test else None,
                "f_degrees": f"{test.degrees[0]}, {test.degrees[1]}" if test else None,
                "f_p": test.f_p if test else None,
                "critical_difference": found.critical if found else None,
            }
        )
    note = brief(*notes.too_few(every[0]), notes.TESTS)
    return Table("tests", f"{several.title} · tests over datasets", columns, lines, note)


def _title(several: SeveralResults, one: Compared, what: str) -> str:
    of = len(one.labels)
    counting = f"{len(one.counting)} of {of} datasets"
    return f"{several.title} · {one.ranking.title}{what} · {len(one.ranked)} of {len(one.tested)} ranked, {counting}"

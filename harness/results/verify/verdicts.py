"""The verdicts on a run as tables, one for each unit: accuracies in percent, losses in nats, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.units import UNITS, Unit, under
from harness.results.tables.model import Column, Marked, Table
from harness.results.tables.notes import SPREAD, brief
from harness.results.verify.evidence import note as missing_note
from harness.results.verify.verification import JudgedClaim, JudgedFigure, Verdict, Verification
from harness.results.verify.wording import data_of
from harness.text import uneven_seeds


def only_missed(verification: Verification) -> Verification:
    """Return what is missed of a verification."""
    return Verification(
        [figure for figure in verification.figures if figure.verdict is Verdict.missed],
        [claim for claim in verification.claims if claim.verdict is Verdict.missed],
        verification.seeds,
    )


def tables(verification: Verification, title: str, dataset: str) -> list[Table]:
    """Return the tables of figures, then those of relations; a suite that expects nothing has none."""
    about = f"{title} · {dataset}"
    found = []
    for unit in UNITS:
        figures = [figure for figure in verification.figures if CATALOGUE[figure.expected.metric].unit is unit]
        if figures:
            found.append(_figures(f"figures-{unit.key}", f"Figures · {about} · {unit.name}", unit, figures))
    for unit in UNITS:
        claims = [claim for claim in verification.claims if CATALOGUE[claim.expected.relation.left.metric].unit is unit]
        if claims:
            named = _named(claims)
            uneven = uneven_seeds({name: seeds for name, seeds in verification.seeds.items() if name in named})
            found.append(_claims(f"relations-{unit.key}", f"Relations · {about} · {unit.name}", unit, claims, uneven))
    return found


def applicable(found: Sequence[Table]) -> list[str]:
    """Return the keys of the tables that judge anything: not those of figures of other data alone."""
    return [table.key for table in found if set(table.values("verdict")) != {Verdict.not_comparable.value}]


def _named(claims: Sequence[JudgedClaim]) -> set[str]:
    return {term.experiment for claim in claims for term in claim.expected.relation.terms}


def _figures(key: str, title: str, unit: Unit, judged: Sequence[JudgedFigure]) -> Table:
    columns = [
        Column("source", "Source"),
        Column("experiment", "Experiment", names=True),
        Column("metric", "Metric", names=True),
        Column("expected", "Expected", unit.value),
        Column("got", "Got", unit.value),
        Column("difference", "Δ", unit.change),
        Column("tolerance", "Tolerance", unit.value),
        Column("verdict", "Verdict"),
    ]
    lines: list[dict[str, Any]] = []
    for judgement in judged:
        expected = judgement.expected
        minus = f" - {expected.minus}" if expected.minus else ""
        lines.append(
            {
                "source": expected.source,
                "experiment": f"{expected.experiment}{minus}",
                "metric": expected.metric + under(expected.condition),
                "expected": expected.value,
                "got": judgement.got,
                "difference": judgement.difference,
                "tolerance": expected.tolerance,
                "verdict": judgement.verdict.value,
            }
        )
    return Table.explained(key, title, columns, lines, lambda part: _note(judged, part))


def _claims(key: str, title: str, unit: Unit, judged: Sequence[JudgedClaim], uneven: str) -> Table:
    columns = [
        Column("relation", "Relation"),
        Column("left", "Left", unit.value),
        Column("right", "Right", unit.value),
        Column("margin", "Δ", unit.change),
        Column("verdict", "Verdict"),
        Column("source", "Source", minor=1),
    ]
    lines: list[dict[str, Any]] = [
        {
            "relation": f"{judgement.expected.relation}{under(judgement.expected.condition)}",
            "left": judgement.left,
            "right": judgement.right,
            "margin": judgement.margin
            and Marked(judgement.margin, judgement.interval, None, p=_p(judgement), p_holm=_p_holm(judgement)),
            "verdict": judgement.verdict.value,
            "source": judgement.expected.source,
        }
        for judgement in judged
    ]
    return Table.explained(
        key, title, columns, lines, lambda part: brief(_missing(judged), uneven, *_chance(judged, part))
    )


def _chance(judged: Sequence[JudgedClaim], part: Table) -> list[str]:
    """Say what ± and intervals are, what is undecided, and how many relations the values alone decided."""
    parts = []
    if (count := sum(judgement.by_values for judgement in judged)) and part.has("verdict"):
        parts.append(f"{count} decided by the values alone, because one seed has no known variance.")
    if Verdict.undecided.value in part.cells:
        parts.append("Undecided: not significant (5 %, Holm) at these seeds and test rows.")
    if any(isinstance(cell, Marked) and cell.interval for cell in part.cells):
        parts.append("[low, high]: 95 % CI.")
    return [*parts, SPREAD if part.spread else ""]


def _p(claim: JudgedClaim) -> float | None:
    return claim.pair.p if claim.pair else None


def _p_holm(claim: JudgedClaim) -> float | None:
    return claim.pair.p_holm if claim.pair else None


def _note(judged: Sequence[JudgedFigure], part: Table) -> str:
    """Say what ± is, and of which data the figures are that the run is not comparable with."""
    foreign = [judgement for judgement in judged if judgement.verdict is Verdict.not_comparable]
    other = f"Not comparable: figures of {data_of(foreign)}." if foreign and part.has("verdict") else ""
    return brief(_missing(judged), other, SPREAD if part.spread else "")


def _missing(judged: Sequence[JudgedFigure | JudgedClaim]) -> str:
    """Name what the expectations without a verdict lack."""
    lacking = [judgement for judgement in judged if judgement.verdict in {Verdict.incomplete, Verdict.not_run}]
    return missing_note(lack for judgement in lacking for lack in judgement.missing)

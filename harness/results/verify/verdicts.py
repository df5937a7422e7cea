"""The verdicts on a run as tables, one for each unit: accuracies in percent, losses in nats, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.units import UNITS, Unit, under
from harness.results.tables.model import Column, Marked, Table
from harness.results.tables.notes import brief
from harness.results.verify.evidence import note as missing_note
from harness.results.verify.verification import JudgedClaim, JudgedFigure, Verdict, Verification
from harness.text import some, uneven_seeds


def only_missed(verification: Verification) -> Verification:
    """Return what is missed of a verification."""
    return Verification(
        [one for one in verification.figures if one.verdict is Verdict.missed],
        [one for one in verification.claims if one.verdict is Verdict.missed],
        verification.seeds,
    )


def tables(verification: Verification, title: str, dataset: str) -> list[Table]:
    """Return the tables of figures, then those of relations; a suite that expects nothing has none."""
    about = f"{title} · {dataset}"
    found = []
    for unit in UNITS:
        figures = [one for one in verification.figures if CATALOGUE[one.expected.metric].unit is unit]
        if figures:
            found.append(_figures(f"figures-{unit.key}", f"Figures · {about} · {unit.name}", unit, figures))
    for unit in UNITS:
        claims = [one for one in verification.claims if CATALOGUE[one.expected.relation.left.metric].unit is unit]
        if claims:
            named = _named(claims)
            uneven = uneven_seeds({name: seeds for name, seeds in verification.seeds.items() if name in named})
            found.append(_claims(f"relations-{unit.key}", f"Relations · {about} · {unit.name}", unit, claims, uneven))
    return found


def _named(claims: Sequence[JudgedClaim]) -> set[str]:
    return {term.experiment for one in claims for term in one.expected.relation.terms}


def _figures(key: str, title: str, unit: Unit, judged: Sequence[JudgedFigure]) -> Table:
    columns = [
        Column("source", "Source"),
        Column("experiment", "Experiment"),
        Column("metric", "Metric"),
        Column("expected", "Expected", unit.value),
        Column("got", "Got", unit.value),
        Column("difference", "Δ", unit.change),
        Column("tolerance", "Tolerance", unit.value),
        Column("verdict", "Verdict"),
    ]
    lines: list[dict[str, Any]] = []
    for one in judged:
        expected = one.expected
        minus = f" - {expected.minus}" if expected.minus else ""
        lines.append(
            {
                "source": expected.source,
                "experiment": f"{expected.experiment}{minus}",
                "metric": expected.metric + under(expected.condition),
                "expected": expected.value,
                "got": one.got,
                "difference": one.difference,
                "tolerance": expected.tolerance,
                "verdict": one.verdict.value,
            }
        )
    return Table(key, title, columns, lines, _note(judged))


def _claims(key: str, title: str, unit: Unit, judged: Sequence[JudgedClaim], uneven: str) -> Table:
    columns = [
        Column("relation", "Relation"),
        Column("left", "Left", unit.value),
        Column("right", "Right", unit.value),
        Column("margin", "Δ", unit.change),
        Column("verdict", "Verdict"),
        Column("source", "Source"),
    ]
    lines: list[dict[str, Any]] = [
        {
            "relation": f"{one.expected.relation}{under(one.expected.condition)}",
            "left": one.left,
            "right": one.right,
            "margin": one.margin and Marked(one.margin, one.interval, None, p=_p(one), p_holm=_p_holm(one)),
            "verdict": one.verdict.value,
            "source": one.expected.source,
        }
        for one in judged
    ]
    return Table(key, title, columns, lines, brief(_missing(judged), uneven, *_chance(judged)))


def _chance(judged: Sequence[JudgedClaim]) -> list[str]:
    """Say what ± and intervals are, what is undecided, and how many relations the values alone decided."""
    parts = []
    if count := sum(one.by_values for one in judged):
        parts.append(f"{count} decided by the values alone, because one seed has no known variance.")
    if any(one.verdict is Verdict.undecided for one in judged):
        parts.append("Undecided: not significant (5 %, Holm) at these seeds and test rows.")
    if any(one.interval for one in judged):
        parts.append("[low, high]: 95 % CI.")
    return [*parts, "±: SD over seeds." if any(_spread(one) for one in judged) else ""]


def _p(one: JudgedClaim) -> float | None:
    return one.pair.p if one.pair else None


def _p_holm(one: JudgedClaim) -> float | None:
    return one.pair.p_holm if one.pair else None


def _spread(one: JudgedClaim) -> bool:
    return any(side is not None and side.std is not None for side in (one.left, one.right))


def _note(judged: Sequence[JudgedFigure]) -> str:
    """Say what ± is, and of which data the figures are that the run is not comparable with."""
    foreign = [one.expected for one in judged if one.verdict is Verdict.not_comparable]
    named = dict.fromkeys(f"{one.dataset}{f', {one.images:,} images' if one.images else ''}" for one in foreign)
    spread = any(one.got is not None and one.got.std is not None for one in judged)
    other = f"Not comparable: figures of {some(list(named), between='; ')}." if named else ""
    return brief(_missing(judged), other, "±: SD over seeds." if spread else "")


def _missing(judged: Sequence[JudgedFigure | JudgedClaim]) -> str:
    """Name what the expectations without a verdict lack."""
    lacking = [one for one in judged if one.verdict in {Verdict.incomplete, Verdict.not_run}]
    return missing_note(lack for one in lacking for lack in one.missing)

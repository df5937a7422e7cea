"""A verification in a sentence, and the data that a suite's figures were measured on."""

from collections.abc import Mapping, Sequence

from harness.results.verify.verification import JudgedFigure, Verdict, Verification
from harness.text import counted, some


def spoken(verification: Verification) -> str:
    """Return the verdicts in a sentence.

    Where the suite has figures of other data than the run's, it says so first: what does not hold here is a result
    about these data, not a failure.
    ``of what the suite expects on emnist-bymerge, 809,555 images, 32 of 103 relations hold here, 10 do not, 61 are
    undecided; 87 figures do not apply``
    """
    counts, foreign = verification.counts, verification.foreign
    counts[Verdict.not_comparable] -= len(foreign)
    if foreign:
        return _elsewhere(verification, counts)
    others = [f"{count} {verdict.value}" for verdict, count in counts.items() if count and verdict is not Verdict.met]
    return ", ".join([f"{counts[Verdict.met]} of {counted(sum(counts.values()), 'expectation')} met", *others])


def _elsewhere(verification: Verification, counts: Mapping[Verdict, int]) -> str:
    foreign, total = verification.foreign, sum(counts.values())
    figures = counted(len(foreign), "figure")
    apply = f"{figures} {'does' if len(foreign) == 1 else 'do'} not apply"
    source = f"of what the suite expects on {data_of(foreign)}, "
    if not total:
        return source + apply
    noun = "relation" if total == len(verification.claims) else "expectation"
    verbs = {Verdict.met: ("holds here", "hold here"), Verdict.missed: ("does not", "do not")}
    parts = [f"{counts[Verdict.met]} of {counted(total, noun)} {verbs[Verdict.met][total > 1]}"]
    for verdict, count in counts.items():
        if count and verdict is not Verdict.met:
            alone, several = verbs.get(verdict, (f"is {verdict.value}", f"are {verdict.value}"))
            parts.append(f"{count} {alone if count == 1 else several}")
    return f"{source}{', '.join(parts)}; {apply}"


def data_of(judged: Sequence[JudgedFigure]) -> str:
    """Return the data that figures were measured on: ``"emnist-bymerge, 809,555 images"``."""
    expected = [judgement.expected for judgement in judged]
    named = dict.fromkeys(
        f"{figure.dataset}{f', {figure.images:,} images' if figure.images else ''}" for figure in expected
    )
    return some(list(named), between="; ")

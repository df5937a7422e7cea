"""The documents of ``verify`` and ``compare``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from harness.api import columns
from harness.api.judging import Comparison as Shown
from harness.cli.documents.document import Document, Lines, Number, Part, TableDocument, Text, lines, lines_of
from harness.cli.documents.running import Expectations, Texts
from harness.metrics.catalogue import CATALOGUE
from harness.results.compare import Comparison, Limit, undecided, violations
from harness.results.compare.tables import spoken
from harness.results.tables import by_key

if TYPE_CHECKING:
    from harness.results.results import Results
    from harness.results.tables import Table

Verdict = Literal["kept", "broken", "undecided"]


def table_documents(tables: Iterable[Table]) -> dict[str, TableDocument]:
    """Return tables by their keys."""
    return {key: TableDocument(**content) for key, content in by_key(tables).items()}


class VerifiedRun(Part):
    """The verdicts on a run: of a suite of several datasets, on one of them."""

    dataset: Text | None
    """The label of one of several datasets, null of a suite of one."""
    directory: Text | None
    reason: Text
    """Why there is nothing to verify; empty otherwise."""
    expectations: Expectations | None
    missing: Texts
    """What expectations without a verdict lack."""


class VerifyDocument(Document):
    """What `harness verify -f json` prints."""

    command: Literal["verify"] = "verify"
    met: bool
    """Whether every expectation is; the exit code is 3 otherwise."""
    runs: list[VerifiedRun]
    tables: dict[str, TableDocument]
    """By key: those that the terminal shows, and as `-t` chooses."""

    @classmethod
    def of(
        cls,
        verified: Iterable[tuple[str, Results, list[str]]],
        reasons: Mapping[str, str],
        tables: dict[str, TableDocument],
        *,
        met: bool,
        missed: bool,
    ) -> VerifyDocument:
        """Return what a command ends with.

        ``verified``: runs by label, and what they lack; ``reasons``: why others cannot be verified, by label;
        ``missed``: only the verdicts that are.
        """
        runs = [
            VerifiedRun(
                dataset=label or None,
                directory=str(results.directory),
                reason="" if results.suite.expect else "the suite has no [[expect]]",
                expectations=Expectations.of(results, missed=missed),
                missing=missing,
            )
            for label, results, missing in verified
        ]
        runs += [
            VerifiedRun(dataset=label, directory=None, reason=reason, expectations=None, missing=[])
            for label, reason in reasons.items()
        ]
        return cls(met=met, runs=runs, tables=tables)


class Change(Part):
    """A circumstance that differs."""

    key: Text
    first: Text
    second: Text


class UnmatchedTrials(Part):
    """Trials of an experiment that one run alone has done."""

    experiment: Text
    seeds: list[int]
    run: Literal["first", "second"]
    """The one that has them."""
    reason: Text


class ComparedPair(Part):
    """Two runs: of suites of several datasets, on one of them."""

    dataset: Text | None
    """The label of one of several datasets, null of a suite of one."""
    first: Text
    second: Text
    summary: Text
    marks: dict[str, int]
    """How many differences are `same`, `not significant`, `better`, `worse`, `changed` or `undecided`; times and memory
    are not counted."""
    differences: Lines = lines_of(columns.DIFFERENCES)
    """A line for each metric, condition and experiment that both runs have; second less first."""
    settings: dict[str, Texts]
    """What an experiment's trials mean otherwise, by experiment."""
    environment: list[Change]
    unmatched: list[UnmatchedTrials]

    @classmethod
    def of(cls, label: str, comparison: Comparison) -> ComparedPair:
        """Return a comparison."""
        judged = [each.mark for each in comparison.differences if not CATALOGUE[each.metric].of_machine]
        return cls(
            dataset=label or None,
            first=comparison.first,
            second=comparison.second,
            summary=spoken(comparison),
            marks=dict(Counter(mark.value for mark in judged)),
            differences=lines(Shown(comparison).differences()),
            settings=comparison.settings,
            environment=[Change(key=key, first=one, second=other) for key, one, other in comparison.environment],
            unmatched=[
                UnmatchedTrials(
                    experiment=each.experiment,
                    seeds=each.seeds,
                    run="first" if each.in_first else "second",
                    reason=each.why,
                )
                for each in comparison.unmatched
            ],
        )


class LimitVerdict(Part):
    """A limit of `--fail-on`."""

    limit: Text
    metric: Text
    amount: Number
    """What may be lost (-) or added (+): points of fractions, percent where relative, else as it is."""
    relative: bool
    verdict: Verdict
    broken: Texts
    """Where it is, in words; trials that the second run lacks break every limit."""
    undecided: Texts
    """Where the figures cannot tell, in words."""

    @classmethod
    def of(cls, limit: Limit, comparisons: dict[str, Comparison], missing: list[str]) -> LimitVerdict:
        """Return whether a limit is kept in all comparisons, which are by label."""
        broken, unclear = (
            [
                f"{label}: {text}" if label else text
                for label, each in comparisons.items()
                for text in find(each, [limit])
            ]
            for find in (violations, undecided)
        )
        broken += missing
        return cls(
            limit=limit.text,
            metric=limit.metric,
            amount=-limit.amount if limit.sign == "-" else limit.amount,
            relative=limit.relative,
            verdict=_verdict(broken=bool(broken), undecided=bool(unclear)),
            broken=broken,
            undecided=unclear,
        )


class CompareDocument(Document):
    """What `harness compare -f json` prints."""

    command: Literal["compare"] = "compare"
    verdict: Verdict | None
    """Of all limits: exit code 0, 3, or 4; null without limits."""
    limits: list[LimitVerdict]
    pairs: list[ComparedPair]
    missing: Texts
    """Of several datasets: those that one of the runs lacks."""
    tables: dict[str, TableDocument]
    """By key, as `-t` chooses."""

    @classmethod
    def of(
        cls,
        comparisons: dict[str, Comparison],
        missing: list[str],
        limits: list[Limit],
        tables: dict[str, TableDocument],
    ) -> CompareDocument:
        """Return what a command ends with; ``comparisons`` are by label."""
        judged = [LimitVerdict.of(limit, comparisons, missing) for limit in limits]
        verdicts = {each.verdict for each in judged}
        return cls(
            verdict=_verdict(broken="broken" in verdicts, undecided="undecided" in verdicts) if limits else None,
            limits=judged,
            pairs=[ComparedPair.of(label, each) for label, each in comparisons.items()],
            missing=missing,
            tables=tables,
        )


def _verdict(*, broken: bool, undecided: bool) -> Verdict:
    return "broken" if broken else "undecided" if undecided else "kept"

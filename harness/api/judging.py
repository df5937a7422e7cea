"""Two runs compared, and a run against its suite's expectations, as programs and notebooks have them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api import columns
from harness.api.handle import Run
from harness.api.shown import paragraph_html, table_html
from harness.metrics.units import under
from harness.results import compare as comparing
from harness.results.compare.tables import BRIEF
from harness.results.compare.tables import spoken as comparison_spoken
from harness.results.results import Results
from harness.results.tables import render_all
from harness.results.verify.verdicts import tables as verdict_tables
from harness.results.verify.verification import verify as verify_results
from harness.results.verify.wording import spoken as verification_spoken
from harness.store import Run as Stored

if TYPE_CHECKING:
    import pandas as pd

RunSource = Run | str | os.PathLike[str]
"""A run, or its directory."""


def results_of(run: RunSource) -> Results:
    """Return a run's results.

    Raises:
        HarnessError: there is no run, it is damaged, or of another format.
    """
    return Results.of(Stored.open(run.directory if isinstance(run, Run) else Path(run)))


class Comparison:
    """Two runs of the same data: what differs, whether it is significant, and what was changed between them."""

    def __init__(self, comparison: comparing.Comparison) -> None:
        self._comparison = comparison

    def differences(self) -> pd.DataFrame:
        """Return a line for each metric, condition and experiment that both runs have; second less first."""
        return columns.framed(
            columns.DIFFERENCES,
            (
                [
                    each.experiment, each.metric, *each.condition, each.change.n, each.first.mean, each.second.mean,
                    each.change.mean, *(each.interval or (None, None)), each.pair and each.pair.p,
                    each.pair and each.pair.p_holm, each.mark.value,
                ]
                for each in self._comparison.differences
            ),
        )  # fmt: skip

    @property
    def settings(self) -> dict[str, list[str]]:
        """What an experiment's trials mean otherwise, each in words, by experiment; empty where nothing changed."""
        return {name: changes for name, changes in self._comparison.settings.items() if changes}

    @property
    def environment(self) -> list[tuple[str, str, str]]:
        """What the circumstances say otherwise: (key, first, second)."""
        return list(self._comparison.environment)

    def violations(self, *limits: str) -> list[str]:
        """Return the limits that are exceeded, each in words; as ``--fail-on``: ``"test_accuracy:-0.5"``.

        Raises:
            HarnessError: a text is not a limit.
        """
        return comparing.violations(self._comparison, [comparing.limit(text) for text in limits])

    def undecided(self, *limits: str) -> list[str]:
        """Return the limits without a verdict, as of times of two machines, each in words.

        Raises:
            HarnessError: a text is not a limit.
        """
        return comparing.undecided(self._comparison, [comparing.limit(text) for text in limits])

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the comparison as one HTML page; return where it is.

        Raises:
            HarnessError: the extra "report" is not installed, or something else is there.
        """
        from harness.report import render_comparison, write_page

        write_page(Path(path), render_comparison(self._comparison))
        return Path(path)

    def __str__(self) -> str:
        """Return the comparison in sentences."""
        return comparison_spoken(self._comparison)

    def __repr__(self) -> str:
        """Return which runs it is of, for a prompt."""
        return f"<harness.Comparison of {self._comparison.first} and {self._comparison.second}>"

    def _repr_html_(self) -> str:
        brief = [table_html(table) for table in comparing.tables(self._comparison) if table.key in BRIEF]
        return "".join(brief) + paragraph_html([str(self)])


class Verification:
    """The verdict on each of the expectations of a run's suite."""

    def __init__(self, results: Results) -> None:
        self._verification = verify_results(results)
        self._tables = verdict_tables(self._verification, results.title, results.data)

    def verdicts(self) -> pd.DataFrame:
        """Return a line for each figure, then for each relation, with its verdict.

        ``verdict``: met, missed, undecided, not comparable, incomplete, or not run. ``margin``: how much the run is
        above the figure, or the left side above the right; ``low`` and ``high``: its 95 % confidence interval.
        """
        lines: list[Sequence[object]] = [
            [
                "figure",
                f"{each.expected.experiment}.{each.expected.metric}{under(each.expected.condition)}",
                each.expected.source,
                each.expected.value,
                each.got and each.got.mean,
                each.difference,
                None,
                None,
                each.verdict.value,
            ]
            for each in self._verification.figures
        ]  # fmt: skip
        lines += [
            [
                "relation",
                f"{each.expected.relation}{under(each.expected.condition)}",
                each.expected.source,
                None,
                None,
                each.margin and each.margin.mean,
                *(each.interval or (None, None)),
                each.verdict.value,
            ]
            for each in self._verification.claims
        ]  # fmt: skip
        return columns.framed(columns.VERDICTS, lines)

    @property
    def met(self) -> bool:
        """Whether nothing is missed or lacks what it needs: ``harness verify`` would exit with code 0."""
        return not (self._verification.missed or self._verification.unfinished)

    def __str__(self) -> str:
        """Return the verdicts in a sentence."""
        return verification_spoken(self._verification)

    def __repr__(self) -> str:
        """Return the same, for a prompt."""
        return f"<harness.Verification: {self}>"

    def _repr_html_(self) -> str:
        return "".join(map(table_html, self._tables)) + paragraph_html([str(self)])

    def render(self, form: str = "terminal") -> str:
        """Return the tables as ``"terminal"``, ``"markdown"``, ``"latex"``, ``"csv"`` or ``"json"`` text."""
        return render_all(self._tables, form)


def compare(first: RunSource, second: RunSource) -> Comparison:
    """Compare two runs of the same data; the first is the reference.

    Raises:
        HarnessError: one is no run, their data or splits differ, or they have no experiment in common.
    """
    return Comparison(comparing.compare(results_of(first), results_of(second)))


def verify(run: RunSource) -> Verification:
    """Verify what a run's suite expects.

    Raises:
        HarnessError: it is no run.
    """
    return Verification(results_of(run))

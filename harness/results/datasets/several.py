"""The results of each of several datasets, and the contenders that they are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.errors import HarnessError
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard.rankings import ordered_by
from harness.results.results import Results
from harness.store import Run, Several
from harness.store.header import NAME

NOT_RUN = "not run yet"


@dataclass(frozen=True)
class SeveralResults:
    """The runs of a suite of several datasets.

    ``folders``: of each dataset by its label, in the suite's order. ``results``: of those that have a run. ``missing``:
    why the others have none.
    """

    directory: Path
    title: str
    folders: Mapping[str, Path]
    results: Mapping[str, Results]
    missing: Mapping[str, str]

    @classmethod
    def of(cls, directory: Path, several: Several, by: str | None = None) -> SeveralResults:
        """Return the results of a directory's runs; one that cannot be read is missing, with the reason.

        ``by``: the metric that their tables are ordered by, None as the suite says.
        """
        folders = {member.label: directory / member.folder for member in several.datasets}
        results, missing = {}, {}
        for member in several.datasets:
            place = folders[member.label]
            if not (place / NAME).exists():
                missing[member.label] = member.reason or NOT_RUN
                continue
            try:
                found = Results.of(Run.open(place))
            except HarnessError as error:
                missing[member.label] = str(error)
                continue
            results[member.label] = ordered_by(found, by)
        return cls(directory, several.suite, folders, results, missing)

    @property
    def labels(self) -> list[str]:
        """The datasets, in the suite's order."""
        return list(self.folders)

    @cached_property
    def contenders(self) -> list[str]:
        """What is compared: experiments and ensembles, or of a suite with finalists their labels instead.

        A label means on each dataset the experiment that validation chose there.
        """
        names: dict[str, None] = {}
        for results in self.results.values():
            suite = results.suite
            names |= dict.fromkeys([*suite.finalists, *suite.ensembles] if suite.finalists else results.named)
        return list(names)

    def contender(self, label: str, name: str) -> ExperimentRows | None:
        """Return what a contender is on a dataset, None where it is nothing there."""
        results = self.results.get(label)
        if results is None:
            return None
        if name in results.suite.finalists:
            chosen = results.finalists.get(name, [])
            return results.named.get(chosen[0]) if chosen else None
        return results.named.get(name)

    def group(self, name: str) -> str:
        """Return a contender's group, where it has the same on all datasets."""
        groups = {contender.first.group for label in self.results if (contender := self.contender(label, name))}
        return groups.pop() if len(groups) == 1 else ""

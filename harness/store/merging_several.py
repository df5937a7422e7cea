"""Merges runs of several datasets: dataset by dataset, all or none."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, shown
from harness.rows import TrialRow
from harness.store.arriving import arriving
from harness.store.merging import Merged, check_apart, merge, merge_within
from harness.store.names import folders
from harness.store.opening import at_rest
from harness.store.run import Run
from harness.store.several import Member, Several, read_several, runs_of, write_several
from harness.store.uniting import differ


def merge_all(directories: Sequence[Path], into: Path, notes: Mapping[str, Any]) -> Merged:
    """Merge runs of one dataset, as `merge`, or directories of several datasets into such a directory.

    Of several datasets, each is merged from the directories that have a run of it: one may have run some of the
    datasets, and another the others.

    Raises:
        HarnessError: as `merge`, with the dataset's label where it is of one; a directory is of one dataset and another
            of several; they are of other suites. Nothing is left behind.
    """
    check_apart(directories)
    stored = {directory: several for directory in directories if (several := read_several(directory))}
    if not stored:
        return merge(directories, into, notes)
    for directory in directories:
        if directory not in stored:
            Run.open(directory)
            other = next(iter(stored))
            msg = f"{directory}: a run of one dataset, and {other} has several. Name a folder of {other} instead of it"
            raise HarnessError(msg)
    several = _united(stored)
    rows: list[TrialRow] = []
    left_out: list[str] = []
    labels = []
    with ExitStack() as stack:
        check = stack.enter_context(at_rest(_places(stored), "Merge"))
        parts = [runs_of(directory, each) for directory, each in stored.items()]
        root = stack.enter_context(arriving(into, "--into"))
        for member in several.datasets:
            runs = [part[member.label] for part in parts if member.label in part]
            if not runs:
                continue
            folder = root / member.folder
            folder.mkdir()
            try:
                merged, missing = merge_within(runs, folder, notes)
            except HarnessError as error:
                msg = f"{member.label}: {error}"
                raise HarnessError(msg) from None
            labels.append(member.label)
            rows += merged
            left_out += missing
        if not labels:
            msg = f"merge: {directories[0]} and the others have no run of a dataset yet. 'harness run SUITE' makes one"
            raise HarnessError(msg)
        write_several(root, several)
        check()
    return Merged(into, rows, left_out, tuple(labels))


def _places(stored: Mapping[Path, Several]) -> Iterator[Path]:
    """Yield directories of several datasets, and those of their runs, each of which can be opened."""
    for directory, several in stored.items():
        yield directory
        yield from (run.directory for run in runs_of(directory, several).values())


def _united(stored: Mapping[Path, Several]) -> Several:
    """Return the datasets of all directories, in the order in which they come.

    One has a reason why it could not be used only where no directory could use it.
    """
    (first, reference), *others = stored.items()
    members: dict[str, Member] = {member.label: member for member in reference.datasets}
    for directory, other in others:
        if other.suite != reference.suite:
            raise differ(directory, first, "suite", other.suite, reference.suite, same="suite")
        for member in other.datasets:
            known = members.setdefault(member.label, member)
            if known.name != member.name:
                field = f"dataset {shown(member.label)}"
                raise differ(directory, first, field, member.name, known.name, same="suite")
            if not member.reason:
                members[member.label] = replace(known, reason="")
    places = folders(members)
    return Several(reference.suite, tuple(replace(member, folder=places[label]) for label, member in members.items()))

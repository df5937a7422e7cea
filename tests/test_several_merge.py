"""Runs of several datasets are merged dataset by dataset: two halves equal the whole, and a conflict merges none."""

import re
import shutil
from dataclasses import replace

import pytest

from harness.errors import HarnessError
from harness.results.datasets import SeveralResults, tables
from harness.store import Member, Run, Several, locked, read_several, write_several
from harness.store.merging_several import merge_all
from tests.several_runs import run_both
from tests.test_merge import content


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the whole of two datasets, and parts of it: by seeds, and by datasets."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        "whole": run_both(folder / "whole"),
        "first": run_both(folder / "first", seeds=(1,)),
        "second": run_both(folder / "second", seeds=(2,)),
        "iris": run_both(folder / "iris", dataset="iris"),
        "wine": run_both(folder / "wine", dataset="wine"),
    }


@pytest.mark.parametrize("halves", [("first", "second"), ("iris", "wine")])
def test_two_halves_of_several_datasets_are_the_whole(runs, tmp_path, halves):
    """By seeds, and where each has a run of another dataset: byte by byte but for times and hosts."""
    merged = merge_all([runs[half] for half in halves], tmp_path / "merged", {})
    assert merged.datasets == ("iris", "wine")
    assert (len(merged.rows), merged.left_out) == (8, [])
    for label in merged.datasets:
        assert content(tmp_path / "merged" / label) == content(runs["whole"] / label)
    assert (tmp_path / "merged" / "datasets.json").read_bytes() == (runs["whole"] / "datasets.json").read_bytes()
    over = [
        [table.lines for table in tables(SeveralResults.of(root, read_several(root))) if "/" not in table.key]
        for root in (runs["whole"], tmp_path / "merged")
    ]
    assert over[0] == over[1]
    assert {path.name for path in tmp_path.iterdir()} == {"merged"}


def test_the_command_merges_them_and_says_on_how_many_datasets(runs, tmp_path, typed):
    """The merged directory is taken by every command that takes the directory of all, by the next merge, and by run."""
    printed = typed("merge", runs["first"], runs["iris"], "--into", "new")
    assert printed.out == "new: 6 of 6 trials done on 2 datasets, from 2 runs\n"
    assert printed.err == "tables: harness leaderboard new\n"
    assert "2 of 2 datasets" in typed("leaderboard", "new").out
    assert "8 of 8 trials done on 2 datasets" in typed("merge", "new", runs["second"], "--into", "all").out
    run_both(tmp_path / "all")
    for label in ("iris", "wine"):
        assert content(tmp_path / "all" / label) == content(runs["whole"] / label)
    assert [part["trials"] for part in Run.open(tmp_path / "new" / "wine").notes()["merged"]] == [2]


def test_a_conflict_on_one_dataset_is_named_with_it_and_nothing_is_merged(runs, tmp_path):
    """The other dataset, which would merge, is not left behind."""
    shutil.copytree(runs["first"], tmp_path / "other")
    run = Run.open(tmp_path / "other" / "wine")
    state = run.arrays("A", 1, "state.npz")
    name = next(iter(state))
    run.write(run.read("A", 1).row, {"state.npz": state | {name: state[name] + 1}})
    text = rf"wine: A seed 1 differs between \S+first/wine and {tmp_path}/other/wine in state\.npz\. Nothing was merged"
    with pytest.raises(HarnessError, match=text):
        merge_all([runs["first"], tmp_path / "other"], tmp_path / "merged", {})
    assert {path.name for path in tmp_path.iterdir()} == {"other"}


def test_what_is_damaged_on_one_dataset_is_left_out_and_named(runs, tmp_path):
    """By the dataset's own folder."""
    shutil.copytree(runs["first"], tmp_path / "damaged")
    (tmp_path / "damaged" / "iris" / "trials" / "A" / "seed-1" / "state.npz").write_bytes(b"")
    merged = merge_all([tmp_path / "damaged", runs["second"]], tmp_path / "merged", {})
    assert [line.partition(": ")[0] for line in merged.left_out] == [f"{tmp_path}/damaged/iris"]
    assert sum(row.status == "done" for row in merged.rows) == 7


def both(folder, suite="both", **names):
    """Make a directory of several datasets, none of which has run: their names by their labels."""
    folder.mkdir()
    write_several(folder, Several(suite, tuple(Member(label, name, label, "gone") for label, name in names.items())))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda place: both(place, "third", iris="iris"), "other: suite is 'third', in {first} it is 'both'"),
        (lambda place: both(place, wine="digits"), "other: dataset 'wine' is 'digits', in {first} it is 'wine'"),
        (lambda _: None, "other: no such folder"),
    ],
)
def test_runs_of_another_suite_are_refused(runs, tmp_path, make, text):
    """With the first difference."""
    make(tmp_path / "other")
    with pytest.raises(HarnessError, match=re.escape(text.format(first=runs["first"]))):
        merge_all([runs["first"], tmp_path / "other"], tmp_path / "merged", {})
    assert not (tmp_path / "merged").exists()


def test_a_run_of_one_dataset_is_not_merged_with_several(runs, tmp_path, typed):
    """One line says what to name; so where no dataset has a run, and where a driver is at work on one of them."""
    error = typed("merge", runs["first"], runs["second"] / "wine", "--into", "new", code=2).err
    assert error == (
        f"error: {runs['second']}/wine: a run of one dataset, and {runs['first']} has several. Name a folder of "
        f"{runs['first']} instead of it\n"
    )
    for name in ("empty", "void"):
        both(tmp_path / name, iris="iris")
    error = typed("merge", "empty", "void", "--into", "new", code=2).err
    assert error.startswith("error: merge: empty and the others have no run of a dataset yet")
    shutil.copytree(runs["first"], tmp_path / "busy")
    with locked(tmp_path / "busy" / "wine"):
        error = typed("merge", runs["second"], "busy", "--into", "new", code=2).err
    assert error.startswith("error: busy/wine: harness is at work on this run.")
    assert not (tmp_path / "new").exists()


def test_a_reason_stays_where_no_run_could_use_the_dataset(runs, tmp_path):
    """One that another machine could use has none."""
    shutil.copytree(runs["iris"], tmp_path / "part")
    several = read_several(tmp_path / "part")
    members = tuple(replace(member, reason="gone") for member in several.datasets)
    write_several(tmp_path / "part", replace(several, datasets=(*members, Member("more", "files", "more", "missing"))))
    merge_all([tmp_path / "part", runs["wine"]], tmp_path / "merged", {})
    reasons = {member.label: member.reason for member in read_several(tmp_path / "merged").datasets}
    assert reasons == {"iris": "", "wine": "", "more": "missing"}

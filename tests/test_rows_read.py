"""A command reads each row from disk once, and again only where it has changed."""

from collections import Counter
from shutil import copytree

import pytest

from harness.report import read
from harness.store import Damaged, Run, stored
from tests.tiny import TINY, run_suite

SHORT = TINY.replace("epochs = 3", "epochs = 1")
EXPECT = '[[expect]]\nrelation = "A.val_accuracy > 0"\n'


@pytest.fixture
def reads(monkeypatch):
    """Return how often each version of a row's file is read."""
    count, original = Counter(), stored.read_json

    def counting(path, **options):
        if path.name == "row.json":
            count[path, path.read_bytes()] += 1
        return original(path, **options)

    monkeypatch.setattr(stored, "read_json", counting)
    return count


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with a suite and its run."""
    folder = tmp_path_factory.mktemp("made")
    run_suite(folder, SHORT + EXPECT)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "leaderboard run", "leaderboard run -f json", "verify run", "compare run other", "runs .",
        "plan tiny.toml --out run --jobs 0", "why tiny.toml A --out run", "run tiny.toml --out run --jobs 0",
    ],
)  # fmt: skip
def test_a_command_reads_each_row_once(tmp_path, command, reads, made, words):
    """Of each run that it is about."""
    copytree(made, tmp_path, dirs_exist_ok=True)
    if "other" in words:
        copytree(tmp_path / "run", tmp_path / "other")
    command(*words.split())
    assert len({path for path, _ in reads}) == (6 if "other" in words else 3)
    assert set(reads.values()) == {1}


def test_a_report_reads_each_row_once(reads, made):
    """For all of its figures and files."""
    read(made / "run")
    assert len(reads) == 3
    assert set(reads.values()) == {1}


def test_a_run_reads_no_version_of_a_row_twice(tmp_path, reads):
    """As planned, as trained, as measured."""
    run_suite(tmp_path, SHORT)
    assert len({path for path, _ in reads}) == 3
    assert set(reads.values()) == {1}


def test_a_row_that_changed_is_read_again(tmp_path, reads):
    """Whether it was written anew, altered in place, or went."""
    _, run = run_suite(tmp_path, SHORT, only=["A"])
    run = Run.open(run.directory)
    (row,) = run.rows()
    reads.clear()
    assert [row.status for row in run.rows()] == ["done"]
    assert not reads
    run.write(row)
    assert [row.status for row in run.rows()] == ["done"]
    assert sum(reads.values()) == 1
    path = run.trial_directory("A", 1) / "row.json"
    path.write_bytes(path.read_bytes()[:-1])
    assert isinstance(run.read("A", 1), Damaged)
    path.unlink()
    assert run.read("A", 1) is None

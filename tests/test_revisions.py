"""A run records the commit of its suite's repository and of its plugins' checkouts, or why it has none."""

import json
import subprocess
import sys

import pytest

from harness.plugins.loading import registry
from harness.plugins.revisions import CHANGES, in_words, revision
from tests.plugins_on_disk import distribution
from tests.tiny import TINY


def git(folder, *arguments):
    names = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *names, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a function that makes a repository with a file in it, and its commit."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))

    def make(name, file="a.txt", text="a\n"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(text)
        git(folder, "init", "-q")
        git(folder, "add", file)
        git(folder, "commit", "-q", "-m", "first")
        return folder, git(folder, "rev-parse", "HEAD")

    return make


def test_a_commit_is_that_of_the_repository_that_holds_the_file(repository, tmp_path, monkeypatch):
    """Not that of the current folder, nor of a hook that runs harness; a link counts as what it leads to."""
    folder, first = repository("one")
    other, second = repository("other", text="b\n")
    monkeypatch.chdir(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert revision(folder / "a.txt") == first
    link = other / "link.txt"
    link.symlink_to(folder / "a.txt")
    assert revision(link) == first
    monkeypatch.delenv("GIT_DIR")
    assert revision(other) == second
    assert first != second
    assert tmp_path in folder.parents


def test_changes_show(repository):
    """In any tracked file; a suite that is not tracked is a change too, results beside it are none."""
    folder, commit = repository("one")
    (folder / "results.txt").write_text("x")
    assert revision(folder / "a.txt") == commit
    assert revision(folder / "results.txt") == commit + CHANGES
    (folder / "a.txt").write_text("b\n")
    assert revision(folder / "a.txt") == commit + CHANGES
    assert revision(folder) == commit + CHANGES


def test_a_name_is_no_pattern(repository):
    """A suite that is not tracked is not mistaken for another that its name matches."""
    folder, commit = repository("one", file="a1.toml")
    (folder / "a[1].toml").write_text("x")
    assert revision(folder / "a1.toml") == commit
    assert revision(folder / "a[1].toml") == commit + CHANGES


def test_why_there_is_no_commit(tmp_path, monkeypatch):
    """In one line."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "plain"
    folder.mkdir()
    assert revision(folder) == "unknown: it is not in a git repository"
    git(folder, "init", "-q")
    assert revision(folder) == "unknown: its git repository has no commit"
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/\x1b[31m\n")
    assert revision(folder).startswith("unknown: ")
    assert "\x1b" not in revision(folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(folder) == "unknown: git is not installed"
    assert in_words(revision(folder)) == "no commit known: git is not installed"


SOURCE = """
import harness

@harness.hookimpl
def register_perturbations(register):
    register("nothing", nothing)

def nothing(images, severity, rng):
    return images.copy()
"""


@pytest.mark.slow
def test_a_run_records_both_and_its_report_shows_them(repository, tmp_path, monkeypatch, typed):
    """The suite's repository, and the checkout of a plugin that took part."""
    suite, commit = repository("suite", "tiny.toml", TINY.replace("gaussian_noise", "nothing"))
    checkout, theirs = repository("checkout", "harness_still.py", SOURCE)
    points = {"still": "harness_still"}
    distribution(tmp_path / "site", "harness-still", "0.1", {}, points, editable=checkout)
    for folder in (checkout, tmp_path / "site"):
        monkeypatch.syspath_prepend(folder)
    (checkout / "harness_still.py").write_text(SOURCE + "\n")
    registry.cache_clear()
    try:
        typed("run", suite / "tiny.toml", "--only", "A", "--jobs", "0", "--out", tmp_path / "run")
        notes = json.loads((tmp_path / "run" / "run.json").read_text())
        assert notes["git_commit"] == commit
        assert notes["git_checkouts"]["harness-still"] == theirs + CHANGES
        typed("report", tmp_path / "run")
    finally:
        registry.cache_clear()
        sys.modules.pop("harness_still", None)
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"suite: commit {commit[:12]}" in page
    assert f"harness-still: commit {theirs[:12]} with changes" in page

"""When a run's trials last ran: commands that run none leave it, and a site dates the run by it."""

import json
from pathlib import Path

import pytest

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)

import harness  # noqa: E402 - after the reason to skip
from harness.api import carrying  # noqa: E402
from harness.publish.published import _made  # noqa: E402
from harness.report import read  # noqa: E402
from harness.report.heading import _when  # noqa: E402
from harness.store import Run  # noqa: E402
from tests.tiny import TINY  # noqa: E402


@pytest.fixture
def days(tmp_path, monkeypatch):
    """Return a function that runs the tiny suite on a day, at a commit, and returns the run's notes."""
    (tmp_path / "tiny.toml").write_text(TINY)

    def run(day, only="A", **options):
        monkeypatch.setattr(carrying, "now", lambda: f"2026-01-{day:02}T00:00:00+00:00")
        monkeypatch.setattr(carrying, "revision", lambda _path: f"commit {day}")
        harness.run(tmp_path / "tiny.toml", only=only, jobs=0, out=tmp_path / "run", **options)
        return Run.open(tmp_path / "run").notes()

    return run


def ran(notes):
    when, commit = _made(notes)
    return when.day, commit


def test_a_command_that_runs_nothing_leaves_it(days, tmp_path):
    """One that trains or tests renews it."""
    assert ran(days(1)) == (1, "commit 1")
    again = days(2)
    assert (again["last_started"][:10], again["git_commit"]) == ("2026-01-02", "commit 2")
    assert ran(again) == (1, "commit 1")
    assert _when(read(tmp_path / "run")) == "trials last ran 01 January 2026, 00:00 UTC"
    assert ran(days(3, only="[AB]")) == (3, "commit 3")
    assert _when(read(tmp_path / "run")).startswith("last started 03 January 2026, 00:00 UTC, for ")
    # A version that did not note it: its last command is taken for the one that ran them.
    stored = Run.open(tmp_path / "run")
    stored.write_header({"last_started": "2026-01-04T00:00:00+00:00", "git_commit": "commit 4"})
    assert ran(stored.notes()) == (4, "commit 4")
    assert ran(days(5, only="[AB]")) == (4, "commit 4")


def test_an_interrupted_command_notes_what_it_ran(days, tmp_path, monkeypatch):
    """It has no end, and its trials do."""

    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.execution.run.make_samples", interrupted)
    with pytest.raises(KeyboardInterrupt):
        days(1)
    notes = Run.open(tmp_path / "run").notes()
    assert "last_ended" not in notes
    assert ran(notes) == (1, "commit 1")


def test_observers_that_keep_the_header_keep_it_with_its_end(days):
    """A tracker copies ``run.json`` when the run finishes."""
    kept = []

    class Keeper:
        @harness.hookimpl
        def run_finished(self, run):
            kept.append(json.loads(Path(run["files"]["run"]).read_text()))

    assert days(1, observers=[Keeper()])["last_ended"] == "2026-01-01T00:00:00+00:00"
    assert kept[0]["last_ended"] == "2026-01-01T00:00:00+00:00"


def test_a_merged_run_has_the_last_of_its_parts():
    """The merge itself ran nothing."""
    parts = [{"trials_ended": f"2026-01-0{day}T00:00:00+00:00", "trials_commit": f"c{day}"} for day in (2, 7, 5)]
    assert ran({"last_started": "2026-03-01T00:00:00+00:00", "merged": parts}) == (7, "c7")
    assert ran({"last_started": "2026-03-01T00:00:00+00:00", "merged": [{}], "git_commit": "c"}) == (1, "c")
    assert _made({}) == (None, "")

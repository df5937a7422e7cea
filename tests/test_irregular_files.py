"""Pipes, devices and links in a run's place: no command waits for them, reads them without end, or writes there."""

import errno

import pytest

from harness.machine import files
from harness.store import listed
from tests.irregular import make_irregular
from tests.report_runs import make_run
from tests.test_verify import figure
from tests.tiny import TINY, run_suite

pytestmark = pytest.mark.slow  # each copies a run

SHORT = TINY.replace("epochs = 3", "epochs = 1")


@pytest.fixture
def made(tmp_path):
    """Return a run of two experiments and two seeds."""
    return make_run(tmp_path, {"A": "", "B": ""}, seeds=(1, 2), more=figure(value=0.0, tolerance=0.0, source="us"))


@pytest.mark.parametrize(
    "name", ["run.json", "trials/A/seed-1/row.json", "trials/A/seed-1/evaluation.npz", "classes.npz"]
)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_regular_file_in_a_run_is_damage_and_is_not_waited_for(made, typed, name, kind):
    """No command hangs: it is refused, left out or made again, by name."""
    path = made.directory / name
    path.unlink()
    make_irregular(path, kind)
    refused = 2 if name == "run.json" else 0
    printed = typed("leaderboard", "run", code=refused)
    assert ("is not a regular file" in printed.err + printed.out) == (name.endswith(".json"))
    printed = typed("report", "run", code=refused if kind == "pipe" else 2)
    text = printed.err + (made.directory / "report.html").read_text() if printed.out else printed.err
    if name != "classes.npz" or kind == "device":
        assert "is not a regular file" in text or "leads out of the run" in text
    typed("verify", "run", code=refused or 3)
    typed("runs", ".")


def _content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["row.json", "state.npz", "evaluation.npz"])
def test_what_the_user_may_not_read_is_no_damage_and_is_not_replaced(tmp_path, typed, monkeypatch, name):
    """It may be whole: a row of hours of training was trained again because of a file's rights."""
    _, run = run_suite(tmp_path, SHORT, only=["A"])
    path = run.trial_directory("A", 1) / name
    before = _content(run.directory / "trials")
    opened = files.open_regular

    def refuse(place):
        if place.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return opened(place)

    monkeypatch.setattr(files, "open_regular", refuse)
    for command in (["run", "tiny.toml", "--out", "run", "--jobs", "0"], ["why", "tiny.toml", "A", "--out", "run"]):
        errors = typed(*command, code=2).err
        assert errors.splitlines()[-1] == (
            f"error: {path.relative_to(tmp_path)}: cannot be read: Permission denied. "
            "Make it readable, and repeat the command"
        )
    assert before == _content(run.directory / "trials")
    if name == "row.json":
        typed("leaderboard", "run", code=2)
        assert [each.state.partition(":")[0] for each in listed(tmp_path)] == ["unreadable"]


def test_a_lock_that_is_a_link_is_not_followed(tmp_path, typed):
    """Taking it would empty its target."""
    _, run = run_suite(tmp_path, SHORT, only=["A"])
    (tmp_path / "thesis.tex").write_text("dear")
    (run.directory / ".lock").unlink()
    (run.directory / ".lock").symlink_to(tmp_path / "thesis.tex")
    assert [listing.state for listing in listed(tmp_path)] == ["complete: 1 of 1 done"]
    errors = typed("run", "tiny.toml", "--out", "run", "--jobs", "0", code=2).err
    assert errors == "error: run/.lock: is not a regular file. Remove it, or name another directory with --out\n"
    assert (tmp_path / "thesis.tex").read_text() == "dear"


def test_a_row_that_took_long_is_promised_with_every_folder_above_it(tmp_path, monkeypatch):
    """Power may fail after the folder of a trial was made and before the disk had it."""
    monkeypatch.setattr("harness.store.run._PRECIOUS_SECONDS", 0.0)
    synced = []
    monkeypatch.setattr("harness.store.run.sync_directory", synced.append)
    _, run = run_suite(tmp_path, SHORT, only=["A"])
    place = run.trial_directory("A", 1)
    assert synced[: len(synced) // 2] == [place.parent, place.parent.parent, run.directory, tmp_path]

"""Paths that no system takes, or that may not be looked at: one line and exit code 2, whatever command gets them."""

import errno
import os

import pytest

from harness.errors import HarnessError
from harness.machine.files import read_json
from harness.machine.paths import absolute, is_folder, status_of
from tests.tiny import TINY

LONG = 300 * "x"
COMMANDS = {
    "plan": ("plan", "tiny.toml", "--jobs", 0, "--out"),
    "run": ("run", "tiny.toml", "--jobs", 0, "--quiet", "--out"),
    "why": ("why", "tiny.toml", "A", "--out"),
    "a suite": ("plan",),
    "runs": ("runs",),
    "new": ("new", "suite", "mine", "--directory"),
    "new package": ("new", "optimizer", "mine", "--directory"),
    "leaderboard": ("leaderboard",),
    "verify": ("verify",),
    "report": ("report",),
    "bench --save": ("bench", "--network", "none", "--save"),
    "bench --read": ("bench", "--read"),
    "bench --suite": ("bench", "--suite"),
    "describe": ("datasets", "describe", "emnist-digits", "--data-dir"),
    "--data-dir": ("plan", "tiny.toml", "--jobs", 0, "--set", "dataset.name=emnist-digits", "--data-dir"),
}


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Give paths that cannot be used, by what is wrong with them; the current folder has a suite."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HARNESS_JOBS", "0")
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return {
        "a name too long": LONG,
        "a path too long": "/".join(30 * [200 * "y"]),
        "a loop of links": "loop",
        "below a loop": "loop/below",
        "below a file": "tiny.toml/below",
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_that_cannot_be_used_is_one_line(typed, places, command):
    """With the path in it; what it is too long for is cut."""
    for case, place in places.items():
        if (command, case) in {("plan", "below a file"), ("why", "below a file")}:
            continue  # nothing is there, which is all that looking ahead needs to know
        err = typed(*COMMANDS[command], place, code=2).err
        *_, output = err.strip().splitlines()
        assert output.startswith("error: "), (case, err)
        assert place[:50] in output, (case, err)


def test_a_file_that_may_not_be_looked_at_is_an_error_of_its_own(tmp_path, monkeypatch):
    """Not one that is absent: what is there might be overwritten."""
    path = tmp_path / "x"

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", refuse)
    for look in (status_of, is_folder):
        with pytest.raises(HarnessError, match="x: cannot be used as a path: Permission denied"):
            look(path)


def test_absolute_leaves_what_no_system_resolves(tmp_path, monkeypatch):
    """A loop of links, and the home of a user who is not there; NUL is refused."""
    monkeypatch.chdir(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert absolute(loop) == tmp_path.resolve() / "loop"
    assert absolute(tmp_path / "a" / ".." / "b") == tmp_path.resolve() / "b"
    unknown = type(loop)("~no-such-user/x")
    assert absolute(unknown) == tmp_path.resolve() / "~no-such-user" / "x"
    assert absolute(unknown, tmp_path / "y") == tmp_path.resolve() / "y" / "~no-such-user" / "x"
    with pytest.raises(HarnessError, match=r"a\\x00b: cannot be used as a path"):
        absolute(type(loop)("a\0b"))


def test_json_that_nests_without_end_is_not_json(tmp_path):
    """Python's parser runs out of stack."""
    path = tmp_path / "x.json"
    path.write_text(100_000 * "[")
    with pytest.raises(ValueError, match="nest too deeply"):
        read_json(path)


@pytest.mark.usefixtures("places")
def test_more_processes_than_a_machine_has_are_refused(typed):
    """Before the system is asked for them."""
    for option in ("--jobs", "--threads"):
        assert "4096" in typed("plan", "tiny.toml", option, "99999999999", code=2).err


EMPTY = {
    "export runs/x --frames|": "--frames '': the value is empty. Give one, or leave the option out",
    "export runs/x -o|": "-o '': the value is empty. Give one, or leave the option out",
    "run tiny.toml --out|": "--out '': the value is empty. Give one, or leave the option out",
    "run tiny.toml --out=": "--out '': the value is empty. Give one, or leave the option out",
    "run tiny.toml --device|": "--device '': the value is empty. Give one, or leave the option out",
    "merge runs/x runs/y --into|": "--into '': the value is empty. Give one, or leave the option out",
    "publish runs/x --to|": "--to '': the value is empty. Give one, or leave the option out",
    "bench --save|": "--save '': the value is empty. Give one, or leave the option out",
    "leaderboard|": "'' (after 'leaderboard'): the argument is empty. Give a value, or leave it out",
}


@pytest.mark.parametrize("line", EMPTY)
def test_an_empty_value_is_refused(typed, tmp_path, line):
    """A variable of the shell's that is not set would otherwise name the current folder."""
    (tmp_path / "tiny.toml").write_text(TINY)
    words = [word for part in line.split() for word in ([part[:-1], ""] if part.endswith("|") else [part])]
    assert typed(*words, code=2).err == f"error: {EMPTY[line]}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_a_key_may_be_set_to_an_empty_text(typed, tmp_path):
    """Only whole values of options are refused."""
    (tmp_path / "tiny.toml").write_text(TINY)
    assert "tiny: 3 trials" in typed("plan", "tiny.toml", "--jobs", 0, "--set", "defaults.description=").out

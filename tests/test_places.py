"""Where the cache is, also for a user without a home."""

import os
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine.cache import cache_root


@pytest.fixture
def homeless(monkeypatch):
    """Be a user whose number the system does not know, without HOME."""
    pwd = pytest.importorskip("pwd")

    def unknown(number):
        raise KeyError(number)

    for name in ("HOME", "HARNESS_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_tilde_is_the_users_home(monkeypatch, tmp_path):
    """Not a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_CACHE_DIR", "~/x")
    assert cache_root() == tmp_path / "x"


def test_a_relative_place_is_made_absolute(monkeypatch, tmp_path):
    """A plugin may change the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE_DIR", "cache")
    assert cache_root() == tmp_path / "cache"


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_is_asked_for_a_folder(monkeypatch):
    """In one line, wherever the cache would be in it."""
    advice = "this user has no home folder. Name a folder that can be written to with HARNESS_CACHE_DIR"
    with pytest.raises(HarnessError, match=f"^the cache: {advice}$"):
        cache_root()
    monkeypatch.setenv("HARNESS_CACHE_DIR", "~/x")
    with pytest.raises(HarnessError, match=f"^HARNESS_CACHE_DIR='~/x': {advice}$"):
        cache_root()
    monkeypatch.setenv("HARNESS_CACHE_DIR", "/x")
    assert cache_root() == Path("/x")


@pytest.mark.usefixtures("homeless")
def test_its_commands_end_with_a_line_and_exit_code_2(typed, monkeypatch, tmp_path):
    """Nothing is made in the current folder."""
    monkeypatch.delenv("HARNESS_NO_TUNE", raising=False)
    (tmp_path / "one.toml").write_text('[suite]\nname = "one"\n[defaults]\nhidden_layers = [8]\n[experiments.A]\n')
    for command in (["run", "one.toml"], ["plan", "one.toml"], ["doctor"], ["datasets"]):
        printed = typed(*command, code=2)
        assert printed.err.count("\n") == 1
        assert "this user has no home folder" in printed.err
    assert os.listdir(tmp_path) == ["one.toml"]  # noqa: PTH208 - names

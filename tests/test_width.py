"""How wide tables are: as COLUMNS says, else as the terminal is, else as they need."""

import io
import os
import pty
import termios

import pytest
from rich.cells import cell_len

from harness.cli.width import columns_of
from tests.tiny import run_suite

WRONG = ["", "0", "-80", "80.0", "8e1", " 80 ", "wide", "٨٠", "9" * 5000]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the directory of a tiny run."""
    return run_suite(tmp_path_factory.mktemp("width"))[1].directory


@pytest.fixture
def terminal():
    """Return a terminal of 90 columns, as a stream."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 90))
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


def test_columns_come_first_then_the_terminal(monkeypatch, terminal):
    """A file has no width; neither has a closed stream."""
    assert columns_of(terminal) == 90
    assert columns_of(io.StringIO()) is None
    assert columns_of(None) is None
    monkeypatch.setenv("COLUMNS", "70")
    assert columns_of(terminal) == columns_of(io.StringIO()) == columns_of(None) == 70


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong[:9])
def test_a_value_that_is_no_width_is_ignored(monkeypatch, terminal, wrong):
    """As by Python and rich."""
    monkeypatch.setenv("COLUMNS", wrong)
    assert columns_of(terminal) == 90
    assert columns_of(io.StringIO()) is None


def test_a_terminal_without_a_size_has_80_columns(terminal):
    """Some that programs make say 0, and a stream may only say that it is one."""
    termios.tcsetwinsize(terminal, (0, 0))
    assert columns_of(terminal) == 80
    tty = type("Said", (io.StringIO,), {"isatty": lambda _: True})()
    assert columns_of(tty) == 80


@pytest.mark.parametrize("words", [["leaderboard", "{}"], ["compare", "{}", "{}"], ["datasets"]], ids=" ".join)
def test_tables_fit_into_the_columns(typed, made, monkeypatch, words):
    """In a file, those of ranks and lists; without a width, they are wider."""
    command = [word.format(made) for word in words]

    def widest():
        return max(cell_len(line) for line in typed(*command).out.splitlines())

    wide = widest()
    monkeypatch.setenv("COLUMNS", "60")
    assert widest() <= 60 < wide


@pytest.mark.parametrize("form", ["markdown", "csv", "latex", "json"])
def test_other_formats_do_not_change(typed, made, monkeypatch, form):
    """They are read by programs."""
    words = ("leaderboard", made, "-f", form)
    before = typed(*words)
    monkeypatch.setenv("COLUMNS", "40")
    assert typed(*words) == before

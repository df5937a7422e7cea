"""What `harness.run` shows: a picture on a terminal, lines where a caller asks for them; the terminal is left whole."""

import io
import os
import pty
import select
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

import harness
from harness.cli.printing import say
from harness.live.choice import display
from harness.live.lines import Lines, Quiet
from harness.live.terminal import Live
from tests.tiny import TINY

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    """Standard error that somebody looks at."""

    def isatty(self):
        """Say so."""
        return True


def at_terminal(monkeypatch):
    """Make standard error a terminal, and return it."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return stream


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Return the arguments of a short run, of which nothing in the cache predicts how long it takes."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "tiny.toml").write_text(TINY)
    return {"suite": tmp_path / "tiny.toml", "only": "A", "jobs": 0, "out": tmp_path / "run",
            "overrides": {"defaults.epochs": 1}}  # fmt: skip


def test_a_terminal_shows_the_run_by_default(ask, capsys, monkeypatch):
    """Its ended trials stay as lines; what an observer prints is where it would be without the picture."""
    terminal = at_terminal(monkeypatch)

    class Printing:
        @harness.hookimpl
        def trial_finished(self, row):
            print("observed", row["experiment"])  # noqa: T201 - what is tested

    before = sys.stdout, sys.stderr
    harness.run(**ask, observers=[Printing()])
    assert (sys.stdout, sys.stderr) == before
    shown = terminal.getvalue()
    assert f"; results in {ask['out']}\n" in shown  # in one line; before it is how long, if that is known
    assert "[1/1] A seed 1 on numpy: 1 epoch in " in shown
    assert "1 of 1 trial ended" in shown  # the last picture, which is taken away
    assert shown.rindex(SHOW) > shown.rindex(HIDE)
    assert capsys.readouterr().out == "observed A\n"
    log = ask["out"] / "trials" / "A" / "seed-1" / "log.txt"
    assert not log.exists() or "trial ended" not in log.read_text()


@pytest.mark.parametrize(("progress", "lines"), [(None, 0), (False, 0), (True, 3)])
def test_elsewhere_there_are_lines_if_they_are_asked_for(ask, capsys, progress, lines):
    """A log, a service and a test have none by default: they did not ask for them."""
    harness.run(**ask, progress=progress)
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", lines)


def test_a_reproduction_shows_its_training_and_no_folder_that_is_removed(ask, capsys):
    """As lines, where they are asked for."""
    run = harness.run(**ask)
    harness.reproduce(run, "A", 1, jobs=0, progress=True)
    lines = [line[9:] for line in capsys.readouterr().err.splitlines()]
    assert lines[0].startswith("1 trial")
    assert "results in" not in lines[0]
    assert lines[1].startswith("[1/1] A seed 1 on numpy: ")
    with pytest.raises(harness.HarnessError, match="progress 'yes': give True, False or None"):
        harness.reproduce(run, "A", 1, progress="yes")


def test_a_terminal_shows_nothing_if_that_is_asked_for(ask, monkeypatch):
    """Not a word."""
    terminal = at_terminal(monkeypatch)
    harness.run(**ask, progress=False)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("wrong", ["bar", 1, "False"])
def test_another_value_is_refused(ask, wrong):
    """In one line, before anything is written."""
    with pytest.raises(harness.HarnessError, match=f"progress {wrong!r}: give True, False or None, which shows it on"):
        harness.run(**ask, progress=wrong)
    assert not ask["out"].exists()


def test_the_display_depends_on_the_terminal_and_the_thread(monkeypatch):
    """One that cannot be drawn on has lines; a thread beside the main one draws nothing over the program's own."""
    at_terminal(monkeypatch)
    assert type(display(elsewhere=False)) is Live
    chosen = []
    thread = threading.Thread(target=lambda: chosen.extend(display(elsewhere=each) for each in (True, False)))
    thread.start()
    thread.join()
    assert list(map(type, chosen)) == [Lines, Quiet]
    monkeypatch.setenv("TERM", "dumb")
    assert type(display(elsewhere=True)) is Lines
    monkeypatch.setattr(sys, "stderr", None)  # a program without a console
    assert type(display(elsewhere=False)) is type(display(elsewhere=True)) is Quiet


def test_a_closed_standard_error_ends_no_run(ask, monkeypatch):
    """What cannot be shown is dropped."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", type("Closed", (), {"write": stream.write, "isatty": lambda _: False})())
    run = harness.run(**ask, progress=True)
    assert run.complete
    assert run.remarks == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_terminal_as_it_was(monkeypatch, error):
    """The cursor is shown, also while the picture is; standard streams are the caller's again."""
    terminal, before = at_terminal(monkeypatch), sys.stdout
    with suppress(error), Live():
        within = terminal.getvalue()
        assert within.rindex(SHOW) > within.rindex(HIDE)
        raise error
    assert (sys.stdout, sys.stderr) == (before, terminal)
    assert terminal.getvalue().rindex(SHOW) > terminal.getvalue().rindex(HIDE)
    for thread in threading.enumerate():
        if type(thread).__name__ == "_RefreshThread":
            thread.join(60)
            assert not thread.is_alive()


def test_foreign_text_does_not_reach_the_terminal_raw(monkeypatch):
    """Escapes are shown, and neither markup nor emoji codes are replaced."""
    terminal = at_terminal(monkeypatch)
    with Live() as live:
        live.note("reason: \x1b[2J :smile: [bold]")
    assert "reason: \\x1b[2J :smile: [bold]" in terminal.getvalue()


def test_what_the_command_says_meanwhile_is_above_the_picture(monkeypatch):
    """Not within it: the picture's lines are taken away first, and drawn again below."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with Live() as live:
        live.note("first")  # which draws the picture
        say("node a: lost", err=True)
    before, _, after = stream.buffer.getvalue().decode().partition("node a: lost\n")
    assert before[before.rindex("ended") :].count("\x1b[2K") > 1
    assert "0 of 0 trials ended" in after


SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
import harness
harness.run("tiny.toml", only="A", jobs=1, overrides={"defaults.epochs": 100000})
"""


@pytest.mark.slow
def test_an_interrupted_script_leaves_the_terminal_as_it_was(tmp_path):
    """On a pseudo-terminal: the picture is gone, the cursor is shown, and the error says what resumes."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "mine.py").write_text(SCRIPT)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "mine.py"], cwd=tmp_path, stdout=slave, stderr=slave, env=os.environ | {"TERM": "xterm"}
    )
    os.close(slave)
    shown, interrupted = b"", False
    with suppress(OSError):  # how a terminal without a process ends on Linux
        while select.select([master], [], [], 600)[0] and (some := os.read(master, 65536)):
            shown += some
            if b"/100000" in shown and not interrupted:
                process.send_signal(2)
                interrupted = True
    os.close(master)
    assert process.wait(timeout=60) != 0
    text = shown.decode()
    assert "of 1 trial ended" in text
    after = text[text.rindex("of 1 trial ended") :]
    assert "KeyboardInterrupt" in after
    assert "finished trials are in runs/tiny; the same call resumes" in after
    assert text.rindex(SHOW) > text.rindex(HIDE)

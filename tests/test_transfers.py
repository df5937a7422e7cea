"""The messages about a download, and what the command line shows of it."""

import io
import sys

import pytest

from harness.datasets.downloads import LOG, Transferring
from harness.live.beside import shown_beside
from harness.live.lines import Lines, Quiet
from harness.live.notebook import Notebook
from harness.live.transfers import shown_transfers


class Terminal(io.StringIO):
    """Standard error that somebody looks at."""

    def isatty(self):
        """Say so."""
        return True


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_news_are_lines_and_the_bar_is_a_terminals(monkeypatch, kind):
    """Until the command ends; then no one listens."""
    monkeypatch.setattr(sys, "stderr", kind())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with shown_transfers():
        LOG.info("downloading %s", "it")
        with Transferring("https://example.org/zip") as transferring:
            transferring.announce(1_000_000, 4_000_000)
    LOG.info("no one listens")
    output = sys.stderr.getvalue()
    assert output.startswith("downloading it\n")
    assert "no one" not in output
    assert ("https://example.org/zip" in output) == (kind is Terminal)
    assert ("1.0/4.0 MB" in output) == (kind is Terminal)


def test_a_download_that_fails_leaves_the_terminal_as_it_was(monkeypatch):
    """The cursor is shown again, and the next one has a new bar."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with shown_transfers():
        with pytest.raises(OSError, match="gone"), Transferring("first"):
            raise OSError("gone")
        after = sys.stderr.getvalue()
        with Transferring("second"):
            pass
    assert after.rindex("\x1b[?25h") > after.rindex("\x1b[?25l")
    assert "second" in sys.stderr.getvalue()[len(after) :]


class Drawn(Notebook):
    """A notebook's display that keeps what it draws."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def note(self, text, *, now=True):
        """Keep a line."""
        self._last = text
        self.drawn.append((text, now, self.html()))


def test_a_notebook_draws_downloads_before_its_run():
    """News at once, and now and then how far one is."""
    notebook = Drawn()
    with shown_beside(notebook):
        LOG.info("downloading <b>")
        with Transferring("it") as transferring:
            transferring.announce(1_000_000, 4_000_000)
    LOG.info("no one listens")
    assert notebook.drawn == [
        ("downloading <b>", True, "downloading &lt;b&gt;"),
        ("it: 0 bytes", False, "it: 0 bytes"),
        ("it: 1.0 MB of 4.0 MB", False, "it: 1.0 MB of 4.0 MB"),
    ]


@pytest.mark.parametrize(("display", "shown"), [(Quiet(), ""), (Lines(), "downloading it\\x1b\n")])
def test_a_call_shows_downloads_as_it_shows_its_run(display, shown, capsys):
    """Not at all, or on standard error."""
    level = LOG.level
    with shown_beside(display):
        LOG.info("downloading it\x1b")
    assert capsys.readouterr().err == shown
    assert LOG.level == level

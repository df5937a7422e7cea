"""The messages about a download, and what the command line shows of it."""

import io
import sys

import pytest

from harness.cli.transfers import shown_transfers
from harness.datasets.downloads import LOG, Transferring


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
            transferring.tell(1_000_000, 4_000_000)
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

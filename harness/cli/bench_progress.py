"""Measures for ``harness bench``, and shows how far it is: a status on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from harness.cli.printing import say
from harness.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.bench import Case, Measured
    from harness.bench.advance import Say

LINE_SECONDS = 10.0
"""The seconds between two lines about what is measured, at least."""


class Lines:
    """Prints news, and a line now and then about what is measured, each with the time."""

    def __init__(self) -> None:
        self._last_line = monotonic()

    def say(self, text: str) -> None:
        """Print what is measured, unless a line was printed in the last seconds."""
        if monotonic() - self._last_line >= LINE_SECONDS:
            self.news(text)

    def news(self, text: str) -> None:
        """Print a line."""
        self._last_line = monotonic()
        say(f"{datetime.now().astimezone():%H:%M:%S} {text}", err=True)


def measured_aloud(cases: Sequence[Case], rounds: int, plain: Mapping[str, str], timeout: float | None) -> Measured:
    """Measure, as `harness.bench.measure` does, and show the progress."""
    from harness.bench import measure

    lines = Lines()
    later = "; the first one shows how long the others take" if rounds > 1 else ""
    lines.news(f"measuring {counted(len(cases), 'case')} in {counted(rounds, 'round')}{later}")
    with shown_on(lines) as update:
        return measure(cases, rounds, plain=plain, timeout=timeout, say=update, news=lines.news)


@contextmanager
def shown_on(lines: Lines) -> Iterator[Say]:
    """Yield what shows a text: a status on a terminal, elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield lines.say
        return
    from rich.console import Console
    from rich.text import Text

    from harness.errors import escaped

    with Console(stderr=True, highlight=False).status("starting") as status:
        yield lambda text: status.update(Text(escaped(text), no_wrap=True, overflow="ellipsis"))

"""How far a benchmark is: what is started or measured now, and when the rounds end."""

from collections.abc import Callable
from time import perf_counter

from harness.text import spoken

Say = Callable[[str], None]
"""Takes a text about what is measured now, or news that every display shows."""


def silent(_text: str) -> None:
    """Say nothing."""


class Advance:
    """Says what is done: ``say`` at every step, ``news`` once the first round has shown what a round takes."""

    def __init__(self, rounds: int, say: Say | None = None, news: Say | None = None) -> None:
        self._rounds = rounds
        self._say, self._news = say or silent, news or silent
        self._ended = 0
        self._began = self._since = perf_counter()

    def starting(self, title: str, number: int, total: int) -> None:
        """Say which case is started, of how many that are known; a backend may add its library's kernels to them."""
        begun = number - 1
        left = (perf_counter() - self._began) / begun * (total - begun) if begun else 0.0
        before = f", about {spoken(left)} until the first round" if begun else ""
        self._say(f"starting case {number} of {total}{before}: {title}")

    def begin(self) -> None:
        """Note that the first round begins."""
        self._began = self._since = perf_counter()

    def measuring(self, title: str) -> None:
        """Say which case is measured, in which round, and about how long all rounds still take."""
        left = f", about {spoken(self.left())} left" if self._ended else ""
        self._say(f"round {self._ended + 1} of {self._rounds}{left}: {title}")

    def ended(self) -> None:
        """Note that a round has ended."""
        self._ended += 1
        self._since = perf_counter()
        if self._ended == 1 < self._rounds:
            took, left = spoken(self._since - self._began), spoken(self.left())
            self._news(f"round 1 of {self._rounds} took {took}: about {left} left")

    def left(self) -> float:
        """Return the seconds that the rounds still take, if each takes what those before it took on average."""
        each = (self._since - self._began) / self._ended
        return max(0.0, each * (self._rounds - self._ended) - (perf_counter() - self._since))

"""What threads have to say to the driver's main thread, and the tasks that it is said of."""

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from harness.execution.pools import plain
from harness.trial.tasks import Report

Message = tuple[str, Any, Any]
"""Its kind, the number of the task that it is about, and the rest.

Kinds: ``said`` (with pickled lists of reports), ``report`` (with one), ``logged`` (with an offset and what was logged
there), ``ended`` (with the result); ``line`` and ``joined``, about a text.
"""


@dataclass(eq=False)
class Running:
    """A task that is under way."""

    report: Report | None
    future: Future[Any] = field(default_factory=Future)

    def pass_on(self, kind: str, content: Any) -> None:
        """Pass on what its job has reported."""
        for each in content if kind == "said" else [content]:
            with suppress(Exception):  # what cannot be read here is left out: reports are best effort
                for said in plain.loads(each) if kind == "said" else [each]:
                    if self.report:
                        self.report(said)


class Messages:
    """A queue of messages from any thread."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Message] = SimpleQueue()

    def put(self, kind: str, about: Any, content: Any = None) -> None:
        """Add a message."""
        self._queue.put((kind, about, content))

    def take(self, seconds: float) -> list[Message]:
        """Wait for a message; return all that are there, first those of tasks that end: no row waits for reports."""
        messages: list[Message] = []
        with suppress(Empty):
            messages.append(self._queue.get(timeout=seconds))
            while True:
                messages.append(self._queue.get_nowait())
        ending = {about for kind, about, _ in messages if kind == "ended"}
        return sorted(messages, key=lambda message: message[1] not in ending)

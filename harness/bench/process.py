"""A process that measures, seen from the driver: how it starts, what it says, how it ends."""

import pickle
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from subprocess import PIPE
from time import perf_counter
from typing import Any

from harness.bench.worker import PROGRAM, Message
from harness.errors import HarnessError, one_line
from harness.execution.pools import plain
from harness.machine.channel import Channel
from harness.machine.supervised import Child

_ENDING_SECONDS = 5.0
"""How long a process may take to end after it has closed its pipe."""
_LOOK_SECONDS = 0.25
"""How long a message is waited for at a time: on Windows no interrupt ends a longer wait."""


class FailedError(HarnessError):
    """A case raised something, its process died, or it took too long."""


class Worker:
    """A process that measures: what is sent to it, and what it says.

    Raises:
        FailedError: it cannot be started.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._messages: SimpleQueue[bytearray | None] = SimpleQueue()
        self._ended = False
        try:
            self._child = Child(PROGRAM, stdin=PIPE, stdout=PIPE, stderr=None, environment=environment, deaf=True)
        except OSError as error:
            msg = f"its process cannot start: {error.strerror}"
            raise FailedError(msg) from None
        writer, reader, _ = self._child.pipes
        self._channel = Channel(reader, writer)
        self._channel.listen(self._messages.put, lambda: self._messages.put(None), lambda: self._ended)

    def send(self, content: Any) -> None:
        """Pass on what can be pickled; that its process has ended is noticed when it is heard."""
        with suppress(OSError):
            self._channel.send(pickle.dumps(content, protocol=5))

    def hear(self, until: float | None) -> Message:
        """Return its next message, by `time.perf_counter` before ``until``.

        Raises:
            TimeoutError: it has said nothing until then.
            FailedError: it has ended, or what it says cannot be read.
        """
        while True:
            left = _LOOK_SECONDS if until is None else min(_LOOK_SECONDS, max(0.0, until - perf_counter()))
            try:
                frame = self._messages.get(timeout=left)
            except Empty:
                if until is not None and perf_counter() >= until:
                    raise TimeoutError from None
                continue
            break
        if frame is None:
            self._messages.put(None)  # nothing else ever comes
            msg = f"its process died ({self._child.ending(_ENDING_SECONDS)})"
            raise FailedError(msg)
        try:
            message: Message = plain.loads(frame)
        except Exception as error:  # noqa: BLE001 - damaged or hostile content may raise anything
            msg = f"its process sent what cannot be read: {one_line(error)}"
            raise FailedError(msg) from None
        return message

    def end(self) -> None:
        """Kill its process, and wait until the system has let go of it."""
        self._ended = True
        self._child.end()

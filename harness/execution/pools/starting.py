"""A worker process, seen from the driver: how it is started, what it says, how it ends."""

import os
import pickle
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from subprocess import PIPE
from time import monotonic
from typing import Any

from harness.errors import one_line, printable
from harness.execution.pools import plain
from harness.execution.pools.worker import PROGRAM
from harness.machine.channel import Channel
from harness.machine.pages import with_huge_pages
from harness.machine.supervised import END_SECONDS, Child, how_it_ended
from harness.plugins.loading import DISABLE
from harness.plugins.vetting import VETTED

Message = tuple["Process", str, int, Any]
"""Who says it, its kind, the number of the task that it is about, and the rest.

Kinds: ``ready`` and ``begun`` (a task), ``said`` and ``done`` (with something pickled), ``ended`` (nothing comes any
more), ``unstarted`` (with the reason).
"""

_LAST_WORDS_SECONDS = 0.5
"""How long is waited for the end of what a process that has ended wrote."""
_LINES = 20
"""Lines that are kept of what a worker says on standard error before its first task."""


class Process:
    """Starts a worker and passes tasks to it; what it says goes to ``messages``.

    One thread starts the process, writes to it and stays until its end: Linux kills a worker when the thread that
    started it ends (`end_with_parent`), so that must not be a passing one. ``environment``: as `Processes` has it.
    ``third_party``: whether the process may load third-party plugins.
    """

    def __init__(
        self, messages: "SimpleQueue[Message]", environment: Mapping[str, str | None], *, third_party: bool
    ) -> None:
        self.begun_at = monotonic()
        """When its start began, and then when its task did, by `time.monotonic`."""
        self.ready = False
        self.number: int | None = None
        """The number of the task that it works on."""
        self.variables: Mapping[str, str] = {}
        """Those of its environment that the tasks have asked for which it may be given."""
        self.silent = False
        """Whether all that it said has been taken from ``messages``."""
        variables = {**os.environ, **environment, VETTED: "1"}
        if not third_party:
            variables[DISABLE] = f"{variables.get(DISABLE) or ''},*"
        self._environment = with_huge_pages({name: value for name, value in variables.items() if value is not None})
        self._messages = messages
        self._frames: SimpleQueue[bytes | None] = SimpleQueue()
        self._child: Child | None = None
        self._said: deque[str] = deque(maxlen=_LINES)
        self._killed = False
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._attendant = threading.Thread(target=self._attend, daemon=True)
        try:
            self._attendant.start()
        except RuntimeError as error:  # no thread can be started
            self._say("unstarted", 0, one_line(error))

    def send(self, number: int, task: bytes) -> None:
        """Give it a pickled task."""
        self._frames.put(pickle.dumps((number, task), protocol=5))

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._child.exit_code() if self._child else None

    def kill(self) -> None:
        """End it at once; the system's part of that may take a moment longer."""
        self._killed = True
        if self._child:
            self._child.kill()
        self._frames.put(None)

    def join(self) -> None:
        """Wait until a process that was killed has ended."""
        self._attendant.join(END_SECONDS)

    @property
    def over(self) -> bool:
        """Whether the system has let go of it."""
        return not self._attendant.is_alive()

    def why(self) -> str:
        """Return how it ended, and the last line that it wrote on standard error before its first task."""
        self._drainer.join(_LAST_WORDS_SECONDS)
        how = how_it_ended(self.exit_code())
        return f"{how}: {self._said[-1]}" if self._said else how

    def _attend(self) -> None:
        try:
            child = self._child = Child(
                PROGRAM, stdin=PIPE, stdout=PIPE, stderr=PIPE, environment=self._environment, deaf=True
            )
            writer, reader, _ = child.pipes
            channel = Channel(reader, writer)
            self._drainer.start()
            channel.listen(self._take, lambda: self._say("ended", 0, None), lambda: self._killed)
        except (OSError, ValueError, RuntimeError, MemoryError) as error:  # no interpreter, process, thread or memory
            self._say("unstarted", 0, one_line(error))
            self._finish()
            return
        while not self._killed and (frame := self._frames.get()) is not None:
            try:
                channel.send(frame)
            except OSError:  # it has ended, which the listening thread notices
                break
        while not self._killed and self._frames.get() is not None:
            continue
        self._finish()

    def _finish(self) -> None:
        """Let go of the process; pipes that a process of a plugin's still holds are left to the threads that read."""
        if self._child:
            self._child.end()

    def _take(self, frame: bytearray) -> None:
        """Queue what the process says."""
        self._say(*plain.loads(frame))

    def _say(self, kind: str, number: int, content: Any) -> None:
        self._messages.put((self, kind, number, content))

    def _drain(self) -> None:
        """Keep the end of what it writes on standard error: until its first task that is why it cannot start."""
        if not self._child:
            return
        *_, errors = self._child.pipes
        with suppress(OSError, ValueError), errors:
            while content := errors.read(65536):
                if self._killed:  # a process that it started may write on for ever
                    break
                lines = content.decode("utf-8", "backslashreplace").splitlines()
                self._said.extend(printable(line) for line in lines[-_LINES:] if line.strip())

"""A worker process, seen from the driver: how it is started, what it says, how it ends."""

import os
import pickle
import subprocess
import threading
from collections import deque
from contextlib import suppress
from io import FileIO
from queue import SimpleQueue
from time import monotonic
from typing import Any, cast

from harness.errors import one_line, printable
from harness.execution.pools import plain
from harness.execution.pools.channel import Channel
from harness.execution.pools.worker import PROGRAM
from harness.machine.children import python
from harness.plugins.loading import DISABLE
from harness.plugins.vetting import VETTED

Message = tuple["Process", str, int, Any]
"""Who says it, its kind, the number of the task that it is about, and the rest.

Kinds: ``ready`` and ``begun`` (a task), ``said`` and ``done`` (with something pickled), ``ended`` (nothing comes any
more), ``unstarted`` (with the reason).
"""

_ENDING_SECONDS = 5.0
"""How long is waited for the system to let go of a process that was killed."""
_LAST_WORDS_SECONDS = 0.5
"""How long is waited for the end of what a process that has ended wrote."""
_LINES = 20
"""Lines that are kept of what a worker says on standard error before its first task."""


class Process:
    """Starts a worker and passes tasks to it; what it says goes to ``messages``.

    One thread starts the process, writes to it and stays until its end: Linux kills a worker when the thread that
    started it ends (`end_with_parent`), so that must not be a passing one. ``third_party``: whether the process may
    load third-party plugins.
    """

    def __init__(self, messages: "SimpleQueue[Message]", *, third_party: bool) -> None:
        self.begun_at = monotonic()
        """When its start began, and then when its task did, by `time.monotonic`."""
        self.ready = False
        self.number: int | None = None
        """The number of the task that it works on."""
        self.silent = False
        """Whether all that it said has been taken from ``messages``."""
        self._environment = os.environ | {VETTED: "1"}
        if not third_party:
            self._environment[DISABLE] = f"{os.environ.get(DISABLE, '')},*"
        self._messages = messages
        self._frames: SimpleQueue[bytes | None] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._said: deque[str] = deque(maxlen=_LINES)
        self._killed = False
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._attendant = threading.Thread(target=self._attend, daemon=True)
        self._attendant.start()

    def send(self, number: int, task: bytes) -> None:
        """Give it a pickled task."""
        self._frames.put(pickle.dumps((number, task), protocol=5))

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """End it at once; the system's part of that may take a moment longer."""
        self._killed = True
        if self._process:
            with suppress(OSError):
                self._process.kill()
        self._frames.put(None)

    def join(self) -> None:
        """Wait until a process that was killed has ended."""
        self._attendant.join(_ENDING_SECONDS)

    @property
    def over(self) -> bool:
        """Whether the system has let go of it."""
        return not self._attendant.is_alive()

    def why(self) -> str:
        """Return how it ended, and the last line that it wrote on standard error before its first task."""
        self._drainer.join(_LAST_WORDS_SECONDS)
        code = self.exit_code()
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        return f"{how}: {self._said[-1]}" if self._said else how

    def _attend(self) -> None:
        try:
            process = self._process = subprocess.Popen(  # noqa: S603 - our own program
                python(PROGRAM, str(os.getpid())),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                env=self._environment,
            )  # fmt: skip
            channel = Channel(cast("FileIO", process.stdout), cast("FileIO", process.stdin))
            self._drainer.start()
            threading.Thread(target=self._listen, args=(channel,), daemon=True).start()
        except (OSError, ValueError, RuntimeError, MemoryError) as error:  # no interpreter, process, thread or memory
            self._messages.put((self, "unstarted", 0, one_line(error)))
            self._finish()
            return
        while not self._killed and (frame := self._frames.get()) is not None:
            try:
                channel.send(frame)
            except OSError:  # it has ended: that is found where it is listened to
                break
        while not self._killed and self._frames.get() is not None:
            continue
        self._finish()

    def _finish(self) -> None:
        """Let go of the process; pipes that a process of a plugin's still holds are left to the threads that read."""
        if self._process:
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait(_ENDING_SECONDS)
            with suppress(OSError):
                cast("FileIO", self._process.stdin).close()

    def _listen(self, channel: Channel) -> None:
        """Queue what the process says, until it ends."""
        with suppress(Exception):  # it has ended; or what it says is no frame, or has no room here, which ends it too
            channel.await_greeting(lambda: self._killed)
            while True:
                kind, number, content = plain.loads(channel.receive())
                self._messages.put((self, kind, number, content))
        self._messages.put((self, "ended", 0, None))
        self._close("stdout")

    def _drain(self) -> None:
        """Keep the end of what it writes on standard error: until its first task that is why it cannot start."""
        with suppress(OSError, ValueError):
            while content := cast("FileIO", self._process and self._process.stderr).read(65536):
                if self._killed:  # a process that it started may write on for ever
                    break
                lines = content.decode("utf-8", "backslashreplace").splitlines()
                self._said.extend(printable(line) for line in lines[-_LINES:] if line.strip())
        self._close("stderr")

    def _close(self, name: str) -> None:
        with suppress(OSError):
            getattr(self._process, name).close()

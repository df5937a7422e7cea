"""A Python process that harness starts and supervises: its pipes, its end with ours, its time, its exit in words."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
from subprocess import DEVNULL, Popen, TimeoutExpired
from types import TracebackType
from typing import Self, cast

from harness.machine.children import python

END_SECONDS = 5.0
"""How long the system may take to let go of a process that was killed."""
_PRELUDE = "from harness.machine.children import end_with_parent\nend_with_parent({parent})\n"
_DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"


class Child:
    """A Python process that runs ``program``, its source, and finds ``arguments`` in ``sys.argv[1:]``.

    It finds the modules that this process finds (`harness.machine.children.python`), and shares no lock, no memory, no
    socket and no file with it. On Linux the kernel kills it when the thread that started it ends, however that ends
    (`harness.machine.children.end_with_parent`): a thread that starts one must stay. Leaving its ``with`` block ends
    it.

    ``environment``: all of its variables; by default this process's. ``stdin``, ``stdout``, ``stderr``: as
    `subprocess.Popen` has them, but by default they lead nowhere. ``group``: whether it leads a process group, which
    ends with it and which the terminal does not interrupt. ``deaf``: whether it ignores an interrupt from the start on,
    as one does that this process ends when it is interrupted itself.

    Raises:
        OSError: no process can be started: no interpreter, no memory, too many processes.
    """

    def __init__(
        self,
        program: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        stdin: int | None = DEVNULL,
        stdout: int | None = DEVNULL,
        stderr: int | None = DEVNULL,
        group: bool = False,
        deaf: bool = False,
    ) -> None:
        self._group = group
        prelude = (_DEAF if deaf else "") + _PRELUDE.format(parent=os.getpid())
        self._process = Popen(  # noqa: S603 - our own program
            python(prelude + program, *arguments),
            stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0, env=environment, start_new_session=group,
        )  # fmt: skip

    @property
    def pipes(self) -> tuple[FileIO, FileIO, FileIO]:
        """Its standard input, output and error, unbuffered; those alone that were asked for as pipes."""
        process = self._process
        return cast("tuple[FileIO, FileIO, FileIO]", (process.stdin, process.stdout, process.stderr))

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit code once it has ended; None where it still runs after ``seconds``."""
        with suppress(TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def ending(self, seconds: float = 0.0) -> str:
        """Return how it ended, in words, where it has within ``seconds``: ``"signal 9"``, ``"exit code 3"``."""
        return how_it_ended(self.wait(seconds))

    def output(self, seconds: float | None = None, content: bytes | None = None) -> tuple[bytes, bytes] | None:
        """Return what it writes to its pipes, output and error, until its end; None if that is not within ``seconds``.

        It is still to be ended then, and another call returns all that it has written. ``content``: its input.
        """
        try:
            written, errors = self._process.communicate(content, seconds)
        except TimeoutExpired:
            return None
        return written or b"", errors or b""

    def kill(self) -> None:
        """Have the system kill it, at once, and with it what it started where it leads a group."""
        with suppress(OSError):
            if self._group and hasattr(os, "killpg") and self.exit_code() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def end(self, patience: float = 0.0) -> None:
        """Terminate it, kill it if it still runs after ``patience`` seconds, wait for the system, close its input.

        Without ``patience`` it is killed at once. Its other pipes are closed by who reads them: a process that it
        started may hold them open.
        """
        if patience and self.exit_code() is None:
            with suppress(OSError):
                self._process.terminate()
            self.wait(patience)
        self.kill()
        self.wait(END_SECONDS)
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def how_it_ended(code: int | None) -> str:
    """Return an exit code in words; None is of a process that has not ended.

    >>> how_it_ended(-9), how_it_ended(3), how_it_ended(None)
    ('signal 9', 'exit code 3', 'it stopped answering')
    """
    if code is None:
        return "it stopped answering"
    return f"signal {-code}" if code < 0 else f"exit code {code}"

"""The end of a command: what a plugin left behind does not keep the process alive."""

from __future__ import annotations

import os
import sys
import threading
from _thread import start_new_thread
from contextlib import suppress
from time import sleep

SECONDS = 10.0
"""How long plugins' threads and functions registered with `atexit` may take."""


def gate_code(*, failed: bool, undecided: bool, require_verdict: bool) -> int:
    """Return the exit code of a command that gates: 3 if it failed, 4 if it is undecided, else 0.

    With ``require_verdict``, undecided counts as failed.
    """
    if failed or (undecided and require_verdict):
        return 3
    return 4 if undecided else 0


def leave(code: int, seconds: float = SECONDS) -> None:
    """End this process within ``seconds``; it is about to end with an exit code.

    Python waits for threads that are not daemons and for functions registered with `atexit`, without a limit. They get
    this long, because an observer may be sending its results. What they print goes to standard error, because standard
    output has the command's results.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed or full: Python reports it at exit
            stream.flush()
    with suppress(OSError):
        os.dup2(2, 1)
    # `threading.Thread.start` waits for its thread, for ever where that finds no memory to begin.
    with suppress(RuntimeError, MemoryError):
        start_new_thread(_end_after, (code, seconds))


def _end_after(code: int, seconds: float) -> None:
    sleep(seconds)
    ours = (threading.current_thread(), threading.main_thread())
    names = [repr(thread.name) for thread in threading.enumerate() if thread not in ours and not thread.daemon]
    what = f"the thread {', '.join(names)}" if names else "a function that a plugin registered with atexit"
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"stopped waiting after {seconds:g} s for {what}\n")
        sys.stderr.flush()
    os._exit(code)

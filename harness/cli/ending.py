"""The end of a command: when it has said its last word, nothing that a plugin left behind keeps it alive."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

SECONDS = 10.0
"""How long threads that plugins started, and what they registered to be run at the end, may take."""


def leave(code: int, seconds: float = SECONDS) -> None:
    """See to it that this process, which is about to end with an exit code, has ended within ``seconds``.

    Python waits for every thread that is not a daemon, and for every function that was registered with `atexit`, for
    ever if need be. Until then they have their time: one may be sending what it observed. What they print goes to
    standard error: standard output has its results.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or full: Python's own end says so
            stream.flush()
    with suppress(OSError):
        os.dup2(2, 1)
    timer = threading.Timer(seconds, _end, (code, seconds))
    timer.daemon = True
    timer.start()


def _end(code: int, seconds: float) -> None:
    ours = (threading.current_thread(), threading.main_thread())
    names = [repr(one.name) for one in threading.enumerate() if one not in ours and not one.daemon]
    what = f"the thread {', '.join(names)}" if names else "what a plugin registered to be run at the end"
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"not waiting any longer than {seconds:g} s for {what}\n")
        sys.stderr.flush()
    os._exit(code)

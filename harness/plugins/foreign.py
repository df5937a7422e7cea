"""Calls third-party code in this process, and contains its errors, its output and its time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from math import inf, isfinite
from typing import TYPE_CHECKING

from harness.errors import HarnessError, PluginError, one_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LIMIT = "HARNESS_PLUGIN_TIMEOUT"
"""The environment variable of the limit, in seconds, of a call of third-party code; workers inherit it."""
SECONDS = 120.0
"""The limit without it: an import over a network may take a minute."""
UNLIMITED = inf
"""No limit, for calls that the user waits for or whose worker has a limit."""
_AGAIN = 0.5  # seconds until code that swallowed the exception gets it again


class _Late(BaseException):
    """The time of a call has ended. Not an Exception, so that a plugin's ``except`` does not catch it."""


class LateError(PluginError):
    """A call took longer than its limit."""


@contextmanager
def foreign(seconds: float | None = None, *, aside: bool = True) -> Iterator[None]:
    """Call third-party code in the block, so that it can end neither this process nor the command.

    An `Exception` passes. Anything else (SystemExit, GeneratorExit, a KeyboardInterrupt that the user did not type,
    pytest's Skipped) becomes a `PluginError`, which is an `Exception`, and so does a call that takes longer than
    ``seconds``, by default `patience`. The limit needs the main thread and a system with SIGALRM; it ends code in
    Python and waits for the system, not a computation in C. ``aside``: output goes to standard error, because standard
    output is for results.

    Raises:
        PluginError: as above; a `KeyboardInterrupt` of the user's passes.
    """
    limit = patience() if seconds is None else seconds
    with ExitStack() as stack:
        if aside:
            stack.enter_context(_output_aside())
        try:
            with _limited(limit):
                yield
        except Exception:
            raise
        except _Late as error:
            msg = f"took longer than {limit:g} s"
            raise LateError(msg) from error
        except BaseException as error:
            if from_user(error):
                raise KeyboardInterrupt from error
            raise PluginError(one_line(error)) from error


def patience() -> float:
    """Return how many seconds a call of third-party code may take.

    Raises:
        HarnessError: the environment variable has no number of seconds.
    """
    text = os.environ.get(LIMIT, "")
    if not text:
        return SECONDS
    with suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    msg = f"{LIMIT}={shown(text)}: not a number of seconds above 0. Write 300 for five minutes, or unset it"
    raise HarnessError(msg)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal that asks this process to end, with an exception that differs from any of a plugin's."""
    raise KeyboardInterrupt


def from_user(error: BaseException) -> bool:
    """Return whether an error, or one of its causes, is the user's request to end this process.

    With another handler than `interrupt`, as in a program that uses harness as a library, every `KeyboardInterrupt`
    counts as the user's; with the signal ignored, as in a worker, none does.
    """
    handler = signal.getsignal(signal.SIGINT)
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, KeyboardInterrupt) and (
            _raised_by_handler(cause) if handler is interrupt else handler is not signal.SIG_IGN
        ):
            return True
        waiting += [cause.__cause__, cause.__context__]
    return False


def _raised_by_handler(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is interrupt.__code__:
            return True
        trace = trace.tb_next
    return False


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise `_Late` in the block when its time is over, if that is possible."""
    possible = hasattr(signal, "SIGALRM") and isfinite(seconds)
    if not possible or threading.current_thread() is not threading.main_thread():
        yield
        return

    active = True

    def end(_number: int, _frame: FrameType | None) -> None:
        if active:
            raise _Late

    before = signal.signal(signal.SIGALRM, end)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        try:
            yield
        finally:
            active = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _output_aside() -> Iterator[None]:
    """Send standard output to standard error, the output of C code and child processes included."""
    kept = None
    with suppress(OSError, ValueError, AttributeError):  # closed, or replaced
        sys.stdout.flush()
    with suppress(OSError):
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)

"""Calls of third-party code in this process: its errors, its output and its time are kept apart from the command's."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from math import inf, isfinite
from typing import TYPE_CHECKING

from harness.errors import PluginError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LIMIT = "HARNESS_PLUGIN_TIMEOUT"
"""The environment variable that says how many seconds a call of third-party code may take; workers inherit it."""
SECONDS = 120.0
"""How long that is without it: an import over a network may take a minute."""
UNLIMITED = inf
"""No limit: of a call that a user waits for, or that its worker has a limit for."""
_AGAIN = 0.5  # seconds until one that swallowed the end of its time is reminded


class _Late(BaseException):
    """The time of a call has ended. Not an Exception: what a plugin catches on its way is no business of this."""


class LateError(PluginError):
    """A call that took longer than it may."""


@contextmanager
def foreign(seconds: float | None = None, *, aside: bool = True) -> Iterator[None]:
    """Call third-party code in the block: it can end neither this process nor the command.

    An `Exception` passes. Anything else that it raises (SystemExit, GeneratorExit, a KeyboardInterrupt that no user
    typed, pytest's Skipped) becomes a `PluginError`, which is one, and so does a call that takes longer than
    ``seconds``, by default `patience`. The limit needs the main thread and a system that has SIGALRM; it ends what runs
    in Python or waits for the system, not a computation in C. ``aside``: whatever is printed goes to standard error, as
    standard output is for results.

    Raises:
        PluginError: as above; `KeyboardInterrupt` passes where it is the user's.
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
    """Return how many seconds a call of third-party code may take."""
    with suppress(ValueError):
        told = float(os.environ.get(LIMIT, ""))
        return told if told > 0 else SECONDS
    return SECONDS


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal that asks this process to end: what it raises can be told from what a plugin raises."""
    raise KeyboardInterrupt


def from_user(error: BaseException) -> bool:
    """Return whether an error, or one that it arose from, is a request to end this process and no plugin's own.

    Where another handler than `interrupt` has been set, as in a program that uses harness as a library, every
    `KeyboardInterrupt` counts as one; where the signal is ignored, as in a worker, none does.
    """
    handler = signal.getsignal(signal.SIGINT)
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, KeyboardInterrupt) and (
            _raised_by_handler(one) if handler is interrupt else handler is not signal.SIG_IGN
        ):
            return True
        waiting += [one.__cause__, one.__context__]
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
    """End the block by `_Late` when its time has come, where that is possible."""
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
    """Send what is printed to standard output to standard error: what C code and child processes print, too."""
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

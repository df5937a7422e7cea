"""Performs a task where it is, so that nothing which a job does ends what it runs in."""

import io
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from harness.errors import HarnessError, one_line, printable
from harness.execution.pools.logs import Log, limit
from harness.machine.cache import cache_root
from harness.machine.handlers import handled
from harness.machine.host import NODE
from harness.machine.room import no_space
from harness.plugins.foreign import from_user
from harness.plugins.loading import Registry
from harness.plugins.observing import Attendant
from harness.trial.tasks import Failure, Report, Task

_LOG = logging.getLogger(__name__)


class TimedOutError(Exception):
    """A job has taken longer than it may."""


def perform(task: Task, plugins: Callable[[], Registry], report: Report, *, own_process: bool) -> Any:
    """Return a job's result, or the `Failure` that it ended with; its output and its traceback go to its log.

    ``plugins`` returns what is installed here: what loading it prints or raises is part of the task.
    ``own_process``: whether the output of C code may be redirected too.
    """
    with _logged(task.log, own_process=own_process):
        _LOG.info(f"{task.title}, process {os.getpid()}")
        try:
            result = task.job(task.argument, plugins(), report)
        except TimedOutError:
            failure = timed_out(task)
        except BaseException as error:  # SystemExit too: whatever a plugin raises costs its own trial
            if from_user(error):
                _LOG.info("interrupted")
                raise
            traceback.print_exc()
            failure = Failure("failed", _reason(error, task.log))
        else:
            _LOG.info("ended")
            return result
        _LOG.info(f"{failure.status}: {failure.reason}")
        return failure


def full_disk(error: BaseException, log: Path | None) -> str | None:
    """Return, in a line, which disk was full when a job failed; None where it failed by another error.

    ``log``: its log, in the folder where it writes.
    """
    return no_space(error, _written(log))


def _reason(error: BaseException, log: Path | None) -> str:
    """Return why a job failed: its error in a line; or which disk is full, on a cluster that of which node."""
    full = full_disk(error, log)
    if full is None:
        return one_line(error)
    node = os.environ.get(NODE)
    return printable(f"node {node}: {full}" if node else full)


def _written(log: Path | None) -> Iterator[Path]:
    """Yield the folders where jobs write: beside their log, the cache, and the system's temporary folder."""
    if log:
        yield log.parent
    with suppress(HarnessError):
        yield cache_root()
    yield Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - `tempfile` names none where all are full


def timed_out(task: Task) -> Failure:
    """Return the failure of a task that has taken longer than it may."""
    return Failure("timed out", f"took longer than {task.timeout:g} s")


@contextmanager
def _logged(log: Path | None, *, own_process: bool) -> Iterator[None]:
    """Send what is printed, and what is logged at INFO or above, to the end of the log; to nowhere without one."""
    with ExitStack() as stack:
        stack.callback(limit, log)
        raw = _open(log)
        # Line by line: a reader who follows the log sees how far a trial is.
        file = stack.enter_context(
            io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)
        )
        if own_process:
            # The descriptors themselves: a C library's output goes there too. A worker has no other use for them.
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor in (1, 2):
                os.dup2(raw.fileno(), descriptor)
        stack.enter_context(redirect_stdout(_Redirected(file, sys.stdout)))
        stack.enter_context(redirect_stderr(_Redirected(file, sys.stderr)))
        stack.enter_context(handled(logging.getLogger(), _writer(file), logging.INFO))
        yield


class _Redirected:
    """A job's standard stream: its log, but for the threads of observers, which may share its process."""

    def __init__(self, log: TextIO, stream: TextIO) -> None:
        self._log, self._stream = log, stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream if isinstance(threading.current_thread(), Attendant) else self._log, name)


def _writer(file: TextIO) -> logging.Handler:
    """Return a handler that writes log records to a file."""
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    return handler


def _open(log: Path | None) -> Log:
    if log:
        with suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            return Log(log, "a")
    return Log(os.devnull, "a")

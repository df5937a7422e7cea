"""Standard output and standard error that may be closed, full, without a reader, or of a narrow encoding."""

import codecs
import errno
import io
import os
import sys
from typing import Any, TextIO

from harness.errors import HarnessError

_REPLACE = "harness.replace"
_GONE = {errno.EPIPE, errno.ESHUTDOWN} | ({errno.EINVAL} if os.name == "nt" else set())


class ReaderGoneError(Exception):
    """The reader of standard output has ended, as ``head`` does, which is no error.

    Not an OSError, because typer handles those.
    """


class _Output(io.FileIO):
    """Standard output. After an error it writes nothing more, so the error is not raised again at exit."""

    _broken = False

    def write(self, content: Any) -> int:
        if not self._broken:
            try:
                return super().write(content)
            except OSError as error:
                self._broken = True
                if error.errno in _GONE:
                    raise ReaderGoneError from None
                msg = f"standard output cannot be written to: {error.strerror}. All other results are kept"
                raise HarnessError(msg) from None
        return memoryview(content).nbytes


class _Errors(io.FileIO):
    """Standard error: what cannot be written is dropped, because it cannot be reported anywhere."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes


class Streams:
    """Replaces the standard streams during a command; ``lacking`` is whether characters were replaced.

    Streams that are not the process's (a notebook's, a test's) are left alone.
    """

    lacking = False

    def take(self) -> None:
        """Open closed descriptors, and replace standard output and standard error.

        The next file that is opened would get a closed descriptor, and a library that prints would write into that
        file, a row for example.
        """
        closed = [number for number in (0, 1, 2) if not _is_open(number)]
        for number in closed:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        codecs.register_error(_REPLACE, self._replaced)
        if sys.stdout is sys.__stdout__ and not _is_console(sys.stdout):
            raw: io.FileIO = _Closed() if 1 in closed else _Output(1, "w", closefd=False)
            sys.stdout = _text(raw, sys.stdout, _REPLACE)
        if sys.stderr is sys.__stderr__ and not _is_console(sys.stderr):
            sys.stderr = _text(_Errors(2, "w", closefd=False), sys.stderr, "backslashreplace")

    def _replaced(self, error: UnicodeError) -> tuple[str | bytes, int]:
        """Replace what an encoding lacks; write a path's bytes that are not UTF-8 unchanged, as ``ls`` does."""
        if not isinstance(error, UnicodeEncodeError):
            raise error
        first = ord(error.object[error.start])
        if 0xDC80 <= first <= 0xDCFF:  # how Python keeps such a byte
            return bytes([first - 0xDC00]), error.start + 1
        self.lacking = True
        return "?" * (error.end - error.start), error.end


class _Closed(_Output):
    """Standard output that was closed before the command began (``>&-``)."""

    def __init__(self) -> None:
        super().__init__(1, "w", closefd=False)

    def write(self, content: Any) -> int:
        if not self._broken:
            self._broken = True
            raise HarnessError("standard output is closed. All other results are kept")
        return memoryview(content).nbytes


def _text(raw: io.FileIO, before: TextIO | None, errors: str) -> io.TextIOWrapper:
    encoding = before.encoding if before else "utf-8"
    lines = raw.isatty() or errors == "backslashreplace"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=lines)


def _is_console(stream: TextIO | None) -> bool:
    """Return whether it is a Windows console, which takes characters instead of bytes, and neither fills nor ends."""
    return os.name == "nt" and stream is not None and stream.isatty()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

"""How harness and a process that it supervises talk: frames of bytes over two pipes that no other process shares.

Each process has its pipes, and no lock: one that is killed while it writes breaks nothing for another one.
"""

import os
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from io import FileIO

_GREETING = b"\0harness worker is ready for frames\0"
_LENGTH = struct.Struct(">Q")


class Channel:
    """Frames to and from another process; ``reader`` and ``writer`` are unbuffered."""

    def __init__(self, reader: FileIO, writer: FileIO) -> None:
        self._reader, self._writer = reader, writer
        self._writing = threading.Lock()

    def greet(self) -> None:
        """Say that frames follow."""
        self._writer.write(_GREETING)

    def await_greeting(self, given_up: Callable[[], bool]) -> None:
        """Skip what was written before the greeting: a ``sitecustomize`` that prints, for one.

        Raises:
            EOFError: the other process has gone, or is ``given_up`` and writes on.
        """
        last = b""
        while last != _GREETING:
            if given_up():
                raise EOFError
            last = (last + self._read(1))[-len(_GREETING) :]

    def send(self, frame: bytes) -> None:
        """Send a frame; waits while the other process is slow to read.

        Raises:
            OSError: the other process has gone.
        """
        with self._writing:
            for part in (_LENGTH.pack(len(frame)), frame):
                left = memoryview(part)
                while left:
                    left = left[self._writer.write(left) :]

    def receive(self) -> bytearray:
        """Return the next frame.

        Raises:
            EOFError: the other process has gone, perhaps in the middle of a frame.
            OSError: the pipe cannot be read.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return self._read(length)

    def listen(
        self, take: Callable[[bytearray], None], ended: Callable[[], None], given_up: Callable[[], bool]
    ) -> None:
        """Start a thread that calls ``take`` with each frame after the greeting, then ``ended``, and closes the pipe.

        It ends with the other process, when that is ``given_up`` before it greets, or when ``take`` raises anything.
        """
        threading.Thread(target=self._listen, args=(take, ended, given_up), daemon=True).start()

    def _listen(
        self, take: Callable[[bytearray], None], ended: Callable[[], None], given_up: Callable[[], bool]
    ) -> None:
        with suppress(Exception):  # it has ended; or what it says is no frame, or has no room here, which ends it too
            self.await_greeting(given_up)
            while True:
                take(self.receive())
        ended()
        with suppress(OSError):
            self._reader.close()

    def _read(self, length: int) -> bytearray:
        content = bytearray(length)
        left = memoryview(content)
        while left:
            count = self._reader.readinto(left)
            if not count:
                raise EOFError
            left = left[count:]
        return content


def taken_from_standard_streams() -> Channel:
    """Return the channel to the driver, which a worker finds as its standard input and output; those lead nowhere then.

    Processes that a plugin starts do not inherit it.
    """
    reader, writer = FileIO(os.dup(0), "r"), FileIO(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return Channel(reader, writer)

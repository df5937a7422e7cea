"""The file operations of a process, counted, and one of them made to fail.

Counted, below one folder: a file opened for writing, each write that reaches the system, fsync, rename, replace,
mkdir, unlink, rmdir. At the operation that a `Fault` names, a share of what a write has to say is written, then

* ``kill``: the process ends at once, as by SIGKILL: nothing is flushed, no block is left in order;
* ``full``: the operation raises ENOSPC, and so does everything that needs room from then on;
* ``interrupt``: the process gets SIGINT, as by Ctrl-C at that moment;
* ``count``: nothing happens.
"""

import builtins
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path

KILLED = 137
_NEEDS_ROOM = {"open", "write", "mkdir", "fsync"}
_BY_PATH = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir")


@dataclass(frozen=True)
class Fault:
    """What fails, and at which operation, counted from 1, below which folder."""

    kind: str
    at: int
    folder: str
    share: float = 0.5
    """How much of a write reaches the file before it fails."""


def install(fault: Fault, log: Path) -> None:
    """Count this process's operations from now on, a line each in ``log``, and fail as the fault says."""
    watch = _Watch(fault, os.open(log, os.O_WRONLY | os.O_CREAT))
    real = {name: getattr(os, name) for name in _BY_PATH}
    for name in _BY_PATH:
        setattr(os, name, _by_path(watch, "unlink" if name == "remove" else name, real[name]))
    os.fsync = _fsync(watch, os.fsync)
    os.open = _os_open(watch, os.open)
    io.open = builtins.open = _open(watch, io.open)


class _Watch:
    def __init__(self, fault: Fault, log: int) -> None:
        self.fault, self.count = fault, 0
        self._log, self._append = log, os.write
        self._folder = os.path.realpath(fault.folder)

    def happen(self, operation: str, path: str, partly: Callable[[], object] = lambda: None) -> None:
        """Count an operation; fail if it is the one. ``partly`` does as much of it as a failure leaves done."""
        if not (path + "/").startswith(self._folder + "/"):
            return
        self.count += 1
        self._append(self._log, f"{operation} {path}\n".encode(errors="replace"))
        full = self.fault.kind == "full" and self.count > self.fault.at and operation in _NEEDS_ROOM
        if (self.count != self.fault.at and not full) or self.fault.kind == "count":
            return
        partly()
        if self.fault.kind == "kill":
            os._exit(KILLED)
        if self.fault.kind == "interrupt":
            signal.raise_signal(signal.SIGINT)
            return
        raise OSError(ENOSPC, os.strerror(ENOSPC), *([path] if operation != "write" else []))


def _absolute(path, folder: int | None = None) -> str:
    base = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
    return os.path.join(base, os.fsdecode(path))


def _by_path(watch: _Watch, name: str, real):
    def operation(path, *arguments, **options):
        watch.happen(name, _absolute(path, options.get("dir_fd")))
        return real(path, *arguments, **options)

    return operation


def _fsync(watch: _Watch, real):
    def fsync(file):
        number = file if isinstance(file, int) else file.fileno()
        watch.happen("fsync", os.readlink(f"/proc/self/fd/{number}"))
        return real(file)

    return fsync


def _os_open(watch: _Watch, real):
    def open_(path, flags, *arguments, **options):
        if flags & (os.O_WRONLY | os.O_RDWR) and not os.path.exists(path):
            watch.happen("open", _absolute(path, options.get("dir_fd")))
        return real(path, flags, *arguments, **options)

    return open_


def _open(watch: _Watch, real):
    share = watch.fault.share

    class Raw(io.FileIO):
        def write(self, content):
            kept = memoryview(content).cast("B")
            path = os.readlink(f"/proc/self/fd/{self.fileno()}")
            watch.happen("write", path, lambda: super(Raw, self).write(kept[: int(len(kept) * share)]))
            return super().write(content)

    def open_(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if isinstance(file, int) or not set("wxa+") & set(mode):
            return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
        watch.happen("open", _absolute(file))
        raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline, buffering == 1)

    return open_

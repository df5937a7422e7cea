"""Runs the command line, and ends it, or makes the system refuse, at the Nth operation on a file below a folder.

    python -m tests.chaos.at_operation kill 3 FOLDER run suite.toml --out FOLDER/run --jobs 0

Operations are those that Python's audit events report: open for writing, rename, remove, make a folder.
"""

import errno
import os
import signal
import sys
from pathlib import Path

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def operation(event: str, arguments: tuple, folder: str) -> bool:
    """Return whether an audit event is an operation that changes a file below a folder."""
    if event == "open":
        path, mode, flags = arguments
        writes = bool(flags & _WRITES) if mode is None else any(sign in mode for sign in "wax+")
        return writes and isinstance(path, str | os.PathLike) and _below(path, folder)
    if event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}:
        return _below(arguments[0], folder)
    return False


def _below(path: str | os.PathLike[str], folder: str) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))  # noqa: PTH100 - follows no link


def main() -> None:
    """Run what the arguments say, up to that operation; print how many there were."""
    kind, number, folder, *rest = sys.argv[1:]
    count = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        if not operation(event, arguments, folder):
            return
        count += 1
        if count != int(number):
            return
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt if kind == "interrupt" else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)

    from harness import cli

    sys.argv = ["harness", *rest]
    sys.addaudithook(hook)
    try:
        cli.main()
    finally:
        sys.stderr.write(f"operations: {count}\n")


if __name__ == "__main__":
    main()

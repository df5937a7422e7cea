"""The Python processes that harness starts: the modules that they find, and their end with their parent.

``python -c`` and ``python -m`` put the current folder first in ``sys.path``, so a ``socket.py`` or ``types.py`` in it
would run instead of Python's. Our processes start without it (``-P``).
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import _args_from_interpreter_flags as _flags  # type: ignore[attr-defined] # as multiprocessing does

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


def python(program: str, *arguments: str) -> list[str]:
    """Return the command of a Python process that runs ``program``, a text, and finds the modules that this one finds.

    The program finds ``arguments`` in ``sys.argv[1:]``.
    """
    path = f"import sys\nsys.path[:] = {module_path()!a}\n"
    return [sys.executable, *_flags(), "-P", "-c", path + program, *arguments]


def module_path() -> list[str]:
    """Return this process's ``sys.path`` in absolute paths, for a process of ours.

    The current folder comes last where Python itself put it there (an interactive session, ``python -c``). Where
    ``PYTHONPATH`` or a ``.pth`` file names it, it stays in its place.
    """
    here = _current_folder()
    named = [os.path.abspath(entry) for entry in sys.path if entry]  # noqa: PTH100 - no link is resolved
    return [*named, *([here] if "" in sys.path and here else [])]


def leave_current_folder(group: str) -> None:
    """Take the folder that ``python -m`` put in front of ``sys.path`` away, so that nothing in it hides a module.

    It stays, as the last, where a distribution in it offers entry points of ``group``, a plugin under development, or
    where this package itself comes from it.
    """
    here = _current_folder()
    if sys.flags.safe_path or not here or sys.path[:1] != [here]:
        return
    if Path(__file__).resolve().parents[1] == Path(here).resolve():
        return
    del sys.path[0]
    from importlib.metadata import distributions  # here: a worker starts without it

    if any(distribution.entry_points.select(group=group) for distribution in distributions(path=[here])):
        sys.path.append(here)


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends, however it ends.

    ``parent`` is the process that started this one: if it has ended already, so does this one. Linux alone does it.
    On other systems a process notices by itself that the other has gone, which takes a thread of Python's: one that
    computes on and on without letting other threads run outlives a driver that is killed there.
    """
    if sys.platform != "linux":
        return
    with suppress(ImportError, OSError, AttributeError):  # a Python without ctypes, another C library
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _current_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as sys.path has it
    except OSError:  # it has been removed
        return None

"""Runs the command line in forks of one process that has imported everything: a command takes as long as its work.

`Forks` is the client; the server is ``python -m tests.chaos.forkserver``. A fork has its own session, folder,
environment and output, and ends within its limit or is killed.
"""

import gc
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.chaos.operations import Fault, install

ROOT = Path(__file__).parent.parent.parent
_MOST_BYTES = 6 << 30
"""Address space of a fork: what asks for more gets a MemoryError, which is a traceback, and the machine goes on."""
_PATIENCE = 6
"""How many times its limit a command may take by the clock: the machine may be busy."""
_IMPORTED = "modules.json"


@dataclass(frozen=True)
class Done:
    """How a command ended: ``code`` is None where it ran into its limit, negative where a signal ended it."""

    arguments: tuple[str, ...]
    code: int | None
    out: str
    err: str
    operations: tuple[str, ...] = ()
    """The file operations below the fault's folder, where there was a `Fault`."""

    def __str__(self) -> str:
        return f"harness {' '.join(self.arguments)!r:.500}: exit code {self.code}\n{self.out[-1500:]}{self.err[-3000:]}"


class Forks:
    """A server that runs commands, one at a time; ends with its block."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __enter__(self) -> Self:
        """Start the server."""
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forkserver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "1000"} | self._environment,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def run(
        self,
        *arguments,
        cwd: Path,
        limit: int = 10,
        fault: Fault | None = None,
        warm: bool = False,
        call: str = "harness.cli:main",
    ) -> Done:
        """Run a command, or a function named ``module:function``, as a separate process would.

        For at most ``limit`` seconds of processor time, and six times that by the clock. ``warm``: what it imports is
        imported in the server, for all that follow.
        """
        request = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "limit": limit,
            "fault": fault and vars(fault),
            "warm": warm,
            "call": call,
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        arguments = tuple(request["arguments"])
        return Done(arguments, answer["code"], answer["out"], answer["err"], tuple(answer["operations"]))


def _serve() -> None:
    """Answer one request after the other, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a fork's library prints before its output is redirected is no answer
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryDirectory() as name:
            answer = _ran(request, Path(name))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _ran(request, folder: Path):
    """Fork, wait, and return what came of it."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = _child(request, folder)
        except BaseException:  # noqa: BLE001 - the fork ends here, whatever it meets
            traceback.print_exc()
        finally:
            os._exit(code)
    with suppress(OSError):
        os.setpgid(pid, pid)  # the child does too: whichever comes first
    code = _waited(pid, _PATIENCE * request["limit"])
    if request["warm"] and code == 0:
        for module in json.loads((folder / _IMPORTED).read_text()):
            with suppress(Exception):
                importlib.import_module(module)
        gc.collect()
        gc.freeze()  # a fork's collector leaves the pages that it shares alone
    operations = folder / "operations"
    return {
        "code": code,
        "out": (folder / "out").read_text(errors="surrogateescape"),
        "err": (folder / "err").read_text(errors="surrogateescape"),
        "operations": operations.read_text(errors="replace").splitlines() if operations.exists() else [],
    }


def _waited(pid: int, limit: float) -> int | None:
    """Return a child's exit code, None where it had to be killed; whatever it started ends with it."""
    descriptor = os.pidfd_open(pid)
    try:
        ended = bool(select.select([descriptor], [], [], limit)[0])
    finally:
        os.close(descriptor)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if ended and code != -signal.SIGXCPU else None


def _child(request, folder: Path) -> int:
    """Run the command as a separate process would; return its exit code."""
    with suppress(OSError):
        os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (request["limit"], request["limit"] + 1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    os.chdir(request["cwd"])
    sys.argv = ["harness", *request["arguments"]]
    if request["fault"]:
        install(Fault(**request["fault"]), folder / "operations")
    module, _, function = request["call"].partition(":")
    code = _ended(getattr(importlib.import_module(module), function))
    sys.stdout.flush()
    if request["warm"]:
        (folder / _IMPORTED).write_text(json.dumps([name for name in sys.modules if name != "__main__"]))
    return code


def _ended(main) -> int:
    """Return the exit code of a function, as the interpreter makes it."""
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve()

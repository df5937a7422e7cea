"""The fastest kernel here: measured once a machine, stored in the cache, set before NumPy is loaded."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from io import BufferedReader
from operator import truediv
from pathlib import Path
from statistics import median
from subprocess import PIPE
from threading import Timer
from typing import Any

from harness.machine.measured import keep, machine_with, recall
from harness.machine.supervised import Child

VARIABLE = "OPENBLAS_CORETYPE"
"""The variable from which OpenBLAS takes its kernel when it is loaded; if it is set, the user has chosen."""
TUNING_OFF = "HARNESS_NO_TUNE"
"""The variable with which, set to anything, OpenBLAS chooses its kernel itself."""
WORTH = 1.02
"""How many times as fast as OpenBLAS's choice another kernel must be."""

_ROUNDS = 15
_FILE = "numpy-products.json"
_PROGRAM = """
import json
import sys
from harness.machine.kernels.rate import Products
from harness.machine.threads import numpy_library
def answer(value):
    sys.stdout.write(json.dumps(value) + "\\n")
    sys.stdout.flush()
products = Products()
answer(numpy_library())
for _ in sys.stdin:
    answer(products.rate())
"""
_LIMIT = 20.0  # seconds, for a process that hangs
_KERNELS = {
    # Linux's name of an instruction set, and OpenBLAS's kernel for it. Zen uses Haswell's.
    "x86_64": {"avx2": "Haswell", "avx512vl": "SkylakeX", "avx512_bf16": "Cooperlake", "amx_tile": "SapphireRapids"},
    "aarch64": {"asimd": "ARMV8", "asimddp": "NEOVERSEN1", "sve": "NEOVERSEV1", "i8mm": "NEOVERSEN2"},
}


@dataclass(frozen=True)
class Kernel:
    """The fastest kernel, None if OpenBLAS's choice is as fast as any, or NumPy uses another BLAS.

    ``rates``: float32 operations a second and thread by kernel; ``own``: the kernel that OpenBLAS chooses.
    """

    fastest: str | None
    own: str
    rates: dict[str, float]


def settle_kernel(say: Callable[[str], None] = lambda _text: None) -> Kernel | None:
    """Make NumPy use the fastest kernel when it is loaded here or in a process started from here.

    The first call on a machine with a NumPy measures, after a call of ``say``. Return the measured kernels, None if
    `TUNING_OFF` or `VARIABLE` is set, or no measurement succeeded.
    """
    kernel = best_kernel(say)
    if kernel and kernel.fastest:
        os.environ[VARIABLE] = kernel.fastest
    return kernel


def best_kernel(say: Callable[[str], None] = lambda _text: None) -> Kernel | None:
    """Return the kernels of this machine, measured if they are not known. `settle_kernel` sets the fastest."""
    if os.environ.get(TUNING_OFF) or os.environ.get(VARIABLE):
        return None
    kernel = chosen()
    if kernel is None:
        say("timing NumPy's matrix products, once for this machine (--no-tune skips this)")
        kernel = _measure()
        if kernel is not None:
            keep(_FILE, machine_with("numpy"), asdict(kernel))
    return kernel


def chosen() -> Kernel | None:
    """Return the stored kernels of this machine and its NumPy, None if there are none."""
    from pydantic import TypeAdapter  # here, so that processes that measure a kernel do not load it

    try:
        kernel = TypeAdapter(Kernel).validate_python(recall(_FILE, machine_with("numpy")))
    except ValueError:  # none, or written by another version
        return None
    # Only known names may go into the environment: a damaged file could have anything, a NUL too.
    return kernel if kernel.fastest is None or kernel.fastest in _known() else None


def _known() -> set[str]:
    return {kernel for kernels in _KERNELS.values() for kernel in kernels.values()}


def candidates() -> list[str]:
    """Return OpenBLAS's kernels that this processor may run; none if its instruction sets are unknown."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return []
    return [kernel for flag, kernel in _KERNELS.get(platform.machine(), {}).items() if flag in flags]


class Candidate:
    """A process with a kernel, OpenBLAS's choice for None, which multiplies when it is asked to.

    It ends with ``stack``, or when it takes too long for an answer.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, kernel: str | None, stack: ExitStack) -> None:
        environment = os.environ | ({VARIABLE: kernel} if kernel else {}) | {"OPENBLAS_NUM_THREADS": "1"}
        self._child = stack.enter_context(Child(_PROGRAM, environment=environment, stdin=PIPE, stdout=PIPE))
        self._questions, answers, _ = self._child.pipes
        self._answers = stack.enter_context(BufferedReader(answers))
        self.library: dict[str, str] = self._answer() or {}
        """The name and the kernel of what NumPy loaded; nothing if the process ended, at an illegal instruction say."""

    def rate(self) -> float | None:
        """Return float32 operations a second, now; None if the process has ended."""
        with suppress(OSError):
            self._questions.write(b"\n")
        rate: float | None = self._answer()
        return rate

    def _answer(self) -> Any:
        limit = Timer(_LIMIT, self._child.kill)
        limit.start()
        try:
            return json.loads(self._answers.readline())
        except ValueError:  # cut off, or nothing
            return None
        finally:
            limit.cancel()


def _measure() -> Kernel | None:
    """Let a process for each kernel multiply in turns: what else the machine does in a round slows all of them."""
    with ExitStack() as stack:
        try:
            own = Candidate(None, stack)
            others = candidates() if own.library.get("name") == "openblas" else []
            name = own.library.get("kernel", "")
            started = {name: own} | {kernel: Candidate(kernel, stack) for kernel in others if kernel != name}
        except OSError:
            return None
        alive = {kernel: one for kernel, one in started.items() if one.library.get("kernel", "") == kernel}
        rates: dict[str, list[float]] = {kernel: [] for kernel in alive}
        for number in range(_ROUNDS):
            for kernel in list(rates) if number % 2 else list(reversed(rates)):
                rate = alive[kernel].rate()
                if rate is None:
                    del rates[kernel]
                else:
                    rates[kernel].append(rate)
    return decided(name, rates) if name in rates else None


def decided(own: str, rates: Mapping[str, Sequence[float]]) -> Kernel:
    """Return the fastest kernel by the rates of each in as many rounds; ``own`` is OpenBLAS's choice.

    One is as many times as fast as ``own`` as in the median of the rounds.
    """
    times = {kernel: median(map(truediv, found, rates[own])) for kernel, found in rates.items()}
    best = max(times, key=lambda kernel: times[kernel])
    top = max(rates[own])
    return Kernel(best if times[best] > WORTH else None, own, {kernel: top * ratio for kernel, ratio in times.items()})

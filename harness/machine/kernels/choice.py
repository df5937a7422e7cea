"""The fastest kernel here: measured once a machine, stored in the cache, set before NumPy is loaded."""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from harness.machine.measured import keep, machine_with, recall
from harness.machine.supervised import Child

VARIABLE = "OPENBLAS_CORETYPE"
"""The variable from which OpenBLAS takes its kernel when it is loaded; if it is set, the user has chosen."""
TUNING_OFF = "HARNESS_NO_TUNE"
"""The variable with which, set to anything, OpenBLAS chooses its kernel itself."""
WORTH = 1.02
"""How many times as fast as OpenBLAS's choice another kernel must be."""

_ROUNDS = 2
_FILE = "kernels.json"
_PROGRAM = """
import json
import sys
from harness.machine.kernels.rate import multiply_rate
from harness.machine.threads import numpy_library
json.dump(numpy_library() | {"rate": multiply_rate()}, sys.stdout)
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
        say("measuring the kernels of NumPy's matrix products, once for this machine (--no-tune skips this)")
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


def _measure() -> Kernel | None:
    own = _rate(None)
    if own is None:
        return None
    name, rates = own.get("kernel", ""), {own.get("kernel", ""): own["rate"]}
    if own.get("name") == "openblas":
        others = [kernel for kernel in candidates() if kernel != name]
        for _ in range(_ROUNDS):
            for candidate in (*others, None):
                measured = _rate(candidate)
                if measured and measured.get("kernel") == (candidate or name):
                    rates[candidate or name] = max(rates.get(candidate or name, 0.0), measured["rate"])
    best = max(rates, key=lambda kernel: rates[kernel])
    return Kernel(best if rates[best] > WORTH * rates[name] else None, name, rates)


def _rate(kernel: str | None) -> dict[str, Any] | None:
    """Return the library and the rate of a process with a kernel, None if it fails, at an illegal instruction say."""
    environment = os.environ | ({VARIABLE: kernel} if kernel else {}) | {"OPENBLAS_NUM_THREADS": "1"}
    try:
        with Child(_PROGRAM, environment=environment, stdout=PIPE) as child:
            written = child.output(_LIMIT)
            measured: dict[str, Any] | None = json.loads(written[0]) if written and child.wait() == 0 else None
    except (OSError, ValueError):
        return None
    return measured

"""The fastest kernel here: found once for a machine, kept in the cache, set before NumPy is loaded."""

import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from harness.machine.cache import cache_root
from harness.machine.files import read_json, write_json
from harness.machine.host import host
from harness.machine.installed import version
from harness.machine.supervised import Child

VARIABLE = "OPENBLAS_CORETYPE"
"""What OpenBLAS reads when it is loaded; whoever has set it has chosen."""
TUNING_OFF = "HARNESS_NO_TUNE"
"""Set to anything, OpenBLAS chooses its kernel itself."""
WORTH = 1.02
"""Another kernel than OpenBLAS's own choice must be so many times as fast."""

_ROUNDS = 2
_MOST = 1 << 20
"""Bytes of the file that are read: an entry of each of a thousand machines has a fifth of that."""
_PROGRAM = """
import json
import sys
from harness.machine.kernels.rate import multiply_rate
from harness.machine.threads import numpy_library
json.dump(numpy_library() | {"rate": multiply_rate()}, sys.stdout)
"""
_LIMIT = 20.0  # seconds, for a process that hangs
_KERNELS = {
    # What Linux calls an instruction set, and OpenBLAS's kernel for it. Zen's kernels are Haswell's.
    "x86_64": {"avx2": "Haswell", "avx512vl": "SkylakeX", "avx512_bf16": "Cooperlake", "amx_tile": "SapphireRapids"},
    "aarch64": {"asimd": "ARMV8", "asimddp": "NEOVERSEN1", "sve": "NEOVERSEV1", "i8mm": "NEOVERSEN2"},
}


@dataclass(frozen=True)
class Kernel:
    """What was found: the fastest kernel, None where OpenBLAS's own choice is as fast as any or another BLAS is used.

    ``rates``: float32 operations a second and thread by kernel; ``own``: the one that OpenBLAS chooses itself.
    """

    fastest: str | None
    own: str
    rates: dict[str, float]


def settle_kernel(say: Callable[[str], None] = lambda _text: None) -> Kernel | None:
    """Have NumPy, when it is loaded here or in a process started from here, use the fastest kernel.

    Measures once for a machine and a NumPy, and then calls ``say``. Return what is known, None where it is not to
    choose: `TUNING_OFF` or `VARIABLE` is set, or no measurement worked.
    """
    if os.environ.get(TUNING_OFF) or os.environ.get(VARIABLE):
        return None
    kernel = chosen()
    if kernel is None:
        say("measuring the kernels of NumPy's matrix products, once for this machine (--no-tune: do not)")
        kernel = _measure()
        if kernel is None:
            return None
        _keep(kernel)
    if kernel.fastest:
        os.environ[VARIABLE] = kernel.fastest
    return kernel


def chosen() -> Kernel | None:
    """Return what was found for this machine and its NumPy, None where nothing was."""
    from pydantic import TypeAdapter  # here: the processes that measure a kernel do without

    try:
        kernel = TypeAdapter(Kernel).validate_python(_read().get(_machine()))
    except ValueError:  # none, or written by another version
        return None
    # It goes into the environment, which takes no name that was never measured, or has a NUL in it.
    return kernel if kernel.fastest is None or kernel.fastest in _known() else None


def _known() -> set[str]:
    return {kernel for kernels in _KERNELS.values() for kernel in kernels.values()}


def candidates() -> list[str]:
    """Return OpenBLAS's kernels that this processor may run; none where Linux does not tell what it has."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return []
    return [kernel for flag, kernel in _KERNELS.get(platform.machine(), {}).items() if flag in flags]


def _keep(kernel: Kernel) -> None:
    # Machines may share a cache: each has its own entry.
    with suppress(OSError):  # it is measured again the next time
        write_json(_path(), _read() | {_machine(): asdict(kernel)})


def _measure() -> Kernel | None:
    own = _rate(None)
    if own is None:
        return None
    name, rates = own.get("kernel", ""), {own.get("kernel", ""): own["rate"]}
    if own.get("name") == "openblas":
        others = [one for one in candidates() if one != name]
        for _ in range(_ROUNDS):
            for candidate in (*others, None):
                found = _rate(candidate)
                if found and found.get("kernel") == (candidate or name):
                    rates[candidate or name] = max(rates.get(candidate or name, 0.0), found["rate"])
    best = max(rates, key=lambda kernel: rates[kernel])
    return Kernel(best if rates[best] > WORTH * rates[name] else None, name, rates)


def _rate(kernel: str | None) -> dict[str, Any] | None:
    """Return what a process with a kernel says of itself, None where it ends otherwise: an illegal instruction."""
    environment = os.environ | ({VARIABLE: kernel} if kernel else {}) | {"OPENBLAS_NUM_THREADS": "1"}
    try:
        with Child(_PROGRAM, environment=environment, stdout=PIPE) as child:
            written = child.output(_LIMIT)
            found: dict[str, Any] | None = json.loads(written[0]) if written and child.wait() == 0 else None
    except (OSError, ValueError):
        return None
    return found


def _path() -> Path:
    return cache_root() / "kernels.json"


def _read() -> dict[str, Any]:
    try:
        found = read_json(_path(), most=_MOST)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _machine() -> str:
    """Return what the answer depends on."""
    return f"{host()['processor']} ({platform.machine()}), numpy {version('numpy')}"

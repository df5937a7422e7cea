"""The library of linear layers on the CPU: torch's own BLAS or oneDNN, the faster one, measured once a machine."""

import os
import re
from collections.abc import Callable
from functools import cache
from time import thread_time
from typing import Any, Literal

import torch
from filelock import FileLock

from harness.machine.cache import cache_root
from harness.machine.kernels import TUNING_OFF
from harness.machine.measured import keep, machine_with, recall
from harness_torch.linear import OneDnnLinear, available

Library = Literal["blas", "onednn"]

WORTH = 1.15
"""How many times as fast as torch's BLAS oneDNN must be: about equal ones are left at what torch does itself."""
REPETITIONS = 25
"""Of each library; with the first, which loads it, a measurement takes a third of a second."""
_FILE = "torch-products.json"
_ROWS, _INPUTS, _OUTPUTS = 512, 784, 400


@cache
def library() -> Library:
    """Return the library of float32 linear layers in this process, and measure where this machine has not yet.

    All processes of a machine agree: one measures, the others wait for it. "blas" where nothing can be measured:
    tuning is off (``HARNESS_NO_TUNE``), torch has no oneDNN, or the cache cannot be written to.
    """
    if os.environ.get(TUNING_OFF) or not available():
        return "blas"
    rates = _kept()
    if rates is None:
        try:
            cache_root().mkdir(parents=True, exist_ok=True)
            with FileLock(cache_root() / f"{_FILE}.lock", timeout=60):
                if _kept() is None:
                    keep(_FILE, machine_with("torch"), measured_rates())
        except OSError:  # of the lock, or a time limit
            return "blas"
        rates = _kept()
    return "onednn" if rates and rates["onednn"] > WORTH * rates["blas"] else "blas"


def described(name: Library) -> str:
    """Return a library, its version, and the instructions of torch's own kernels: ``"mkl 2024.2 AVX512"``."""
    configuration = torch.__config__.show()
    onednn = re.search(r"MKL-DNN v(\S+)", configuration)
    mkl = re.search(r"Math Kernel Library Version (\S+?)-", configuration)
    other = re.search(r"BLAS_INFO=(\w+)", configuration)
    if name == "onednn":
        text = f"onednn {onednn[1]}" if onednn else "onednn"
    else:
        text = f"mkl {mkl[1]}" if mkl else other[1] if other else "unknown"
    return f"{text} {torch.backends.cpu.get_cpu_capability()}"


def measured_rates(repetitions: int = REPETITIONS) -> dict[Library, float]:
    """Return float32 operations a second, one thread, of a layer's three products in their fastest repetition.

    The layer is the paper's largest (784 inputs, 400 outputs, batch 512). The libraries take turns. Seconds are the
    thread's own, of the processor: on a busy machine those of the clock would choose by chance.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(_ROWS, _INPUTS, generator=generator, requires_grad=True)
    gradient = torch.randn(_ROWS, _OUTPUTS, generator=generator)
    layers: dict[Library, torch.nn.Linear] = {
        "blas": torch.nn.Linear(_INPUTS, _OUTPUTS, device="meta"),
        "onednn": OneDnnLinear(_INPUTS, _OUTPUTS, device="meta"),
    }
    weight, bias = torch.randn(_OUTPUTS, _INPUTS, generator=generator), torch.zeros(_OUTPUTS)
    for layer in layers.values():  # from "meta": torch's global generator draws nothing
        layer.weight, layer.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        best = _fastest({name: _step(layer, x, gradient) for name, layer in layers.items()}, repetitions)
    finally:
        torch.set_num_threads(threads)
    return {name: 6 * _ROWS * _INPUTS * _OUTPUTS / took for name, took in best.items()}


def _step(layer: torch.nn.Linear, x: torch.Tensor, gradient: torch.Tensor) -> Callable[[], Any]:
    return lambda: torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], gradient)


def _fastest(steps: dict[Library, Callable[[], Any]], repetitions: int) -> dict[Library, float]:
    """Return the seconds of each one's fastest repetition, but for the first; they take turns."""
    best = dict.fromkeys(steps, float("inf"))
    for repetition in range(repetitions + 1):
        for name, step in steps.items():
            started = thread_time()
            step()
            if repetition:
                best[name] = min(best[name], thread_time() - started)
    return best


def _kept() -> dict[Library, float] | None:
    """Return the rates that are stored of this machine, None if there are none."""
    rates = recall(_FILE, machine_with("torch"))
    known = isinstance(rates, dict) and all(isinstance(rates.get(name), int | float) for name in ("blas", "onednn"))
    return rates if known else None

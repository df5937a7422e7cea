"""Print where the time of a training epoch goes: a backend and a network each, as a Markdown table.

    python scripts/epoch_profile.py [--rows 20480] [--threads 1]

numpy: the functions of the epoch by cProfile. torch: its own profiler's operators, forward and backward. Both cost a
few per cent themselves; the last column is of epochs that were not profiled, in CPU seconds of the process, so that
what else the machine does counts little. Images are random, as in `harness bench`.
"""

import argparse
import cProfile
import os
import pstats
import re
from collections import Counter
from collections.abc import Callable
from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.bench import BenchedNetwork

PARTS = ("products", "activations", "batch norm", "dropout", "loss", "update", "images", "rest")
NUMPY = {
    # By file and class of the method: what a class does is what its name says.
    "LinearLayer": "products",
    "BatchNormLayer": "batch norm",
    "DropoutLayer": "dropout",
    "activations": "activations",
    "loss": "loss",
    "updates": "update",
    "images": "images",
    "penalties": "update",
}
TORCH = (
    (r"aten::(mm|addmm|linear|t|transpose)$", "products"),
    (r"batch_norm", "batch norm"),
    (r"(silu|gelu|relu|threshold|clamp_min)", "activations"),
    (r"aten::(mul|mul_|ge)$", "dropout"),
    (r"(log_softmax|nll_loss|cross_entropy|aten::argmax)", "loss"),
    (r"(fused_|aten::zero_|aten::add_|AccumulateGrad)", "update"),
    (r"aten::(copy_|div_|index_select)$", "images"),
)
"""Operators by name. A bias's gradient, a sum, and what autograd itself does are the rest."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_480)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    from harness.machine.kernels import settle_kernel

    settle_kernel()
    from harness.bench import load_networks
    from harness.plugins.loading import registry

    print("| backend | network | " + " | ".join(f"{part} %" for part in PARTS) + " | µs an image |")
    print("|---|---|" + "--:|" * (len(PARTS) + 1))
    for backend in ("numpy", "torch"):
        for network in load_networks(registry()).usual:
            print(_line(backend, network, arguments.rows, arguments.threads, arguments.rounds))


def _line(backend: str, network: "BenchedNetwork", rows: int, threads: int, rounds: int) -> str:
    from harness.bench import Case, prepare
    from harness.plugins.loading import registry

    with prepare(Case(backend, network, "train", "cpu", threads, rows), registry(), warm_ups=2) as prepared:
        seconds = min(_timed(prepared.run) for _ in range(rounds))
        part_seconds = _numpy(prepared.run) if backend == "numpy" else _torch(prepared.run)
    whole = sum(part_seconds.values())
    shares = " | ".join(f"{part_seconds[part] / whole * 100:.0f}" for part in PARTS)
    return f"| {backend} | {network.name} | {shares} | {seconds / rows * 1e6:.1f} |"


def _timed(run: Callable[[], None]) -> float:
    started = process_time()
    run()
    return process_time() - started


def _numpy(run: Callable[[], None]) -> Counter[str]:
    """Return the seconds of each part; a library's functions count to the one of ours that calls them."""
    with cProfile.Profile() as profile:
        run()
    owners = _owners()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined] # typeshed does not name it
    seconds: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in stats.items():
        part = owners.get(function)
        if part:
            seconds[part] += own
        elif callers:
            for caller, (_, _, share, _) in callers.items():
                seconds[owners.get(caller, "rest")] += share
        else:
            seconds["rest"] += own
    return seconds


def _owners() -> dict[tuple[str, int, str], str]:
    """Return the part of each function of the from-scratch networks, as a profile names functions."""
    import inspect

    from harness_array import activations, images, layers, loss, network, updates

    owners = {}
    for module in (activations, images, layers, loss, network, updates):
        stem = module.__name__.rpartition(".")[2]
        for owner, holder in (("", module), *inspect.getmembers(module, inspect.isclass)):
            for name, function in inspect.getmembers(holder, inspect.isfunction):
                part = NUMPY.get(name) or NUMPY.get(owner) or NUMPY.get(stem)
                code = function.__code__
                if part:
                    owners[code.co_filename, code.co_firstlineno, code.co_name] = part
    return owners


def _torch(run: Callable[[], None]) -> Counter[str]:
    """Return the microseconds of each part, by the operators' own time."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        run()
    times: Counter[str] = Counter()
    for event in profiled.key_averages():
        part = next((part for pattern, part in TORCH if re.search(pattern, event.key)), "rest")
        times[part] += event.self_cpu_time_total
    return times


if __name__ == "__main__":
    main()

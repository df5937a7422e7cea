"""Processor time of training a network, on one thread, in turns in one process: for machines that are never idle.

python scripts/processor_time.py [NETWORK] [ROWS] [ROUNDS]

NETWORK: an experiment of suites/future-work.toml, M4a by default; ROWS (2560) of an epoch; ROUNDS (7). Printed are
images a second of processor time, medians over the rounds, and medians of each round's ratios. `harness bench` measures
what counts, the time on a clock in fresh processes; other programs disturb that more.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from harness.bench.cases import SEED, synthetic
from harness.bench.networks import LEARNING_RATE, load_networks
from harness.interfaces import Context
from harness.machine.threads import limited
from harness.optimizers import Adam
from harness.plugins.loading import registry
from harness.seeding import initial_state

SUITE = Path(__file__).parent.parent / "suites" / "future-work.toml"
RATIOS = (("numpy", "torch-eager"), ("torch", "torch-eager"), ("torch", "torch-dataloader"))


def epochs(name: str, rows: int) -> dict[str, Callable[[], object]]:
    """Return what trains an epoch, by backend and peer."""
    plugins, data, order = registry(), synthetic(rows), np.arange(rows, dtype=np.int64)
    (network,) = load_networks(plugins, SUITE).named([name])
    context = Context(SEED, device="cpu", threads=1)
    steps: dict[str, Callable[[], object]] = {}
    for backend in dict.fromkeys(mine for mine, _ in RATIOS):
        built = (
            plugins.find("backend", backend)
            .load()()
            .build(network.spec, initial_state(network.spec, SEED), Adam(), context)
        )
        built.attach(data.features, data.labels)
        steps[backend] = lambda built=built: built.train_epoch(0, order, LEARNING_RATE)  # type: ignore[misc]
    for peer in dict.fromkeys(other for _, other in RATIOS):
        plain = plugins.find("peer", peer).load()().build(network.spec, LEARNING_RATE, context)
        plain.attach(data.features, data.labels)
        steps[peer] = plain.train_epoch
    return steps


def main(name: str = "M4a", rows: str = "2560", rounds: str = "7") -> None:
    """Measure and print."""
    work = epochs(name, int(rows))
    with limited(1):
        seconds = measure(work, int(rounds))
    for side, taken in seconds.items():
        print(f"{side}: {int(rows) / median(taken):,.0f} images a second")
    for mine, other in RATIOS:
        ratios = [theirs / own for own, theirs in zip(seconds[mine], seconds[other], strict=True)]
        print(f"{mine} ÷ {other}: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def measure(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for number in range(-1, rounds):  # the first is not counted
        for name in list(work) if number % 2 else reversed(work):
            started = time.process_time()
            work[name]()
            if number >= 0:
                seconds[name].append(time.process_time() - started)
    return seconds


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])

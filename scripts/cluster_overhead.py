"""What a cluster costs beside the local pool: the same trials in turns on both, driven by one process.

    python scripts/cluster_overhead.py                     # 200 trials of about a second, 3 rounds
    python scripts/cluster_overhead.py --matrix            # the paper's networks on forty times the digits, two seeds

A scheduler and two workers of one thread, processes of this machine, against `--jobs 2`. Printed are the seconds of
each run, the ratio of their medians, and the processor time a trial by process. The clock says what counts, on a
machine that has nothing else to do. Other programs disturb the processor time far less: on two full cores, the trials
lose what driver, scheduler and workers take. While the local pool runs, scheduler and workers idle: what they take then
is shown, and not counted.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from sklearn.datasets import load_digits

import harness
from harness.execution.pools.cluster.local import local_cluster

PAPER = {"M0": [128, 64], "M1a": [128, 64], "M1b": [128, 64], "M1g": [400, 240, 120], "M1h": [370, 370]}
SETTINGS = {"backend": "numpy", "optimizer": {"name": "adam", "learning_rate": 0.001}}
PARTS = ("driver", "scheduler", "workers", "jobs")
"""What the processor time is of; locally there are a driver and jobs."""


def many(trials: int) -> dict[str, Any]:
    """Return a suite of trials of about a second."""
    return {
        "suite": {"name": "many", "seeds": list(range(trials))},
        "defaults": SETTINGS | {"hidden_layers": [400, 240, 120], "epochs": 60},
        "experiments": {"A": {}},
    }


def matrix(folder: Path) -> dict[str, Any]:
    """Return a suite of the paper's networks, whose data are written into a folder."""
    images, labels = load_digits(return_X_y=True)
    np.save(folder / "x.npy", np.tile(images.reshape(-1, 8, 8).astype(np.uint8) * 15, (40, 1, 1)))
    np.save(folder / "y.npy", np.tile(labels, 40))
    return {
        "suite": {"name": "matrix", "seeds": [1, 2]},
        "dataset": {"name": "files", "images": str(folder / "x.npy"), "labels": str(folder / "y.npy")},
        "defaults": SETTINGS | {"epochs": 12},
        "experiments": {name: {"hidden_layers": layers} for name, layers in PAPER.items()},
        "finalists": {"one": "M0"},
    }


class Clock:
    """The processor time of this process, of a cluster's, and of the jobs of both; all of their jobs have ended."""

    def __init__(self, scheduler: psutil.Process, workers: list[psutil.Process]) -> None:
        self._scheduler, self._workers = scheduler, workers

    def seconds(self) -> dict[str, float]:
        """Return the seconds so far."""
        deadline = time.monotonic() + 30
        while any(worker.children() for worker in self._workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        times = [worker.cpu_times() for worker in self._workers]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        jobs = ended.ru_utime + ended.ru_stime + sum(each.children_user + each.children_system for each in times)
        scheduler = self._scheduler.cpu_times()
        own = (scheduler.user + scheduler.system, sum(each.user + each.system for each in times))
        return dict(zip(PARTS, (time.process_time(), *own, jobs), strict=True))


@contextmanager
def cluster() -> Iterator[tuple[str, Clock]]:
    """Yield a cluster's address, and a clock."""
    with local_cluster(2, print) as address:
        scheduler, *workers = psutil.Process().children()
        yield address, Clock(scheduler, workers)


def measured(suite: dict[str, Any], out: Path, clock: Clock, **where: Any) -> tuple[float, dict[str, float]]:
    """Run a suite; return the seconds that it took, and those of the processor by part."""
    before, started = clock.seconds(), time.perf_counter()
    run = harness.run(suite, out=out, progress=False, **where)
    seconds, after = time.perf_counter() - started, clock.seconds()
    if set(run.trials()["status"]) != {"done"}:
        sys.exit(f"{run}: not all of its trials are done")
    return seconds, {part: after[part] - before[part] for part in PARTS}


def main() -> None:
    """Run both in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--matrix", action="store_true", help="the paper's networks, whose trials take far longer")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as name, cluster() as (address, clock):
        folder = Path(name)
        suite = matrix(folder) if options.matrix else many(options.trials)
        trials = len(suite["experiments"]) * len(suite["suite"]["seeds"])
        places: dict[str, dict[str, Any]] = {"local": {"jobs": 2}, "cluster": {"cluster": address}}
        for kind, where in places.items():  # what the first run of each loads and caches
            measured(suite | {"suite": suite["suite"] | {"seeds": [1]}}, folder / f"first-{kind}", clock, **where)
        seconds: dict[str, list[float]] = {kind: [] for kind in places}
        processor: dict[str, list[dict[str, float]]] = {kind: [] for kind in places}
        for number in range(options.rounds):
            for kind in list(places) if number % 2 == 0 else reversed(places):
                taken, parts = measured(suite, folder / f"{number}-{kind}", clock, **places[kind])
                seconds[kind].append(taken)
                processor[kind].append(parts)
                shown = ", ".join(f"{part} {value / trials * 1000:.1f}" for part, value in parts.items())
                print(f"{kind}: {taken:.1f} s; processor ms a trial: {shown}", flush=True)
    local, spread = (median(seconds[kind]) for kind in places)
    print(f"clock, {trials} trials: cluster / local {spread / local:.3f}, efficiency {local / spread:.3f}")
    counted = {"local": ("driver", "jobs"), "cluster": PARTS}
    whole = {kind: median(sum(parts[part] for part in counted[kind]) for parts in processor[kind]) for kind in places}
    extra = (whole["cluster"] - whole["local"]) / trials
    print(f"processor: cluster / local {whole['cluster'] / whole['local']:.3f}, {extra * 1000:.1f} ms more a trial")


if __name__ == "__main__":
    main()

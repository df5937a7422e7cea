"""A stored run of a suite beside the time that its matrix products take, and what its last trial costs the others.

python scripts/suite_limit.py RUN GFLOPS [CORES]

RUN: a run's directory, of networks of EMNIST's images (28 × 28, 47 classes), such as one of suites/full.toml. GFLOPS:
the float32 limit of one of CORES (2) cores at work together, as `harness bench --work products` finds it. Products are
those of training steps, in seconds of all cores at the limit. The idle tail is for how long the last trial of a seed
would run alone, where all begin longest first: by the trials' own seconds, and by their products at a share of the
limit, which other programs do not lengthen. The gain is what a second thread would save there, at the speed-up of 1.45
that two threads have over one.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness.bench.arithmetic import operations
from harness.bench.networks import load_networks
from harness.execution.forecast import makespan
from harness.plugins.loading import registry

SPEED_UP = 1.45
"""Of two threads over one, in M1g and M3b on numpy and torch (1.43 to 1.50, two cores of a Zen 4)."""
SHARE = 0.85
"""Of the limit, that a trial reaches."""


def main(place: str, gflops: str, cores: str = "2") -> None:
    """Print the table, and the run's wall time."""
    run, slots = Path(place), int(cores)
    header = json.loads((run / "run.json").read_text())
    rows = [json.loads(path.read_text())["row"] for path in sorted(run.glob("trials/*/*/row.json"))]
    rows = [row for row in rows if row["metrics"]]
    costs = [cost / (float(gflops) * 1e9) for cost in _operations(rows, header)]
    wall = _seconds(header["last_started"], header["last_ended"])
    print(f"{len(rows)} trials, wall time of the last command {wall:,.0f} s")
    table = []
    for name, numbers in _by_seed(rows).items():
        for how, seconds in (
            ("recorded", [rows[number]["metrics"]["seconds"] for number in numbers]),
            (f"at {SHARE:g} of the limit", [costs[number] / SHARE for number in numbers]),
        ):
            whole, tail = makespan(seconds, slots), idle_tail(seconds, slots)
            gain = tail * (1 - 1 / SPEED_UP)
            products = f"{sum(costs[number] for number in numbers) / slots:,.0f}"
            figures = [f"{figure:,.0f}" for figure in (max(seconds), whole, tail)]
            table.append([name, products, how, *figures, f"{gain / whole:.1%}"])
    headings = ["seed", "products, s", "a trial's seconds", "longest", "all", "idle tail", "gain"]
    print(tabulate(table, headings, "simple", disable_numparse=True))


def idle_tail(seconds: Sequence[float], slots: int) -> float:
    """Return for how long all slots but the last one are idle, each task started, longest first, where one has ended.

    >>> idle_tail([3.0, 2.0, 2.0], 2)
    1.0
    """
    ends = [0.0] * slots
    for duration in sorted(seconds, reverse=True):
        ends[ends.index(min(ends))] += duration
    *_, second, last = [0.0, *sorted(ends)]
    return last - second


def _operations(rows: Sequence[dict[str, Any]], header: dict[str, Any]) -> list[float]:
    """Return the floating-point operations of each trial's training steps."""
    suite = Path(__file__).parent.parent / "suites" / Path(header["suite_file"]).name
    networks = load_networks(registry(), suite).known
    images = [row["metrics"]["epochs"] * header["dataset"]["sizes"]["train"] for row in rows]
    return [operations(networks[row["experiment"]].spec) * count for row, count in zip(rows, images, strict=True)]


def _by_seed(rows: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Return the numbers of each seed's rows, and of all."""
    numbers = defaultdict(list)
    for number, row in enumerate(rows):
        numbers[str(row["seed"])].append(number)
    return {**numbers, "all": list(range(len(rows)))}


def _seconds(started: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])

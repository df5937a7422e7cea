"""A stored run of a suite beside the time of its matrix products, its idle cores, and what `--threads auto` would save.

python scripts/suite_limit.py RUN GFLOPS [CORES]

RUN: a run's directory, of networks of EMNIST's images (28 × 28, 47 classes), such as one of suites/full.toml. GFLOPS:
the float32 limit of one of CORES (2) cores at work together, as `harness bench --work products` finds it. Products are
those of training steps, in seconds of all cores at the limit; the first lines have those of validation and of the
finalists' test conditions too. The idle tail is for how long the last trial of a seed
would run alone, where all begin longest first: by the trials' own seconds, and by their products at a share of the
limit, which other programs do not lengthen. "auto" is when all would have ended with `--threads auto`, at the cautious
speed-up that it assumes where it has no timings, and which trials it would give how many threads.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness.bench.arithmetic import operations
from harness.bench.networks import BenchedNetwork, load_networks
from harness.execution.forecast import makespan, speed_up
from harness.execution.sharing import allotted
from harness.interfaces import NetworkSpec
from harness.plugins.loading import registry

SHARE = 0.85
"""Of the limit, that a trial reaches."""


def main(place: str, gflops: str, cores: str = "2") -> None:
    """Print the table, and the run's wall time."""
    run, slots = Path(place), int(cores)
    header = json.loads((run / "run.json").read_text())
    rows = [json.loads(path.read_text())["row"] for path in sorted(run.glob("trials/*/*/row.json"))]
    rows = [row for row in rows if row["metrics"]]
    rate, sizes = float(gflops) * 1e9, header["dataset"]["sizes"]
    networks = _networks(header)
    specs = [networks[row["experiment"]].spec for row in rows]
    epochs = [row["metrics"]["epochs"] for row in rows]
    costs = [operations(spec) * count * sizes["train"] / rate for spec, count in zip(specs, epochs, strict=True)]
    image_counts = [
        count * sizes["val"] + conditions(row) * sizes["test"] for row, count in zip(rows, epochs, strict=True)
    ]
    others = sum(predicting(spec) * images / rate for spec, images in zip(specs, image_counts, strict=True))
    wall = _seconds(header["last_started"], header["last_ended"])
    print(f"{len(rows)} trials, wall time of the last command {wall:,.0f} s")
    for phases, seconds in (("training", sum(costs)), ("training, validation and tests", sum(costs) + others)):
        print(f"products of {phases}: {seconds / slots:,.0f} s at the limit, {wall * slots / seconds:.2f} times in all")
    table = []
    for name, numbers in _by_seed(rows).items():
        for how, seconds in (
            ("recorded", [rows[number]["metrics"]["seconds"] for number in numbers]),
            (f"at {SHARE:g} of the limit", [costs[number] / SHARE for number in numbers]),
        ):
            whole, tail = makespan(seconds, slots), idle_tail(seconds, slots)
            options = [{n: each / speed_up(n) for n in range(1, slots + 1)} for each in seconds]
            threads = allotted(options, slots)
            auto = makespan([each[n] for each, n in zip(options, threads, strict=True)], slots, threads)
            wide = [f"{rows[number]['experiment']} {n}" for number, n in zip(numbers, threads, strict=True) if n > 1]
            products = f"{sum(costs[number] for number in numbers) / slots:,.0f}"
            figures = [f"{figure:,.0f}" for figure in (max(seconds), whole, tail, auto)]
            table.append([name, products, how, *figures, f"{1 - auto / whole:.0%}", ", ".join(wide)])
    headings = ["seed", "products, s", "a trial's seconds", "longest", "all", "idle tail", "auto", "gain", "threads"]
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


def predicting(spec: NetworkSpec) -> float:
    """Return the floating-point operations that predicting one image takes, matrix products alone: 2 a weight.

    >>> from harness.interfaces import Activation, Linear
    >>> predicting(NetworkSpec((2, 3), 4, (Linear(6, 5), Activation("relu"), Linear(5, 4)), batch_size=8))
    100.0
    """
    products = (product for layer, shape in spec.layers_with_shapes() for product in layer.products(1, shape))
    return sum(2.0 * m * k * n for m, k, n in products)


def conditions(row: Mapping[str, Any]) -> int:
    """Return how many times a trial's network predicts the test set: severity 0 is the unperturbed one."""
    measures = (row.get("evaluation") or {}).get("measures", [])
    return len(
        {(measure["perturbation"], measure["severity"]) if measure["severity"] else None for measure in measures}
    )


def _networks(header: dict[str, Any]) -> Mapping[str, BenchedNetwork]:
    return load_networks(registry(), Path(__file__).parent.parent / "suites" / Path(header["suite_file"]).name).known


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

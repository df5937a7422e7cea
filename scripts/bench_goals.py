"""The speed that the backends must show, beside what was measured: ratios of medians within one run.

python scripts/bench_goals.py [FILE | OPTIONS]

FILE: of `harness bench --cores 2 --save`, with both precisions. Without, everything that the table needs is measured
now, in a quarter of an hour, on two of the machine's cores, with further options of `harness bench`, such as
--rounds 3. The exit code is 1 where a figure is missed, was disturbed or could not be measured, and 2 where there is
nothing to read, or no second core to measure on.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from harness.bench import Measurement, read
from harness.bench.standings import limit_of, rate
from harness.bench.tables import network_titles, notes
from harness.errors import HarnessError
from harness.machine.host import cores

CORES = 2
SUITE = Path(__file__).parent.parent / "suites" / "future-work.toml"
"""It has the paper's networks, and M4a, a small convolutional one."""
NETWORKS = ("M0", "M1g", "M3b", "M4a")
COMMAND = [
    *("bench", "--cores", str(CORES), "--work", "train", "--work", "products"),
    *("--networks", str(SUITE), *(part for name in NETWORKS for part in ("--network", name))),
    *("--precision", "float32", "--precision", "bfloat16"),
]
MEGABYTES = 250.0


@dataclass(frozen=True)
class Goal:
    """A ratio to reach: what is measured, in how many processes, over which peer."""

    backend: str
    network: str
    at_least: float
    peer: str = "torch-eager"
    processes: int = 1
    precision: str = "float32"


GOALS = (
    Goal("numpy", "M0", 2.2),
    Goal("numpy", "M1g", 1.7),
    Goal("numpy", "M3b", 1.7),
    Goal("numpy", "M0", 3.0, processes=2),
    Goal("numpy", "M1g", 2.4, processes=2),
    Goal("torch", "M1g", 1.4, peer="torch-dataloader"),
    Goal("torch", "M3b", 1.6, peer="torch-dataloader"),
    Goal("torch", "M1g", 2.0, precision="bfloat16"),
    Goal("numpy", "M4a", 0.8),
    Goal("numpy", "M4a", 0.8, processes=2),
    Goal("torch", "M4a", 1.2, peer="torch-dataloader"),
)
OF_THE_LIMIT = Goal("numpy", "M1g", 0.72, processes=2)


@dataclass(frozen=True)
class Line:
    """A line of the table: what, the figure (None: not measured), the bound, and whether it is one from above."""

    what: str
    figure: float | None
    bound: float
    below: bool = False
    disturbed: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is as it must be; a disturbed one is not judged."""
        if self.figure is None or self.disturbed:
            return False
        return self.figure < self.bound if self.below else self.figure >= self.bound

    def cells(self) -> list[str]:
        """Return the cells."""
        sign = "<" if self.below else "≥"
        verdict = "not measured"
        if self.figure is not None:
            verdict = "not judged: disturbed" if self.disturbed else "met" if self.met else "missed"
        shown = "–" if self.figure is None else f"{self.figure:,.2f}"
        return [self.what, shown, f"{sign} {self.bound:g}", verdict]


def lines(measurements: Sequence[Measurement]) -> list[Line]:
    """Return the table's lines."""
    ratios = [_ratio(goal, measurements) for goal in GOALS]
    ratios.insert(5, _limit(OF_THE_LIMIT, measurements))
    peaks = [
        measurement.peak_anonymous_bytes / 1e6
        for measurement in measurements
        if measurement.backend == "numpy"
        and measurement.work == "train"
        and measurement.peak_anonymous_bytes is not None
    ]
    return [
        *ratios,
        Line("peak anonymous memory of a numpy worker, MB", max(peaks, default=None), MEGABYTES, below=True),
    ]


def _ratio(goal: Goal, measurements: Sequence[Measurement]) -> Line:
    mine = _mine(goal, measurements)
    peer = _first(
        measurements,
        lambda measurement: (
            measurement.backend == goal.peer and measurement.network == goal.network and measurement.threads == 2
        ),
    )
    figure = mine.samples_per_second / peer.samples_per_second if mine and peer else None
    label = peer.label if peer else goal.peer
    disturbed = any(measurement.disturbed for measurement in (mine, peer) if measurement)
    return Line(f"{_what(goal, measurements)} ÷ {label}, 1 × 2", figure, goal.at_least, disturbed=disturbed)


def _limit(goal: Goal, measurements: Sequence[Measurement]) -> Line:
    mine = _mine(goal, measurements)
    limit = limit_of(mine, measurements) if mine else None
    figure = rate(mine) / rate(limit) if mine and limit else None
    disturbed = any(measurement.disturbed for measurement in (mine, limit) if measurement)
    return Line(
        f"{_what(goal, measurements)} ÷ float32 matrix limit, 2 × 1", figure, goal.at_least, disturbed=disturbed
    )


def _what(goal: Goal, measurements: Sequence[Measurement]) -> str:
    precision = "" if goal.precision == "float32" else f" {goal.precision}"
    place = "2 × 1" if goal.processes == 2 else "1 × 2"
    return f"{goal.backend}{precision} {network_titles(measurements).get(goal.network, goal.network)}, {place}"


def _mine(goal: Goal, measurements: Sequence[Measurement]) -> Measurement | None:
    def fits(measurement: Measurement) -> bool:
        place = (measurement.processes, measurement.threads)
        same = (measurement.backend, measurement.network, measurement.precision) == (
            goal.backend,
            goal.network,
            goal.precision,
        )
        return same and place == (goal.processes, 3 - goal.processes)

    return _first(measurements, fits)


def _first(measurements: Sequence[Measurement], fits: Callable[[Measurement], bool]) -> Measurement | None:
    return next(
        (measurement for measurement in measurements if measurement.work == "train" and fits(measurement)), None
    )


def main(arguments: Sequence[str]) -> int:
    """Read or measure, print the table, and return the exit code."""
    if {"-h", "--help"} & set(arguments):
        print(f"{__doc__.strip()}\n\nOptions of 'harness bench': {' '.join(COMMAND[1:])} are given already.")
        print("'harness bench --help' shows the others.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "bench.json"
        if arguments and not arguments[0].startswith("-"):
            place = Path(arguments[0])
        else:
            if cores() < CORES:
                print(f"error: the goals are of {CORES} cores, and this machine has {cores()}", file=sys.stderr)
                return 2
            options = ["--format", "json", "--save", str(place), *arguments]
            command = [sys.executable, "-m", "harness", *COMMAND, *options]
            if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 2:
                return 2  # its error is on standard error
        try:
            measurements = read(place)
        except HarnessError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    goals = lines(measurements)
    headings = ["processes × threads; ratios of samples/s", "measured", "required", ""]
    print(tabulate([line.cells() for line in goals], headings, "simple", disable_numparse=True))
    print(*notes(measurements), sep="\n")
    return 0 if all(line.met for line in goals) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

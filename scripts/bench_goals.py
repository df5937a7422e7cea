"""The speed that the backends must show: shares of what the machine can multiply first, ratios to plain use second.

python scripts/bench_goals.py [FILE… | OPTIONS]

FILE: of `harness bench --save`; a figure is from the first that has what it needs, and never from two. Without a file,
everything that the table needs is measured now, in a quarter of an hour or so, on two of the machine's cores and then
on one, with further options of `harness bench`, such as --rounds 3. Put `--save-in FOLDER` first to keep both files.

The limit is the fastest float32 product of any library and kernel on the machine, in as many processes and threads.
What is required depends on the machine: where torch's own BLAS reaches less than 0.6 of the limit, plain PyTorch is
slow, and a good loop is further ahead of it. The exit code is 1 where a figure is missed, was disturbed or could not be
measured, and 2 where there is nothing to read, or no second core to measure on.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from harness.bench import Measurement, read
from harness.bench.standings import cores_of, limit_of, rate
from harness.bench.tables import network_titles, notes
from harness.errors import HarnessError
from harness.machine.host import cores

CORES = 2
SUITE = Path(__file__).parent.parent / "suites" / "future-work.toml"
"""It has the paper's networks, and M4a, a small convolutional one."""
_COMMON = ("bench", "--networks", str(SUITE), "--work", "train", "--work", "products", "--backend", "torch")
COMMANDS: dict[str, list[str]] = {
    # Two cores: two processes of each backend, beside a peer with two threads.
    "two-cores.json": [
        *(*_COMMON, "--backend", "numpy", "--cores", "2", "--peer", "torch-eager", "--peer", "torch-dataloader"),
        *(part for name in ("M0", "M1g", "M3b", "M4a") for part in ("--network", name)),
    ],
    # One core: one thread of each. numpy trains too, so that its library's products are there.
    "one-core.json": [
        *(*_COMMON, "--backend", "numpy", "--cores", "1", "--peer", "torch-eager"),
        *(part for name in ("M1g", "M3b") for part in ("--network", name)),
    ],
}
BEHIND = 0.6
"""Of the limit: what torch's own BLAS reaches less than on machines where plain PyTorch is slow."""
MEGABYTES = 250.0


@dataclass(frozen=True)
class Goal:
    """A figure of a backend's training; ``required`` is None where there is no aim and the figure is only shown."""

    backend: str
    network: str
    required: float | None = None
    where_behind: float | None = None
    """What is required instead where torch's own BLAS is behind."""
    peer: str = ""
    """Whose multiple it is; empty: it is a share of the limit."""
    processes: int = CORES


SHARES = (
    Goal("numpy", "M1g", required=0.93, where_behind=0.88),
    Goal("torch", "M1g", required=0.75),  # M2 is this network
    Goal("numpy", "M0"),
    Goal("numpy", "M3b"),
    Goal("torch", "M3b"),
    Goal("numpy", "M4a"),
    Goal("torch", "M4a"),
)
RATIOS = (
    Goal("torch", "M1g", required=1.05, where_behind=1.6, peer="torch-eager", processes=1),
    Goal("torch", "M3b", required=1.3, where_behind=1.8, peer="torch-eager", processes=1),
    Goal("numpy", "M4a", required=0.8, peer="torch-eager"),
    Goal("torch", "M4a", required=1.2, peer="torch-dataloader"),
    Goal("numpy", "M0", peer="torch-eager"),
    Goal("numpy", "M1g", peer="torch-eager"),
    Goal("numpy", "M3b", peer="torch-eager"),
)


@dataclass(frozen=True)
class Line:
    """A line of the table: what, the figure (None: not measured), the bound, and whether it is one from above."""

    what: str
    figure: float | None
    bound: float | None
    below: bool = False
    disturbed: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is as it must be; a disturbed one is not judged, one without a bound need not be there."""
        if self.bound is None:
            return True
        if self.figure is None or self.disturbed:
            return False
        return self.figure < self.bound if self.below else self.figure >= self.bound

    def cells(self) -> list[str]:
        """Return the cells."""
        verdict = "not measured"
        if self.figure is not None:
            verdict = "not judged: disturbed" if self.disturbed else "met" if self.met else "missed"
        if self.bound is None:
            verdict = "disturbed" if self.disturbed else ""
        required = "–" if self.bound is None else f"{'<' if self.below else '≥'} {self.bound:g}"
        return [self.what, "–" if self.figure is None else f"{self.figure:,.2f}", required, verdict]


Run = Sequence[Measurement]


def lines(runs: Sequence[Run]) -> list[Line]:
    """Return the table's lines."""
    every = [measurement for run in runs for measurement in run]
    peaks = [
        measurement.peak_anonymous_bytes / 1e6
        for measurement in every
        if measurement.backend == "numpy"
        and measurement.work == "train"
        and measurement.peak_anonymous_bytes is not None
    ]
    return [
        *(_line(goal, runs) for goal in (*SHARES, *RATIOS)),
        Line("peak anonymous memory of a numpy worker, MB", max(peaks, default=None), MEGABYTES, below=True),
    ]


def _line(goal: Goal, runs: Sequence[Run]) -> Line:
    """Return a goal's line, from the first run that has both of its sides."""
    for run in runs:
        mine = _mine(goal, run)
        other = (_best_of(goal.peer, mine, run) if goal.peer else limit_of(mine, run)) if mine else None
        if mine and other:
            size = _samples if goal.peer else rate
            return Line(
                f"{_what(goal, run)} ÷ {_beside(goal, other)}",
                size(mine) / size(other),
                _bound(goal, mine, run),
                disturbed=mine.disturbed or other.disturbed,
            )
    return Line(f"{_what(goal, ())} ÷ {goal.peer or 'the float32 limit'}", None, goal.required)


def _samples(measurement: Measurement) -> float:
    return measurement.samples_per_second


def _what(goal: Goal, run: Run) -> str:
    return f"{goal.backend} {network_titles(run).get(goal.network, goal.network)}, {goal.processes} × 1"


def _beside(goal: Goal, other: Measurement) -> str:
    place = f"{other.processes} × {other.threads}"
    if goal.peer:
        return f"{other.label or other.backend}, {place}"
    return f"the float32 limit, {place}: {rate(other) / 1e9:,.0f} GFLOP/s"


def _bound(goal: Goal, mine: Measurement, run: Run) -> float | None:
    if goal.where_behind is None:
        return goal.required
    share = share_of_torchs_blas(mine, run)
    return goal.where_behind if share is not None and share < BEHIND else goal.required


def share_of_torchs_blas(mine: Measurement, run: Run) -> float | None:
    """Return what torch's own BLAS reaches of the limit in the place of a training, None where it was not measured."""
    limit = limit_of(mine, run)
    place = (mine.network, mine.processes, mine.threads)
    reached = [
        rate(other)
        for other in run
        if (other.backend, other.work, other.precision) == ("torch", "products", "float32")
        and (other.network, other.processes, other.threads) == place
        and not other.machine.blas.startswith("onednn")
    ]
    return max(reached) / rate(limit) if limit and reached else None


def _mine(goal: Goal, run: Run) -> Measurement | None:
    key = (goal.backend, goal.network, "float32", goal.processes, 1)
    return _first(
        run,
        lambda other: (other.backend, other.network, other.precision, other.processes, other.threads) == key,
    )


def _best_of(peer: str, mine: Measurement, run: Run) -> Measurement | None:
    """Return a peer's fastest use of as many cores, in whichever processes and threads it was measured."""
    return max(
        (
            other
            for other in run
            if (other.backend, other.network, other.work) == (peer, mine.network, "train")
            and cores_of(other) == cores_of(mine)
        ),
        key=_samples,
        default=None,
    )


def _first(run: Run, fits: Callable[[Measurement], bool]) -> Measurement | None:
    return next((measurement for measurement in run if measurement.work == "train" and fits(measurement)), None)


def main(arguments: Sequence[str]) -> int:
    """Read or measure, print the table, and return the exit code."""
    if {"-h", "--help"} & set(arguments):
        print(f"{__doc__.strip()}\n\n'harness bench --help' shows its options.")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, options = Path(temporary), list(arguments)
        if options[:1] == ["--save-in"]:
            folder, options = Path(*options[1:2]), options[2:]
        places = [Path(text) for text in options if not options[0].startswith("-")]
        if not places:
            if cores() < CORES:
                print(f"error: the goals are of {CORES} cores, and this machine has {cores()}", file=sys.stderr)
                return 2
            places = [folder / name for name in COMMANDS]
            for place in places:
                command = [*COMMANDS[place.name], "--format", "json", "--save", str(place), *options]
                whole = [sys.executable, "-m", "harness", *command]
                if subprocess.run(whole, stdout=subprocess.DEVNULL, check=False).returncode == 2:
                    return 2  # its error is on standard error
        try:
            runs = [read(place) for place in places]
        except HarnessError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return report(runs)


def report(runs: Iterable[Run]) -> int:
    """Print the table and what applies to it; return the exit code."""
    goals = lines(runs := list(runs))
    headings = ["processes × threads", "measured", "required", ""]
    print(tabulate([line.cells() for line in goals], headings, "simple", disable_numparse=True))
    for run in runs:
        print(*notes(run), sep="\n")
    return 0 if all(line.met for line in goals) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a run of many tiny trials takes of its driver, tenth by tenth, and what its tables and its page take then.

    python -m tests.scale.growth --jobs 1                                # 10,000 trials
    python -m tests.scale.growth --cluster local:2

The driver's processor time for a trial should be the same at the end as at the beginning. The exit code is 1 where the
last three tenths took twice as much as the first three, or where the driver took more memory than a gigabyte.
"""

import argparse
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import harness
from tests.scale.measure import run, write_many

MEGABYTES = 1000.0
GROWTH = 2.0


class Clock:
    """Observes a run: the processor time of this process as each tenth of the trials has ended."""

    def __init__(self, trials: int) -> None:
        self.tenth = trials // 10
        self.ended = 0
        self.seconds: list[float] = []

    @harness.hookimpl
    def trial_finished(self, row: dict[str, Any]) -> None:  # noqa: ARG002 - any will do
        """Note the time."""
        self.ended += 1
        if self.ended % self.tenth == 0:
            self.seconds.append(time.process_time())
            print(f"{self.ended:,} trials: {self.seconds[-1]:.1f} s of the driver", flush=True)


def milliseconds(seconds: list[float], trials: int) -> list[float]:
    """Return what a trial took in each tenth after the first, which has the start of the run."""
    return [(after - before) / trials * 1000 for before, after in pairwise(seconds)]


def main() -> None:
    """Run, print, and say by the exit code whether the driver's share is constant and its memory small."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--cluster")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_many(folder, options.trials)
        clock, began = Clock(options.trials), time.perf_counter()
        harness.run(
            folder / "many.toml",
            jobs=options.jobs, cluster=options.cluster, out=folder / "run", observers=[clock], progress=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        tenths = milliseconds(clock.seconds, clock.tenth)
        shares = ", ".join(f"{each:.1f}" for each in tenths)
        print(f"{options.trials:,} trials in {seconds:.0f} s; the driver took {time.process_time():.0f} s of the")
        print(f"processor, {megabytes:.0f} MB at most, ms a trial by tenths: {shares}")
        for words in ("plan many.toml --out run", "leaderboard run", "report run"):
            ran = run(folder, *words.split())
            took = f"{ran.seconds:.1f} s, {ran.processor_seconds:.1f} s of the processor, {ran.megabytes:.0f} MB"
            print(f"{words}: {took}")
    growth = median(tenths[-3:]) / median(tenths[:3])
    sys.exit(0 if growth < GROWTH and megabytes < MEGABYTES else 1)


if __name__ == "__main__":
    main()

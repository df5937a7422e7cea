"""Kills parts of a cluster at random moments, and checks that a run ends as one that was not disturbed.

    python -m tests.chaos.cluster --moments 20 --seed 1

A job's process, a worker, the scheduler and the driver are killed, each at as many moments (a share of them where
HARNESS_TEST_SHARE says so). The driver must go on, or end as it should and resume. No row that was finished may be lost
or made again, no process of a job may outlive what it ran for, and each time every row and every array has in the end
the bytes of a run with ``--jobs 2``.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.chaos.contents import content, differences
from tests.chaos.interrupt import SUITE, environment, finished, rows, run_to_the_end, wait_until_gone, write_suite
from tests.clusters import Nodes, children
from tests.share import SHARE

SHORT = SUITE.replace("epochs = 80", "epochs = 15").replace("seeds = [1, 2, 3]", "seeds = [1, 2]")
VICTIMS = {"child": 0, "worker": 0, "scheduler": 130, "driver": -9}
"""What is killed, and the exit code of the driver then, unless it had ended."""


class Field:
    """A folder with a suite, and a cluster of two workers beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nodes = Nodes(root / "nodes")
        self.nodes.folder.mkdir()
        self._count = 0

    def complete(self) -> None:
        """Start what is missing of a scheduler and two workers."""
        nodes = self.nodes
        if nodes.scheduler is None or nodes.scheduler.poll() is not None:
            nodes.stop()
            nodes.workers = {}
            nodes.start_scheduler()
        nodes.workers = {name: worker for name, worker in nodes.workers.items() if worker.poll() is None}
        while len(nodes.workers) < 2:
            self._count += 1
            nodes.start_worker(f"node-{self._count}", HARNESS_CACHE_DIR=str(self.root / "cache"))

    def driver(self, folder: Path) -> subprocess.Popen:
        """Start the driver."""
        options = ["--cluster", self.nodes.address, "--checkpoint", "0.5s", "--out", str(folder)]
        with (self.root / "driver.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", "run", "chaos.toml", *options],
                cwd=self.root, stdout=log, stderr=log, env=environment(self.root),
            )  # fmt: skip

    def jobs(self) -> list[int]:
        """Return the processes of jobs on all nodes."""
        return [pid for worker in self.nodes.workers.values() for pid in children(worker)]


def begun(field: Field, folder: Path) -> subprocess.Popen:
    """Return a driver, once a node has a process for its jobs."""
    field.complete()
    driver = field.driver(folder)
    while not field.jobs() and driver.poll() is None:
        time.sleep(0.01)
    return driver


def undisturbed(field: Field, folder: Path) -> float:
    """Run the suite, and return the seconds from the first process of its jobs to the end."""
    driver = begun(field, folder)
    started = time.monotonic()
    assert driver.wait(600) == 0
    return time.monotonic() - started


def killed(field: Field, folder: Path, victim: str, moment: float, draw: random.Random) -> str:
    """Start the suite, kill a victim at a moment, run the suite to its end; return how far it was at the moment.

    Empty where there was nothing to kill: it had ended, or no job had a process.
    """
    driver = begun(field, folder)
    with suppress(subprocess.TimeoutExpired):
        driver.wait(moment)
    before, tested = finished(folder), sum(bool(row["evaluation"]) for row in rows(folder).values())
    jobs, worker = field.jobs(), draw.choice(list(field.nodes.workers.values()))
    idle = driver.poll() is not None or (victim == "child" and not jobs)
    if victim == "child" and jobs:
        with suppress(ProcessLookupError):
            os.kill(draw.choice(jobs), signal.SIGKILL)
    elif victim == "worker":
        worker.kill()
        worker.wait()
    elif victim == "scheduler":
        field.nodes.scheduler.kill()
    elif victim == "driver":
        driver.kill()
    code = driver.wait(600)
    assert code in {0, VICTIMS[victim]}, f"{victim}: {code}"  # 0: it ended between the look and the kill
    wait_until_gone([*jobs, *field.jobs()], 30.0)
    if code != 0:
        field.complete()
        assert field.driver(folder).wait(600) == 0, "the same command resumes"
    after = finished(folder)
    lost = [place for place, row in before.items() if after.get(place) != row]
    assert not lost, f"finished rows were lost or made again: {lost}"
    return "" if idle else f"{len(before)} trained, {tested} tested then, exit code {code}"


def main() -> None:
    """Kill each victim at random moments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="harness-chaos-") as place:
        root = Path(place)
        write_suite(root)
        (root / "chaos.toml").write_text(SHORT)
        run_to_the_end(root / "undisturbed", 2)
        expected = content(root / "undisturbed")
        field, folder = Field(root), root / "disturbed"
        try:
            seconds = undisturbed(field, root / "spread")
            assert not differences(expected, content(root / "spread"))
            for number in range(1, max(1, round(options.moments * SHARE)) + 1):
                for victim in VICTIMS:
                    moment, how = seconds, ""
                    while not how:
                        moment = draw.uniform(0, moment)
                        how = killed(field, folder, victim, moment, draw)
                        differ = differences(expected, content(folder))
                        assert not differ, f"the disturbed run differs: {differ}"
                        shutil.rmtree(folder)
                    print(f"{number} {victim} after {moment:.2f} s: {how}", flush=True)
        finally:
            field.nodes.stop()
            print((root / "driver.txt").read_text()[-3000:] if sys.exc_info()[0] else "", end="")
    print("every disturbed run ended with the bytes of an undisturbed one")


if __name__ == "__main__":
    main()

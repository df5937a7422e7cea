"""Kills parts of a cluster at random moments, and checks that a run ends as one that was not disturbed.

    python -m tests.chaos.cluster --moments 20 --seed 1

A job's process, a worker, the scheduler and the driver are killed, each at as many moments (a share of them where
HARNESS_TEST_SHARE says so). No row that was finished may be lost or made again, no process of a job may outlive what
it ran for, and in the end every row and every array has the bytes of a run with ``--jobs 2``.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.chaos.contents import content, differences
from tests.chaos.interrupt import environment, finished, run_to_the_end, wait_until_gone, write_suite
from tests.clusters import Nodes, children
from tests.share import SHARE

VICTIMS = {"child": 0, "worker": 0, "scheduler": 130, "driver": -9}
"""What is killed, and the exit code of the driver then, unless it was done before."""


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


def killed(field: Field, folder: Path, victim: str, moment: float, draw: random.Random) -> None:
    """Start the suite and kill a victim at a moment."""
    field.complete()
    before = finished(folder)
    driver = field.driver(folder)
    while not field.jobs() and driver.poll() is None:
        time.sleep(0.01)
    with suppress(subprocess.TimeoutExpired):
        driver.wait(moment)
    jobs, worker = field.jobs(), draw.choice(list(field.nodes.workers.values()))
    done = driver.poll() is not None
    if victim == "child" and jobs:
        with suppress(ProcessLookupError):
            subprocess.run(["kill", "-9", str(draw.choice(jobs))], check=False, stderr=subprocess.DEVNULL)
    elif victim == "worker":
        jobs = children(worker)
        worker.kill()
        worker.wait()
    elif victim == "scheduler":
        field.nodes.scheduler.kill()
    elif victim == "driver":
        driver.kill()
    code = driver.wait(600)
    assert code == (0 if done else VICTIMS[victim]) or (victim == "scheduler" and code == 0), f"{victim}: {code}"
    wait_until_gone(jobs, 20.0)
    wait_until_gone(field.jobs(), 20.0)
    after = finished(folder)
    lost = [place for place, row in before.items() if after.get(place) != row]
    assert not lost, f"finished rows were lost or made again: {lost}"


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
        seconds = run_to_the_end(root / "undisturbed", 2)
        expected = content(root / "undisturbed")
        field, folder = Field(root), root / "disturbed"
        try:
            for number in range(max(1, round(options.moments * SHARE))):
                for victim in VICTIMS:
                    moment = draw.uniform(0, seconds)
                    killed(field, folder, victim, moment, draw)
                    print(f"{number} {victim} after {moment:.2f} s: {len(finished(folder))} done", flush=True)
                    if victim == "driver":
                        field.complete()
                        assert field.driver(folder).wait(600) == 0
                        differ = differences(expected, content(folder))
                        assert not differ, f"the disturbed run differs: {differ}"
                    if draw.random() < 0.5 or victim == "driver":
                        shutil.rmtree(folder)
        finally:
            field.nodes.stop()
            print((root / "driver.txt").read_text()[-3000:] if sys.exc_info()[0] else "", end="")
    print("every disturbed run ended with the bytes of an undisturbed one")


if __name__ == "__main__":
    main()

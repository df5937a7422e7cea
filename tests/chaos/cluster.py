"""Kills parts of a cluster at random moments, and checks that a run ends as one that was not disturbed.

    python -m tests.chaos.cluster --moments 20 --seed 1

A job's process, a worker, the scheduler and the driver are killed, each at as many moments (a share of them where
HARNESS_TEST_SHARE says so). The driver must go on, or end as it should and resume. No row that was finished may be lost
or made again, neither a process nor a file may be left on a node, and each time the run has in the end what one with
``--jobs 2`` has: the bytes of every array, every row but for times and nodes, and no file beside them.

A moment is a number of rows that are trained or tested, and a part of a second after that: so the moments are spread
over all that a run does, however fast the machine is meanwhile.
"""

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from harness.execution.pools.cluster.local import QUIET
from tests.chaos.contents import differences, whole
from tests.chaos.interrupt import SHORT, environment, finished, rows, run_to_the_end, wait_until_gone, write_suite
from tests.clusters import Nodes, children
from tests.share import SHARE

VICTIMS = {"child": 0, "worker": 0, "scheduler": 130, "driver": -9}
"""What is killed, and the exit code of the driver then, unless it had ended."""
END_SECONDS = 600.0
"""What a driver may take, on a machine that has other things to do."""
GONE_SECONDS = 60.0


class Moment(NamedTuple):
    """When something is killed: a while after a number of rows of training and testing were written."""

    rows: int
    seconds: float


def progress(folder: Path) -> int:
    """Return how many rows have been trained and tested."""
    return sum(len(list(folder.glob(f"trials/*/*/{name}"))) for name in ("state.npz", "evaluation.npz"))


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
            nodes.start_scheduler(**QUIET)
        nodes.workers = {name: worker for name, worker in nodes.workers.items() if worker.poll() is None}
        while len(nodes.workers) < 2:
            self._count += 1
            nodes.start_worker(f"node-{self._count}", HARNESS_CACHE_DIR=str(self.root / "cache"), **QUIET)

    def driver(self, folder: Path) -> subprocess.Popen:
        """Start the driver."""
        options = ["--cluster", self.nodes.address, "--checkpoint", "0.5s", "--format", "json", "--out", str(folder)]
        with (self.root / "driver.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", "run", "chaos.toml", *options],
                cwd=self.root, stdout=log, stderr=log, env=environment(self.root),
            )  # fmt: skip

    def jobs(self) -> list[int]:
        """Return the processes of jobs on all nodes."""
        return [pid for worker in self.nodes.workers.values() for pid in children(worker)]

    def left(self) -> list[Path]:
        """Return what drivers have left in the folders of nodes that run."""
        running = [name for name, worker in self.nodes.workers.items() if worker.poll() is None]
        walks = (os.walk(self.nodes.folder / name) for name in running)  # not `rglob`: folders go meanwhile
        every = (Path(place, name) for walk in walks for place, folders, _ in walk for name in folders)
        return [path for path in every if fnmatch(path.name, "harness-????????")]

    def check_nothing_left(self, jobs: list[int]) -> None:
        """Wait until neither processes nor files of drivers are left on the nodes."""
        wait_until_gone([*jobs, *self.jobs()], GONE_SECONDS)
        deadline = time.monotonic() + GONE_SECONDS
        while left := self.left():
            assert time.monotonic() < deadline, f"files outlive their driver: {left}"
            time.sleep(0.05)


def begun(field: Field, folder: Path) -> subprocess.Popen:
    """Return a driver, once a node has a process for its jobs."""
    field.complete()
    driver = field.driver(folder)
    while not field.jobs() and driver.poll() is None:
        time.sleep(0.02)
    return driver


def undisturbed(field: Field, folder: Path) -> list[float]:
    """Run the suite, and return the seconds from each of its rows to the next; the first from its first process on."""
    driver = begun(field, folder)
    times = [time.monotonic()]
    while driver.poll() is None:
        times += [time.monotonic()] * (progress(folder) + 1 - len(times))
        time.sleep(0.02)
    assert driver.returncode == 0
    return [after - before for before, after in itertools.pairwise(times)]


def killed(field: Field, folder: Path, victim: str, moment: Moment, draw: random.Random) -> str:
    """Start the suite, kill a victim at a moment, run the suite to its end; return how far it was at the moment.

    Empty where there was nothing to kill: it had ended, or no job had a process.
    """
    driver = begun(field, folder)
    while driver.poll() is None and progress(folder) < moment.rows:
        time.sleep(0.02)
    with suppress(subprocess.TimeoutExpired):
        driver.wait(moment.seconds)
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
    code = driver.wait(END_SECONDS)
    assert code in {0, VICTIMS[victim]}, f"{victim}: {code}"  # 0: it ended between the look and the kill
    field.check_nothing_left(jobs)
    if code != 0:
        field.complete()
        assert field.driver(folder).wait(END_SECONDS) == 0, "the same command resumes"
        field.check_nothing_left([])
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
    with tempfile.TemporaryDirectory(prefix="harness-chaos-") as temporary:
        root = Path(temporary)
        write_suite(root)
        (root / "chaos.toml").write_text(SHORT)
        run_to_the_end(root / "undisturbed", 2)
        expected = whole(root / "undisturbed")
        field, folder = Field(root), root / "disturbed"
        try:
            gaps = undisturbed(field, root / "spread")
            assert not differences(expected, whole(root / "spread"))
            print(f"{len(gaps)} rows in {sum(gaps):.1f} s, undisturbed", flush=True)
            for number in range(1, max(1, round(options.moments * SHARE)) + 1):
                for victim in VICTIMS:
                    started, how = time.monotonic(), ""
                    while not how:
                        place = draw.randrange(len(gaps))
                        moment = Moment(place, draw.uniform(0, max(gaps[place], 0.2)))
                        (root / "driver.txt").unlink(missing_ok=True)
                        how = killed(field, folder, victim, moment, draw)
                        differ = differences(expected, whole(folder))
                        assert not differ, f"the disturbed run differs: {differ}"
                        shutil.rmtree(folder)
                    took = time.monotonic() - started
                    print(
                        f"{number} {victim} {moment.seconds:.2f} s after row {moment.rows}: {how} ({took:.0f} s)",
                        flush=True,
                    )
        finally:
            field.nodes.stop()
            if sys.exc_info()[0]:
                for log in (*sorted(field.nodes.folder.glob("*.txt")), root / "driver.txt"):
                    print(f"== {log.name}\n{log.read_text()[-3000:]}" if log.exists() else "")
    print("every disturbed run ended with the bytes of an undisturbed one")


if __name__ == "__main__":
    main()

"""A scheduler and workers as processes, for tests of a cluster, and commands that run beside them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 300


def environment(**variables):
    """Return the variables of a process that finds harness and the tests."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "HARNESS_NO_TUNE": "1", "COLUMNS": "1000"} | variables


class Nodes:
    """A scheduler and its workers; ``folder`` is where they leave what they write."""

    def __init__(self, folder):
        self.folder = folder
        self.workers = {}
        self.scheduler = None
        self.address = ""

    def start_scheduler(self, port=0, host="127.0.0.1", prefix=(), **variables):
        """Start a scheduler; ``prefix``: as of a worker."""
        about = self.folder / "scheduler.json"
        about.unlink(missing_ok=True)
        options = ["--scheduler-file", str(about), "--host", host, "--port", str(port), "--no-dashboard"]
        with (self.folder / "scheduler.txt").open("ab") as log:
            self.scheduler = subprocess.Popen(
                [*prefix, sys.executable, "-m", "distributed.cli.dask_scheduler", *options, "--no-show"],
                stdout=log, stderr=log, env=environment(**variables), cwd=self.folder,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not about.exists() or not about.read_text().strip().endswith("}"):
            assert self.scheduler.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.address = json.loads(about.read_text())["address"]

    def start_worker(self, name, threads=1, prefix=(), **variables):
        """Start a worker; ``prefix``: a command that runs it, as ``unshare``."""
        options = ["--no-nanny", "--memory-limit", "0", "--no-dashboard", "--nthreads", str(threads), "--name", name]
        place = ["--local-directory", str(self.folder / name)]
        with (self.folder / f"{name}.txt").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                [*prefix, sys.executable, "-m", "distributed.cli.dask_worker", self.address, *options, *place],
                stdout=log, stderr=log, env=environment(**variables), cwd=self.folder,
            )  # fmt: skip

    def until_joined(self):
        """Wait until the scheduler has every worker, whatever a driver's patience is then."""
        deadline = time.monotonic() + START_SECONDS
        for name, worker in self.workers.items():
            while "Registered to:" not in (self.folder / f"{name}.txt").read_text():
                assert worker.poll() is None, name
                assert time.monotonic() < deadline, name
                time.sleep(0.05)

    def stop(self):
        """End all of them."""
        for process in [*self.workers.values(), self.scheduler]:
            if process is not None:
                with suppress(OSError):
                    process.send_signal(signal.SIGCONT)
                    process.kill()
                process.wait()


@contextmanager
def cluster(folder, *names, threads=1, **variables):
    """Yield a scheduler with a worker of each name."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = Nodes(folder)
    try:
        nodes.start_scheduler()
        for name in names:
            nodes.start_worker(name, threads, **variables)
        yield nodes
    finally:
        nodes.stop()


def harness(*arguments, cwd, code=0, timeout=600, prefix=(), **variables):
    """Run a command of harness; return what it said, standard output first."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=timeout, env=environment(**variables),
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def children(process):
    """Return the processes of jobs that a worker has started, by their ids."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and b"harness.execution.pools.worker" in (path / "cmdline").read_bytes():
                pids.append(int(path.name))
    return pids

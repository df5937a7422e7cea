"""Kills drivers and workers at random moments, and checks that a run ends as one that was not interrupted.

    python -m tests.chaos.interrupt --moments 100 --seed 1

Moments are drawn from all of a command, from its evaluation, and from the writing of its first cache; with one process
or two; with NumPy, and with torch where it is installed. No row that was finished may be lost or made again, no
process may outlive its driver, and in the end every row and every array has the bytes of an undisturbed run, whatever
``--jobs``.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tests.chaos.contents import content

SUITE = """
[suite]
name = "chaos"
seeds = [1, 2, 3]

[dataset]
name = "files"
images = "images.npy"
labels = "labels.npy"
split = { train = 0.05, val = 0.02, test = 0.93, seed = 42 }

[defaults]
hidden_layers = [64, 32]
batch_size = 64
optimizer = { name = "adam", learning_rate = 0.003 }
epochs = 80

[experiments.plain]
[experiments.momentum]
optimizer = { name = "sgd", learning_rate = 0.05, momentum = 0.9 }
schedule = { name = "cosine" }
[experiments.modern]
activation = "silu"
batch_norm = true
dropout = 0.2
[experiments.best]
optimizer = { name = "adam", learning_rate = 0.02 }
early_stopping = { patience = 40, restore_best = true }

[finalists]
best = { best_of = "*" }
plain = "plain"
modern = "modern"

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
"""
SHORT = SUITE.replace("epochs = 80", "epochs = 15").replace("seeds = [1, 2, 3]", "seeds = [1, 2]")
"""Its trials last for a few checkpoints each."""
TORCH = '[experiments.torch]\nbackend = "torch"\nepochs = 30\n'
WHERE = ("anywhere", "anywhere", "evaluation", "first cache")


def command(folder: Path, jobs: int) -> list[str]:
    """Return the command that runs the suite into a folder, with checkpoints far more often than anyone would want."""
    options = ["--jobs", str(jobs), "--checkpoint", "0.1s", "--out", str(folder)]
    return [sys.executable, "-m", "harness", "run", "chaos.toml", *options]


def environment(root: Path) -> dict[str, str]:
    """Return the environment of the commands: their cache is below ``root``."""
    return os.environ | {"HARNESS_CACHE_DIR": str(root / "cache"), "HARNESS_NO_TUNE": "1"}


def write_suite(root: Path, suite: str = SUITE) -> int:
    """Write a suite and its 20,000 images, which take a moment to cache; return how many trials it has."""
    suite += TORCH if find_spec("torch") else ""
    (root / "chaos.toml").write_text(suite)
    draw = np.random.default_rng(0)
    labels = np.arange(20_000) % 10
    images = draw.integers(0, 160, (20_000, 12, 12), dtype=np.uint8)
    images[np.arange(20_000), labels] += np.uint8(90)
    np.save(root / "images.npy", images)
    np.save(root / "labels.npy", labels)
    about = tomllib.loads(suite)
    return len(about["suite"]["seeds"]) * len(about["experiments"])


def rows(folder: Path) -> dict[str, dict]:
    """Return the stored rows by their place."""
    return {str(path): json.loads(path.read_text())["row"] for path in folder.glob("trials/*/*/row.json")}


def finished(folder: Path) -> dict[str, str]:
    """Return the trained part of each row that is done, by its place: times and all, as no retraining leaves them."""
    trained = {place: row for place, row in rows(folder).items() if row["metrics"]}
    return {place: json.dumps([row["metrics"], row["history"]]) for place, row in trained.items()}


def workers(driver: int) -> list[int]:
    """Return the processes that a driver started to train in."""
    collected = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == driver and b"harness.execution.pools.worker" in (path / "cmdline").read_bytes():
                collected.append(int(path.name))
    return collected


def alive(pid: int) -> bool:
    """Return whether a process runs still."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until_gone(pids: list[int], seconds: float = 10.0) -> None:
    """Wait for processes to end by themselves."""
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"processes outlive their driver: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.05)


def run_to_the_end(folder: Path, jobs: int) -> float:
    """Run the suite without a disturbance, and return the seconds that it took."""
    started = time.monotonic()
    done = subprocess.run(
        command(folder, jobs), capture_output=True, text=True, check=False, cwd=folder.parent,
        env=environment(folder.parent),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return time.monotonic() - started


def wait_for(where: str, folder: Path, trials: int, driver: subprocess.Popen, seconds: float) -> None:
    """Wait until a driver is where it is to be killed, or has ended; then for a moment of up to ``seconds``."""
    reached = {
        "anywhere": lambda: True,
        "evaluation": lambda: len(finished(folder)) == trials,
        "first cache": lambda: any((folder.parent / "cache" / "datasets").glob("*")),
    }[where]
    while not reached() and driver.poll() is None:
        time.sleep(0.005)
    time.sleep(seconds)


def interrupt_once(folder: Path, where: str, moment: float, trials: int, draw: random.Random) -> str:
    """Start the suite, and at a moment kill its driver, or one of its workers and then let it go on; say which."""
    before = finished(folder)
    if where == "first cache":
        shutil.rmtree(folder.parent / "cache", ignore_errors=True)
    jobs, victim = draw.choice((1, 2)), draw.choice(["driver", "driver", "driver", "worker"])
    driver = subprocess.Popen(
        command(folder, jobs), cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(folder.parent),
    )  # fmt: skip
    wait_for(where, folder, trials, driver, moment)
    pids = workers(driver.pid)
    if victim == "worker" and pids:
        with suppress(ProcessLookupError):
            os.kill(draw.choice(pids), signal.SIGKILL)
        assert driver.wait() == 0, "a trial whose worker was killed is run once more"
    else:
        driver.kill()
        driver.wait()
    wait_until_gone(pids)
    after = finished(folder)
    lost = [place for place, row in before.items() if after.get(place) != row]
    assert not lost, f"finished rows were lost or made again: {lost}"
    return f"--jobs {jobs}, {victim}, {where} + {moment:.2f} s"


def untested(run: Path, folder: Path) -> None:
    """Make a folder the copy of a run whose trials are trained, and are still to be tested."""
    shutil.copytree(run, folder)
    for path in folder.rglob("evaluation.npz"):
        path.unlink()


def finish(folder: Path, expected: dict[str, object]) -> None:
    """Run the same command to its end, compare what there is then, and remove it."""
    run_to_the_end(folder, 2)
    files = content(folder)
    differ = [name for name in expected.keys() | files.keys() if files.get(name) != expected.get(name)]
    assert not differ, f"the interrupted run differs: {sorted(differ)}"
    shutil.rmtree(folder)


def main() -> None:
    """Interrupt a run at random moments, and compare it with runs that were not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--short", action="store_true", help="two seeds of 15 epochs, not three of 80")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        trials = write_suite(root, SHORT if options.short else SUITE)
        seconds = {jobs: run_to_the_end(root / f"jobs-{jobs}", jobs) for jobs in (0, 1, 2)}
        expected = content(root / "jobs-0")
        assert len(rows(root / "jobs-0")) == trials, "not all was run"
        for jobs in (1, 2):
            assert content(root / f"jobs-{jobs}") == expected, f"--jobs {jobs} and --jobs 0 differ"
        print(f"--jobs 0, 1 and 2 agree: {len(expected)} files; {seconds[2]:.1f} s with two", flush=True)
        folder = root / "chaos"
        for number in range(options.moments):
            where = WHERE[number % len(WHERE)]
            if where == "evaluation":
                finish(folder, expected)
                untested(root / "jobs-0", folder)
            # From before the first worker is up to after the last trial has ended, as far as it is still to go.
            longest = {"anywhere": seconds[2], "evaluation": 2.0, "first cache": 0.2}[where]
            ending = interrupt_once(folder, where, draw.uniform(0.0, longest), trials, draw)
            tested = sum(bool(row["evaluation"]) for row in rows(folder).values())
            print(f"{number + 1}: {ending}; {len(finished(folder))} trials finished, {tested} tested", flush=True)
            if len(finished(folder)) == trials:
                finish(folder, expected)
        finish(folder, expected)
    print("every interrupted run ended with the bytes of an undisturbed one")


if __name__ == "__main__":
    main()

"""Kills drivers and workers at random moments, and checks that a run ends as one that nobody interrupted.

    python -m tests.chaos.interrupt --moments 20 --seed 1

No row that was finished may be lost or made again, no process may outlive its driver, and in the end every row and
every array has the bytes of a run that nobody interrupted, whatever ``--jobs``.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SUITE = """
[suite]
name = "chaos"
seeds = [1, 2, 3]

[defaults]
hidden_layers = [64, 32]
batch_size = 64
optimizer = { name = "adam", learning_rate = 0.003 }
epochs = 150

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

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.3]
"""
CLOCK = {"seconds", "samples_per_second", "validation_seconds", "anonymous_bytes", "contended"}
"""What a clock or a process says of itself: no two runs agree on it."""


def command(folder: Path, jobs: int) -> list[str]:
    """Return the command that runs the suite into a folder, with checkpoints far more often than anybody would want."""
    options = ["--jobs", str(jobs), "--checkpoint", "0.1s", "--out", str(folder)]
    return [sys.executable, "-m", "harness", "run", "chaos.toml", *options]


def without_clock(value):
    """Return a row's content without what the clock said."""
    if isinstance(value, dict):
        return {key: without_clock(one) for key, one in value.items() if key not in CLOCK}
    return [without_clock(one) for one in value] if isinstance(value, list) else value


def content(folder: Path) -> dict[str, object]:
    """Return what a finished run holds: rows without times, and the bytes of arrays."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("trials/*/*/*")):
        if path.suffix == ".npz":
            found[str(path.relative_to(folder))] = path.read_bytes()
        elif path.name == "row.json":
            found[str(path.relative_to(folder))] = without_clock(json.loads(path.read_text())["row"])
    return found


def finished(folder: Path) -> dict[str, str]:
    """Return the trained part of each row that is done, by its place: times and all, as no retraining leaves them."""
    rows = {}
    for path in folder.glob("trials/*/*/row.json"):
        row = json.loads(path.read_text())["row"]
        if row["metrics"]:
            rows[str(path)] = json.dumps([row["metrics"], row["history"]])
    return rows


def workers(driver: int) -> list[int]:
    """Return the processes that a driver started to train in."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == driver and b"harness.execution.pools.worker" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


def alive(pid: int) -> bool:
    """Say whether a process runs still."""
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
    done = subprocess.run(command(folder, jobs), capture_output=True, text=True, check=False, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - started


def interrupt_once(folder: Path, moment: float, victim: str, draw: random.Random) -> None:
    """Start the suite, and after ``moment`` seconds kill its driver, or one of its workers and then let it go on."""
    before = finished(folder)
    driver = subprocess.Popen(
        command(folder, 2), cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(moment)
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


def main() -> None:
    """Interrupt a run at random moments, and compare it with runs that nobody interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    draw = random.Random(options.seed)
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "chaos.toml").write_text(SUITE)
        seconds = {jobs: run_to_the_end(root / f"jobs-{jobs}", jobs) for jobs in (0, 1, 2)}
        expected = content(root / "jobs-0")
        assert expected, "nothing was run"
        for jobs in (1, 2):
            assert content(root / f"jobs-{jobs}") == expected, f"--jobs {jobs} and --jobs 0 differ"
        print(f"--jobs 0, 1 and 2 agree: {len(expected)} files; {seconds[2]:.1f} s with two")
        for number in range(options.moments):
            # From before the first worker is up to after the last trial has ended, as far as it is still to go.
            moment = draw.uniform(0.2, seconds[2])
            victim = draw.choice(["driver", "driver", "driver", "worker"])
            interrupt_once(root / "chaos", moment, victim, draw)
            done = len(finished(root / "chaos"))
            print(f"{number + 1}: {victim} killed after {moment:.2f} s, {done} trials finished", flush=True)
            if done == 12:
                run_to_the_end(root / "chaos", 2)
                assert content(root / "chaos") == expected, "the interrupted run differs"
                (root / "chaos").rename(root / f"chaos-{number}")
        run_to_the_end(root / "chaos", 2)
        assert content(root / "chaos") == expected, "the interrupted run differs"
    print("every interrupted run ended with the bytes of an undisturbed one")


if __name__ == "__main__":
    main()

"""Walks along the file operations of a command: fails at one after the other, and lets the same command mend it.

python -m tests.chaos.walk run kill            # every operation
python -m tests.chaos.walk run kill --at 17    # one of them, with what was said
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.chaos.contents import differences, whole
from tests.chaos.forkserver import Done, Forks
from tests.chaos.operations import KILLED, Fault

SUITE = """
[suite]
name = "walk"
seeds = [1]

[dataset]
name = "files"
images = "images.npy"
labels = "labels.npy"

[defaults]
hidden_layers = [3]
batch_size = 32
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2

[experiments.A]
[experiments.B]
early_stopping = { patience = 2, restore_best = true }

[finalists]
best = { best_of = "[AB]" }

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.3]
"""
RUN = ("run", "walk.toml", "--jobs", "0", "--checkpoint", "0.00001s")
KINDS = ("kill", "full", "interrupt")
CODES = {"kill": {KILLED}, "full": {0, 1, 2}, "interrupt": {130}}
"""How a command may end at its fault. On a full disk: 0 where it can do without the file, 1 where a trial cannot."""
LIMIT = 60
"""Seconds of a command; none takes a tenth of it."""


@dataclass(frozen=True)
class Walk:
    """A command, what was done before it, and the folder whose file operations fail."""

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...]
    folder: str


WALKS = {
    "run": Walk(RUN, (("plan", "walk.toml", "--jobs", "0"),), "runs"),
    "change": Walk((*RUN, "--set", "experiments.A.epochs=1"), (RUN,), "runs"),
    "report": Walk(("report", "runs/walk"), (RUN,), "runs"),
    "cache": Walk(("plan", "walk.toml", "--jobs", "0"), (), "cache"),
}


def forks() -> Forks:
    """Return a server whose commands keep their cache in the folder in which they run."""
    environment = {"HARNESS_CACHE_DIR": "cache", "HARNESS_NO_TUNE": "1", "HARNESS_DISABLE_PLUGINS": "*"}
    return Forks(environment | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))


class Walker:
    """Walks along one command, in folders below ``folder``."""

    def __init__(self, name: str, server: Forks, folder: Path) -> None:
        self.name, self._walk, self._server = name, WALKS[name], server
        self._start, self._place = folder / "start", folder / "walk"
        self._start.mkdir(parents=True)
        (self._start / "walk.toml").write_text(SUITE)
        draw = np.random.default_rng(0)
        labels = np.arange(60) % 3
        images = draw.integers(0, 100, (60, 5, 5)) + 50 * labels[:, None, None]
        np.save(self._start / "images.npy", images.astype(np.uint8))
        np.save(self._start / "labels.npy", labels)
        for command in self._walk.before:
            self._run(command, self._start, warm=True)
        self._fresh()
        self._run(self._walk.command, self._place, warm=True)
        self._fresh()
        clean = self._run(self._walk.command, self._place, fault=Fault("count", 0, self._folder))
        self.operations = clean.operations
        self._expected = whole(self._place)

    @property
    def _folder(self) -> str:
        return str(self._place / self._walk.folder)

    def _run(self, command: tuple[str, ...], folder: Path, **options) -> Done:
        done = self._server.run(*command, cwd=folder, limit=LIMIT, **options)
        assert done.code == 0, done
        return done

    def _fresh(self) -> None:
        """Put everything as it was before the command; times of change too, which tell a source from another."""
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._start, self._place)

    def fail(self, kind: str, at: int, share: float) -> Iterator[str]:
        """Fail at an operation, run the command again, and yield what is wrong then."""
        self._fresh()
        fault = Fault(kind, at, self._folder, share)
        failed = self._server.run(*self._walk.command, cwd=self._place, limit=LIMIT, fault=fault)
        if failed.code not in CODES[kind] or "Traceback" in failed.err:
            yield f"at the fault: {failed}"
        self._age()
        again = self._server.run(*self._walk.command, cwd=self._place, limit=LIMIT)
        if again.code or "Traceback" in again.err:
            yield f"the same command again: {again}"
            return
        different = differences(self._expected, whole(self._place))
        if different:
            yield f"after the same command again: {'; '.join(different)}"

    def _age(self) -> None:
        """Make what was left of a page two hours older: a younger one may be of a report that is being written."""
        for path in self._place.rglob(".report.html.*"):
            os.utime(path, (time.time() - 7200,) * 2)

    def problems(self, kind: str, stride: int = 1, first: int = 1) -> Iterator[str]:
        """Yield what is wrong after a failure at any of the operations, with how to see it again."""
        for at in range(first, len(self.operations) + 1, stride):
            operation = self.operations[at - 1].replace(str(self._place), "")
            # An interrupt writes nothing by itself; what else fails in a write leaves a part of it, or nothing.
            for share in (0.5, 0.0) if operation.startswith("write") and kind != "interrupt" else (0.5,):
                for problem in self.fail(kind, at, share):
                    replay = f"python -m tests.chaos.walk {self.name} {kind} --at {at}"
                    place = f"{at} of {len(self.operations)}"
                    yield f"{kind} at operation {place}, {operation}\n  {problem}\n  again: {replay}"


def main() -> None:
    """Walk, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("walk", choices=WALKS)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--at", type=int, help="one operation alone")
    parser.add_argument("--stride", type=int, default=1)
    options = parser.parse_args()
    problems = 0
    with tempfile.TemporaryDirectory() as name, forks() as server:
        walker = Walker(options.walk, server, Path(name))
        stride = options.stride if options.at is None else len(walker.operations)
        for problem in walker.problems(options.kind, stride, options.at or 1):
            problems += 1
            print(problem, flush=True)
        print(f"{len(walker.operations)} operations, {problems} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()

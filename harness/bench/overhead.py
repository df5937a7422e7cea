"""What a whole suite costs beside its trials."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from subprocess import PIPE
from threading import Thread
from time import perf_counter

from harness.bench.advance import Say, silent
from harness.errors import HarnessError
from harness.machine.supervised import Child, how_it_ended
from harness.store import read_several, runs_of

_PATIENCE = 5.0
"""Seconds for an interrupted run to end by itself, and for the last lines of one that has ended."""
_PROGRESS = re.compile(r"(?:\d\d:\d\d:\d\d |(?=dataset (?!.* is left out: )))(.*)")
"""A line about progress: with the time, or which dataset comes next."""
_PLACE = re.compile(r"; results in .*| \(log: .*\)")
"""What a line says of the folder, which is removed."""


@dataclass(frozen=True)
class Overhead:
    """A run of a suite, one trial at a time: its seconds, and those that its trials took."""

    suite: str
    trials: int
    seconds: float
    """From the start of the command to its end."""
    training: float
    """Epochs and their validation."""
    evaluation: float
    """Test rows, clean and perturbed."""

    @property
    def outside(self) -> float:
        """Seconds that are neither."""
        return self.seconds - self.training - self.evaluation

    @property
    def share(self) -> float:
        """The part of all seconds that is neither."""
        return self.outside / self.seconds


def overhead(suite: Path, options: Sequence[str] = (), *, say: Say = silent) -> Overhead:
    """Run a suite by itself, in a folder that ends with it, with ``--jobs 1`` and further ``options``.

    ``say`` is called with each line that the run writes about its progress, in another thread.

    Raises:
        HarnessError: a trial of it does not end well, or the command is refused.
    """
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
        place = Path(folder) / "run"
        arguments = ["run", str(suite), "--jobs", "1", "--out", str(place), *options]
        rest: list[str] = []
        started = perf_counter()
        with Child("from harness.cli import main\nmain()\n", *arguments, stderr=PIPE) as child:
            reading = Thread(target=_read, args=(child.pipes[2], say, rest), daemon=True)
            reading.start()
            try:
                child.wait()
            except BaseException:
                child.end(_PATIENCE)  # it ends its workers, and leaves what it has written whole
                raise
            seconds, code = perf_counter() - started, child.exit_code()
            reading.join(_PATIENCE)
        if code:
            reason = next((line for line in rest if line.startswith("error: ")), rest[0] if rest else "")
            msg = f"{suite}: 'harness run' ended with {how_it_ended(code)}: {reason.removeprefix('error: ')}"
            raise HarnessError(msg)
        runs = list(runs_of(place, read_several(place)).values())
        rows = [row for run in runs for row in run.rows()]
    return Overhead(
        suite=runs[0].suite.suite.name,
        trials=len(rows),
        seconds=seconds,
        training=sum(row.metrics.seconds for row in rows if row.metrics),
        evaluation=sum(row.evaluation.seconds for row in rows if row.evaluation),
    )


def _read(stream: FileIO, say: Say, rest: list[str]) -> None:
    """Say what a run's standard error says of its progress until it ends, and keep its other lines."""
    with stream:
        for encoded in stream:
            line = _PLACE.sub("", encoded.decode("utf-8", "backslashreplace").rstrip())
            if progress := _PROGRESS.fullmatch(line):
                say(progress[1])
            else:
                rest.append(line)

"""What a whole suite costs beside its trials."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from time import perf_counter

from harness.errors import HarnessError
from harness.machine.supervised import Child, how_it_ended
from harness.store import Run

_PATIENCE = 5.0
"""Seconds for an interrupted run to end by itself."""


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


def overhead(suite: Path, options: Sequence[str] = ()) -> Overhead:
    """Run a suite by itself, in a folder that ends with it, with ``--jobs 1`` and further ``options``.

    Raises:
        HarnessError: a trial of it does not end well, or the command is refused.
    """
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
        place = Path(folder) / "run"
        arguments = ["run", str(suite), "--jobs", "1", "--quiet", "--out", str(place), *options]
        started = perf_counter()
        with Child("from harness.cli import main\nmain()\n", *arguments, stderr=PIPE) as child:
            try:
                _, errors = child.output() or (b"", b"")
            except BaseException:
                child.end(_PATIENCE)  # it ends its workers, and leaves what it has written whole
                raise
        seconds, code = perf_counter() - started, child.exit_code()
        if code:
            lines = errors.decode("utf-8", "backslashreplace").strip().splitlines()
            reason = next((line for line in lines if line.startswith("error: ")), lines[0] if lines else "")
            msg = f"{suite}: 'harness run' ended with {how_it_ended(code)}: {reason.removeprefix('error: ')}"
            raise HarnessError(msg)
        here = Run.open(place)
        rows = list(here.rows())
    return Overhead(
        suite=here.suite.suite.name,
        trials=len(rows),
        seconds=seconds,
        training=sum(row.metrics.seconds for row in rows if row.metrics),
        evaluation=sum(row.evaluation.seconds for row in rows if row.evaluation),
    )

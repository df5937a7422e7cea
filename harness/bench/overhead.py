"""What a whole suite costs beside its trials."""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from harness.errors import HarnessError
from harness.machine.children import python
from harness.store import Run


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
        harness = python("from harness.cli import main; main()")
        command = [*harness, "run", str(suite), "--jobs", "1", "--quiet", "--out", str(place)]
        started = perf_counter()
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)  # noqa: S603 - our own
        seconds = perf_counter() - started
        if done.returncode:
            said = done.stderr.strip().splitlines()
            reason = next((line for line in said if line.startswith("error: ")), said[0] if said else "")
            msg = f"{suite}: 'harness run' ended with exit code {done.returncode}: {reason.removeprefix('error: ')}"
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

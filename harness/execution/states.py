"""Where the trained state of a trial is."""

from pathlib import Path

from harness.rows import TrialRow
from harness.store import Run, Stored


def state_file(run: Run, row: TrialRow) -> tuple[Path, str]:
    """Return the file of a trial's trained state, and the digest that the row has of it; empty where it has none."""
    stored = run.read(row.experiment, row.seed)
    digest = stored.files.get("state.npz", "") if isinstance(stored, Stored) else ""
    return run.trial_directory(row.experiment, row.seed).absolute() / "state.npz", digest

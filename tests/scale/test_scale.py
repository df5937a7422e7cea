"""Two thousand trials in one run; `tests.scale.measure` has the times."""

import resource
import subprocess
import sys

import pytest

from tests.scale.measure import HARNESS, trained_seconds, write_many


@pytest.mark.slow
def test_two_thousand_trials_are_planned_run_and_resumed_in_little_memory(tmp_path):
    """All done, none twice, no process above 300 MB."""
    write_many(tmp_path, 2000)
    assert "2000 trials, 0 done" in harness(tmp_path, "plan", "many.toml").stdout
    harness(tmp_path, "run", "many.toml", "--quiet")
    assert len(trained_seconds(tmp_path / "runs" / "many")) == 2000
    assert "2000 trials, 2000 already done" in harness(tmp_path, "run", "many.toml").stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 < 300, sys.platform


def harness(folder, *arguments):
    """Run a command."""
    return subprocess.run([*HARNESS, *arguments], cwd=folder, check=True, capture_output=True, text=True)

"""A few random interruptions; ``python -m tests.chaos.interrupt`` makes many."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one():
    """Byte for byte, for ``--jobs`` 0, 1 and 2 too; the seed is printed with a failure."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.interrupt", "--moments", "4", "--short"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every interrupted run ended with the bytes of an undisturbed one" in done.stdout

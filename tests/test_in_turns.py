"""Scripts that measure processor time: two versions in turns, here one and the same; backends beside peers."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "in_turns.py"
SUITE = Path(__file__).parent.parent / "suites" / "quick.toml"

pytestmark = pytest.mark.slow  # it starts runs


def in_turns(*arguments):
    """Run the script."""
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def test_each_version_runs_the_suite_and_ratios_are_printed():
    """Of processor time and of memory."""
    done = in_turns(sys.executable, sys.executable, "1", SUITE, "--only", "M1b")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.count(" MB") == 2
    assert last.startswith("medians of 1 rounds: processor time ")


def test_a_run_that_fails_ends_it():
    """With the command, and what it said."""
    done = in_turns(sys.executable, sys.executable, "1", SUITE, "--only", "M9")
    assert done.returncode == 1
    assert "exit code 2: error: " in done.stderr


def test_it_explains_itself():
    """Without arguments."""
    done = in_turns()
    assert done.stderr == "python scripts/in_turns.py BEFORE AFTER ROUNDS SUITE [OPTIONS]\n"


def test_processor_time_has_backends_and_peers():
    """Four lines of rates, three of ratios."""
    pytest.importorskip("torch")
    command = [sys.executable, SCRIPT.with_name("processor_time.py"), "M4a", "128", "1"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "numpy", "torch", "torch-eager", "torch-dataloader",
        "numpy ÷ torch-eager", "torch ÷ torch-eager", "torch ÷ torch-dataloader",
    ]  # fmt: skip

"""Mistakes at the command line: each is one line, exit code 2, and nothing is written."""

import subprocess
import sys

import pytest

BAD = {
    "no such suite": (["run", "tyni.toml"], "tyni.toml: no such file. Did you mean 'tiny.toml'?"),
    "a suite's file without its ending": (
        ["run", "tiny"],
        "tiny: no such file, and no suite of that name. Did you mean 'tiny.toml'?",
    ),
    "a folder in place of a suite": (["run", "."], ".: it is a folder, and a suite is a TOML file. Name one"),
    "unknown dataset": (
        ["run", "tiny.toml", "--dataset", "digit"],
        "--dataset digit: unknown dataset 'digit'. Did you mean",
    ),
    "only matches nothing": (["run", "tiny.toml", "--only", "D*"], "--only D*: matches no experiment. Known: A, B, C."),
    "seeds that are words": (
        ["run", "tiny.toml", "--seeds", "1,two"],
        "--seeds 1,two: not whole numbers. Separate them with commas",
    ),
    "duplicate seed": (["run", "tiny.toml", "--seeds", "1,1"], "--seeds 1,1: 1 is there twice. Remove one"),
    "an unknown device": (
        ["run", "tiny.toml", "--device", "tpu"],
        "--device tpu: no backend of these experiments can use it here: numpy runs on the CPU alone, not on 'tpu'",
    ),
    "an option that was meant for the table": (
        ["run", "tiny.toml", "--set", "experiments.A.optimizer={name='sgd',learningrate=0.1}"],
        "experiments.A.optimizer.learning_rate: is missing; its table has learningrate",
    ),
    "an option that is nearly one of the table": (
        ["run", "tiny.toml", "--set", "experiments.A.optimizer.learning_rat=0.1"],
        "has no such option. Did you mean 'learning_rate'? Known: betas, eps, learning_rate, name.",
    ),
    "no such command": (["rnu"], "No such command 'rnu'. Did you mean 'run'? See 'harness -h'"),
    "an option that is no number": (["run", "tiny.toml", "--jobs", "two"], "Invalid value for '--jobs' / '-j'"),
    "a missing argument": (["why", "tiny.toml"], "Missing argument 'TRIAL'. See 'harness why -h'"),
    "a suite in place of a run": (
        ["leaderboard", "tiny.toml"],
        "tiny.toml: it is a file, and a run is a folder. 'harness run SUITE' makes one of a suite",
    ),
    "a file in place of a run's directory": (
        ["plan", "tiny.toml", "--out", "tiny.toml"],
        "tiny.toml: cannot be looked into: Not a directory. Name another directory with --out",
    ),
    "no run": (["leaderboard", "runs/none"], "runs/none: no such folder. 'harness run SUITE' makes a run"),
    "files that are missing": (
        ["run", "tiny.toml", "--set", 'dataset={name="files", images="x.npy", labels="y.npy"}'],
        "x.npy: no such file",
    ),
    "files without options": (
        ["run", "tiny.toml", "--dataset", "files"],
        "--dataset files: dataset.images: is missing, and dataset 'files' needs it, or vectors, or table. Add --set",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_and_exit_code_2(harness, tmp_path, case):
    """No traceback, and nothing is written."""
    arguments, message = BAD[case]
    done = harness(*arguments, code=2)
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_debug_shows_the_traceback(tmp_path):
    """At any place."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "none.toml", "--debug"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "HarnessError: none.toml: no such file" in done.stderr

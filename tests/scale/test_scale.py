"""Many trials in one run; `tests.scale.measure` has the times of a machine that has nothing else to do."""

import subprocess
import sys

import pytest

from tests.scale.measure import run, trained_seconds, write_many, write_results


@pytest.mark.slow
def test_two_thousand_trials_are_planned_run_and_resumed_in_little_memory(tmp_path):
    """All done, none twice, no process above 300 MB."""
    write_many(tmp_path, 2000)
    runs = [run(tmp_path, *arguments.split()) for arguments in ("plan many.toml", "run many.toml -q", "run many.toml")]
    printed = [ran.printed for ran in runs]
    assert "2,000 trials, 0 done" in printed[0]
    assert len(trained_seconds(tmp_path / "runs" / "many")) == 2000
    assert "2,000 trials, 2,000 already done" in printed[2]
    assert max(ran.megabytes for ran in runs) < 300


@pytest.mark.slow
def test_ten_thousand_trials_are_planned_in_a_few_seconds(tmp_path):
    """Of the processor, whatever else the machine does: about three, and a fraction of the memory that a run may take.

    A glob among the finalists means each of five thousand experiments, which are not compared pair by pair.
    """
    write_many(tmp_path, 10_000)
    suite = tmp_path / "many.toml"
    suite.write_text(suite.read_text().replace("one = 'E0'", "one = { best_of = '*' }"))
    planned = run(tmp_path, "plan", "many.toml")
    assert "10,000 trials, 0 done, 10000 to run" in planned.printed
    assert planned.processor_seconds < 5
    assert planned.megabytes < 300


@pytest.mark.slow
def test_the_frame_of_a_thousand_and_a_half_trials_takes_little_of_the_processor(tmp_path):
    """300 experiments with five seeds: under two seconds in a new process, whatever else the machine does."""
    results = write_results(tmp_path, 300, 5)
    code = """
import sys, time
import harness
run = harness.open_run(sys.argv[1])
import pandas
began = time.process_time()
frame = run.measures()
print(time.process_time() - began, len(frame))
"""
    done = subprocess.run([sys.executable, "-c", code, results], capture_output=True, text=True, check=True)
    seconds, lines = done.stdout.split()
    assert int(lines) == 300 * 5 * 6
    assert float(seconds) < 2.0


@pytest.mark.slow
def test_the_leaderboard_of_a_thousand_trials_takes_a_few_seconds(tmp_path):
    """Of the processor, whatever else the machine does: about two and a half."""
    results = write_results(tmp_path, 200, 5)
    run(tmp_path, "leaderboard", results.name)  # which makes the sums of products that a run ends with
    tables = run(tmp_path, "leaderboard", results.name)
    assert "1000 of 1,000 trials done, 1000 tested" in tables.printed
    assert tables.processor_seconds < 6

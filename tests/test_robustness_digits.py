"""`suites/robustness-digits.toml`: the whole of robustness on digits, in seconds; the same bytes for any pool."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.store import Run

SECONDS = 60.0
"""Half a minute on two cores. A loaded machine takes longer, and no more of its cores: it took 8 to 15 s of them."""
FINALISTS = ("M0", "M1g", "M2", "M3b")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processor time of child processes")
def test_every_corruption_and_attack_on_four_finalists_takes_half_a_minute_of_two_cores(tmp_path):
    """Training included, from an empty cache; then each pool gives the same bytes."""
    environment = os.environ | {"HARNESS_CACHE_DIR": str(tmp_path / "cache")}

    def run(name, *options):
        command = [sys.executable, "-m", "harness", "run", "robustness-digits", "--quiet", "--out", tmp_path / name]
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        trials = [tmp_path / name / "trials" / finalist / "seed-42" for finalist in FINALISTS]
        files = [trial / f"{kind}.npz" for trial in trials for kind in ("evaluation", "examples")]
        return [path.read_bytes() for path in [*files, tmp_path / name / "samples.npz"]]

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    two = run("two", "--jobs", "2")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
    for jobs in ("0", "1"):
        assert run(f"jobs{jobs}", "--jobs", jobs) == two
    results = Results.of(Run.open(tmp_path / "two"))
    for name in FINALISTS:
        (row,) = results.named[name].tested
        measures = {measure.condition: measure.values for measure in row.evaluation.measures}
        assert len(measures) == 1 + 5 * (21 + 2)
        clean = measures[None, 0.0]["test_accuracy"]
        robust = [values["robust_accuracy"] for condition, values in measures.items() if condition[0] == "pgd"]
        assert np.all(np.diff([clean, *robust]) <= 0)
    tables_by_key = {table.key: table for table in tables(results)}
    assert {"mean-corruption-error", "corruption-errors", "degradations", "robust-accuracy"} <= tables_by_key.keys()

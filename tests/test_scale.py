"""Many trials, and trials that keep the cores busy: what the harness itself costs."""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

HARNESS = [sys.executable, "-m", "harness"]
MANY = 2000
HEAD = """
[suite]
name = "scale"
[defaults]
backend = "numpy"
"""


def timed(folder, *arguments):
    """Run a command, and return the seconds that it took and its standard output."""
    started = time.perf_counter()
    done = subprocess.run([*HARNESS, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def trained_seconds(run):
    """Return the seconds that a run's trials took by themselves."""
    rows = [json.loads(path.read_text())["row"] for path in run.glob("trials/*/*/row.json")]
    return [row["metrics"]["seconds"] for row in rows]


@pytest.mark.slow
def test_two_thousand_trials_cost_little_beside_themselves(tmp_path):
    """Planned in under 2 s; under 300 MB of memory; under 5 ms a trial outside the trials, workers warm."""
    tables = "".join(f"[experiments.E{i}]\noptimizer.learning_rate = {0.001 * (i + 1):.4f}\n" for i in range(MANY))
    defaults = 'hidden_layers = [8]\nepochs = 1\noptimizer = { name = "adam", learning_rate = 0.01 }\n'
    (tmp_path / "many.toml").write_text(f"{HEAD}{defaults}[finalists]\none = 'E0'\n{tables}")
    planned = min(timed(tmp_path, "plan", "many.toml")[0] for _ in range(3))
    first, _ = timed(tmp_path, "run", "many.toml", "--jobs", "1", "--quiet")
    again, _ = timed(tmp_path, "run", "many.toml", "--jobs", "1", "--quiet")
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    seconds = trained_seconds(tmp_path / "runs" / "many")
    assert len(seconds) == MANY
    outside = (first - again - sum(seconds)) / MANY
    told = f"planned in {planned:.2f} s; {outside * 1e3:.2f} ms a trial outside it; {megabytes:.0f} MB"
    assert planned < 2.0, told
    assert megabytes < 300, told
    assert outside < 0.005, told


@pytest.mark.slow
def test_two_processes_train_nearly_twice_as_much_as_one(tmp_path):
    """At least 1.85 times the throughput on two cores, start-up included, for the paper's small networks."""
    from harness.environment import cores

    if cores() < 2:
        pytest.skip("needs two cores")
    images, labels = load_digits(return_X_y=True)
    np.save(tmp_path / "x.npy", np.tile(images.reshape(-1, 8, 8).astype(np.uint8) * 15, (40, 1, 1)))
    np.save(tmp_path / "y.npy", np.tile(labels, 40))
    defaults = 'hidden_layers = [128, 64]\nepochs = 12\noptimizer = { name = "adam", learning_rate = 0.001 }\n'
    networks = {"M0": [128, 64], "M1a": [128, 64], "M1b": [128, 64], "M1g": [400, 240, 120], "M1h": [370, 370]}
    tables = "".join(f"[experiments.{name}]\nhidden_layers = {layers}\n" for name, layers in networks.items())
    data = '[dataset]\nname = "files"\nimages = "x.npy"\nlabels = "y.npy"\n[finalists]\none = "M0"\n'
    head = HEAD.replace("[suite]\n", "[suite]\nseeds = [1, 2]\n")
    (tmp_path / "busy.toml").write_text(f"{head}{defaults}{data}{tables}")
    timed(tmp_path, "run", "busy.toml", "--only", "M0", "--out", "warm", "--quiet")
    ratios = []
    for attempt in range(3):
        out = f"attempt-{attempt}"
        one, _ = timed(tmp_path, "run", "busy.toml", "--jobs", "1", "--out", f"{out}-1", "--quiet")
        two, _ = timed(tmp_path, "run", "busy.toml", "--jobs", "2", "--out", f"{out}-2", "--quiet")
        ratios.append(one / two)
    assert max(ratios) >= 1.85, ratios

"""Backends that write into what they are given, or return what cannot be, are caught in a run and harm no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broken_plugins.dishonest import NETWORKS
from tests.plugins_on_disk import distribution

ROOT = Path(__file__).parent.parent
SUITE = """
[suite]
name = "dishonest"
[defaults]
hidden_layers = [16]
batch_size = 128
optimizer = { name = "sgd", learning_rate = 0.5, momentum = 0.9 }
epochs = 12
early_stopping = { patience = 3, restore_best = true }
[finalists]
FINALISTS
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.3]
"""
SOUND = ("first", "second")
READ_ONLY = "ValueError: assignment destination is read-only"
SUM = "; the contract says log-probabilities, the log-softmax of the logits, whose exponentials sum to 1"
EXPECTED = {
    "writes_into_rows": READ_ONLY,
    "writes_into_the_order": "ValueError: sort array is read-only",
    "writes_into_labels": READ_ONLY,
    "writes_into_images": READ_ONLY,
    "writes_into_test_images": READ_ONLY,
    "reads_beyond_its_order": "IndexError: label -32768 is out of bounds for 10 classes",
    "one_hot_encodes_all": "IndexError: index -32768 is out of bounds for axis 0 with size 10",
    "returns_logits": SUM,
    "returns_probabilities": SUM,
    "returns_zeros": "row 0 of 176 at epoch 1 sum to 10" + SUM,
    "returns_infinity": "row 0 of 176 at epoch 1 sum to inf" + SUM,
    "nan_beside_the_truth": "diverged at epoch 1: NaN among the log-probabilities of row 0 of 176",
    "test_logits": "row 0 of 368 under no perturbation at severity 0.0 sum to 2.71828" + SUM,
    "counts_too_many": "the number of rows right is 1000000; the contract says a whole number in 0 … 1253",
    "counts_in_fractions": ".5; the contract says a whole number in 0 … 1253",
    "complex_losses": "the backend's losses are complex128; the contract says float64 (steps,)",
    "object_losses": "the backend's losses are object; the contract says float64 (steps,)",
    "integer_losses": "the backend's losses are int64; the contract says float64 (steps,)",
    "negative_losses": "; a cross-entropy is not negative",
    "uneven_sizes": "the backend's step 1 of 10 has 129 rows; the contract says 128",
    "peak_in_words": "the backend's peak_device_bytes is 'plenty'; the contract says a whole number",
    "forgets_to_load": ": the backend's state() or load() is at fault",
    "state_key_of_a_path": "the backend's state has the key '../weight'; a key is printable, has no slash",
    "state_key_of_no_text": r"the backend's state has the key 'weight\udc80'; a key is printable",
    "huge_state": "numbers; a network of this size may have",
    "placement_of_its_own": "the network's placement is 'everywhere'; the contract says 'stream' or 'resident'",
    "launch_of_its_own": "the network's launch is 'by hand'; the contract says 'graph', 'eager' or None",
}
"""What a trial's reason says."""
HARMLESS = {"aliases_its_state", "state_keys", "speaks_in_escapes"}
"""What a run puts right by itself: states are copied, any key can be written, texts are escaped."""


def run(folder, name, backends, *options):
    """Run sound trials, the first and the last, with one of each backend between; return the stored rows."""
    names = [SOUND[0], *backends, SOUND[1]]
    tables = "".join(f'[experiments.{name}]\nbackend = "{"numpy" if name in SOUND else name}"\n' for name in names)
    (folder / f"{name}.toml").write_text(SUITE.replace("FINALISTS", finalists(names)) + tables)
    roots = [folder, ROOT / "tests" / "broken_plugins", ROOT]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, roots)),
        "HARNESS_CACHE_DIR": str(folder / "cache"),
    }
    command = [
        sys.executable,
        "-m",
        "harness",
        "run",
        f"{name}.toml",
        "--jobs",
        "1",
        "--quiet",
        "--out",
        name,
        *options,
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert "Traceback" not in done.stderr
    rows = {
        path.parent.parent.name: json.loads(path.read_text()) for path in folder.glob(f"{name}/trials/*/*/row.json")
    }
    return done, rows


def finalists(names):
    """Return a table of finalists with each experiment."""
    return "\n".join(f'{name} = "{name}"' for name in names)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a clean run's rows, and those of one with every backend of the zoo."""
    folder = tmp_path_factory.mktemp("dishonest")
    distribution(folder, "harness-dishonest", "0.1", {}, {"dishonest": "dishonest"})
    return run(folder, "clean", [])[1], *run(folder, "zoo", NETWORKS), folder / "zoo"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_a_dishonest_backends_trial_fails_with_its_reason(runs, name):
    """What came, and what the contract says."""
    row = runs[2][name]["row"]
    assert row["status"] == "failed", row
    assert EXPECTED[name] in row["reason"]


@pytest.mark.slow
def test_what_can_be_put_right_is_a_sound_trial(runs):
    """All three are the same network, which goes past its best epoch."""
    rows = {name: runs[2][name] for name in HARMLESS}
    assert {row["row"]["status"] for row in rows.values()} == {"done"}
    kept = {json.dumps(row["row"]["metrics"]["val_loss"]) for row in rows.values()}
    assert len(kept) == 1
    metrics = rows["aliases_its_state"]["row"]["metrics"]
    assert metrics["best_epoch"] < metrics["epochs"], "the best is not the last"
    assert rows["aliases_its_state"]["files"] == rows["speaks_in_escapes"]["files"]
    environment = rows["speaks_in_escapes"]["row"]["environment"]
    assert environment["driver"].startswith(r"\x1b[31m1.0\udc80 xxx")
    assert len(environment["driver"]) == 300
    assert environment[r"bytes\udcff"] == "7"


@pytest.mark.slow
def test_sound_trials_beside_them_keep_their_bytes(runs):
    """Validation, state, test predictions, examples: as in a run without the others."""
    clean, done, zoo, _ = runs
    assert done.returncode == 1
    for name in SOUND:
        assert zoo[name]["files"] == clean[name]["files"], name
        assert zoo[name]["row"]["status"] == "done"


@pytest.mark.slow
def test_a_report_of_such_a_run_is_written(runs, tmp_path):
    """Whatever they said is text that a page can hold."""
    page = tmp_path / "report.html"
    command = [sys.executable, "-m", "harness", "report", str(runs[3]), "--out", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in page.read_text(encoding="utf-8")


def test_every_dishonest_backend_has_its_reason():
    """None is there for nothing."""
    assert set(NETWORKS) == set(EXPECTED) | HARMLESS

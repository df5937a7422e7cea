"""The observer against its contract, and what a real store has afterwards: parameters, metrics by epoch, artefacts."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import harness
from harness.conformance import ObserverConformance

SUITE = """
[suite]
name = "Widths"
seeds = [1]

[defaults]
epochs = 3
batch_size = 256
backend = "numpy"
optimizer = { name = "adam", learning_rate = 0.002 }

[experiments.narrow]
hidden_layers = [8]

[experiments.bad]
hidden_layers = [8]
optimizer = { name = "sgd", learning_rate = 1e30 }

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.3]
"""


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return a store in a file, with its tables: MLflow takes seconds to make them."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(autouse=True)
def store(empty, tmp_path, monkeypatch):
    """Return the store's address; what is run is in the same folder."""
    uri = f"sqlite:///{shutil.copy(empty, tmp_path)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    Path("widths.toml").write_text(SUITE)
    return uri


class TestObserver(ObserverConformance):
    name = "harness_mlflow"


def command(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", *words], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def tracked(uri):
    """Return the client, the run of harness, and the trials' runs by name."""
    client = MlflowClient(uri)
    (experiment,) = [each for each in client.search_experiments() if each.name == "Widths"]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.info.run_name: run for run in runs if run is not parent}
    assert {child.data.tags["mlflow.parentRunId"] for child in children.values()} == {parent.info.run_id}
    return client, parent, children


def artifacts(client, run):
    names = [file.path for file in client.list_artifacts(run.info.run_id)]
    return {name: Path(client.download_artifacts(run.info.run_id, name)) for name in names}


def check(uri, run):
    """Compare what the store has with the run's own rows."""
    client, parent, children = tracked(uri)
    assert parent.info.status == "FAILED"  # one trial diverged
    assert parent.data.params["dataset.name"] == "digits"
    assert parent.data.params["dataset.sizes.test"] == "368"
    assert parent.data.tags["harness.version"] == harness.__version__
    assert parent.data.tags["environment.python"]
    headers = [
        json.loads(path.read_text()) for path in (artifacts(client, parent)["run.json"], run.directory / "run.json")
    ]
    assert headers[0] == headers[1]
    assert headers[0]["last_ended"]
    assert set(children) == {"narrow seed 1", "bad seed 1"}

    child = children["narrow seed 1"]
    assert child.info.status == "FINISHED"
    assert child.data.params["optimizer.name"] == "adam"
    assert child.data.params["optimizer.learning_rate"] == "0.002"
    assert child.data.params["hidden_layers"] == "[8]"
    history = run.history().query("experiment == 'narrow'")
    for name in ("train_loss", "val_loss", "val_accuracy"):
        logged = {metric.step: metric.value for metric in client.get_metric_history(child.info.run_id, name)}
        assert logged == dict(zip(history["epoch"], history[name], strict=True))
        assert len(client.get_metric_history(child.info.run_id, name)) == 3
    measures = run.measures().query("experiment == 'narrow'").set_index("severity")
    assert child.data.metrics["test_accuracy"] == measures.loc[0.0, "test_accuracy"]
    assert child.data.metrics["test_accuracy/gaussian_noise/0.3"] == measures.loc[0.3, "test_accuracy"]
    kept = artifacts(client, child)
    assert {"row.json", "state.npz", "evaluation.npz"} <= set(kept)
    (path,) = run.directory.glob("trials/narrow/*/row.json")
    assert json.loads(kept["row.json"].read_text()) == json.loads(path.read_text())

    bad = children["bad seed 1"]
    assert bad.info.status == "FAILED"
    assert bad.data.tags["harness.status"] == "failed"
    assert "diverged" in bad.data.tags["harness.reason"]


def test_a_run_on_digits_is_in_the_store(store):
    """Read back by MLflow: settings, metrics by epoch, tests, files."""
    run = harness.run("widths.toml", jobs=0, out="run")
    assert not [remark for remark in run.remarks if "observer" in remark]
    check(store, run)


def test_a_store_that_is_down_loses_nothing(store):
    """The run goes on, a line names the store, and the run can be written to it later."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = command(
            "harness", "run", "widths.toml", "--jobs", "0", "--out", "run", "--quiet",
            MLFLOW_TRACKING_URI=down, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
        )  # fmt: skip
    assert done.returncode == 1, done.stderr  # of the trial that diverged
    (line,) = [line for line in done.stderr.splitlines() if "harness_mlflow.run_started" in line]
    assert line.startswith("observer harness-mlflow:harness_mlflow.run_started raised ConnectionError: MLflow's store")
    assert "afterwards, 'python -m harness_mlflow" in line
    run = harness.open_run("run")
    assert list(run.trials()["status"]) == ["done", "failed"]

    written = command("harness_mlflow", "run")
    assert written.returncode == 0, written.stderr
    assert written.stdout == "run: 2 trials written\n"
    check(store, run)


def test_no_run_is_named():
    """In a line, with exit code 2."""
    missing = command("harness_mlflow", "nowhere")
    assert missing.returncode == 2
    assert missing.stderr.startswith("nowhere: ")
    assert missing.stderr.count("\n") == 1


def test_mlflow_is_loaded_when_a_run_starts():
    """Other commands do not wait for it."""
    code = "import sys, harness_mlflow; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

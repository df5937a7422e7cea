"""The observer against its contract, and what TensorBoard's own reader finds in its event files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import harness
from harness.conformance import ObserverConformance
from harness_tensorboard import observer

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

[experiments."sgd, [x]"]
hidden_layers = [8]
optimizer = { name = "sgd", learning_rate = 1e30 }

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.3]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the working folder, with the suite."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_TENSORBOARD", raising=False)
    Path("widths.toml").write_text(SUITE)
    return tmp_path


class TestObserver(ObserverConformance):
    name = "harness_tensorboard"


def read(folder):
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def scalars(accumulator, tag):
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def text(accumulator, tag):
    (event,) = accumulator.Tensors(tag)
    return json.loads(event.tensor_proto.string_val[0])


def plugin_data(accumulator, tag):
    return HParamsPluginData.FromString(accumulator.SummaryMetadata(tag).plugin_data.content)


def test_a_run_on_digits_is_read_back():
    """By TensorBoard: the text of the run, settings, scalars by epoch, tests, and how each trial ended."""
    run = harness.run("widths.toml", jobs=0, out="widths")
    assert not [remark for remark in run.remarks if "observer" in remark]
    about = text(read("tensorboard/widths"), "run")
    assert about["dataset"]["name"] == "digits"
    assert about["suite"]["suite"]["name"] == "Widths"
    assert about["environment"]["python"]

    narrow = read("tensorboard/widths/narrow-seed-1")
    history = run.history().query("experiment == 'narrow'")
    for name in ("train_loss", "val_loss", "val_accuracy"):
        written = scalars(narrow, name)
        assert [step for step, _ in written] == list(history["epoch"]) == [1, 2, 3]
        assert [value for _, value in written] == pytest.approx(list(history[name]), rel=1e-6)  # float32
    measures = run.measures().query("experiment == 'narrow'").set_index("severity")
    assert scalars(narrow, "test_accuracy") == [(0, pytest.approx(measures.loc[0.0, "test_accuracy"], rel=1e-6))]
    assert scalars(narrow, "test_accuracy/gaussian_noise/0.3")[0][1] == pytest.approx(
        measures.loc[0.3, "test_accuracy"], rel=1e-6
    )
    begun = plugin_data(narrow, "_hparams_/session_start_info").session_start_info
    assert begun.group_name == "narrow"
    assert begun.hparams["optimizer.name"].string_value == "adam"
    assert begun.hparams["optimizer.learning_rate"].number_value == 0.002
    assert begun.hparams["hidden_layers"].string_value == "[8]"
    assert plugin_data(narrow, "_hparams_/session_end_info").session_end_info.status == Status.STATUS_SUCCESS

    bad = read("tensorboard/widths/sgd, [x]-seed-1")
    assert "diverged" in text(bad, "reason")["reason"]
    assert plugin_data(bad, "_hparams_/session_end_info").session_end_info.status == Status.STATUS_FAILURE


def test_a_trial_that_begins_anew_replaces_its_files():
    """Each epoch is there once, those that were left out too."""
    trial = {"experiment": "A", "seed": 1, "backend": "numpy", "parameters": 3, "settings": {"epochs": 2}}
    epochs = [{"epoch": number, "val_loss": float(number)} for number in (1, 2)]
    row = trial | {"history": epochs, "metrics": None, "status": "done", "reason": "", "evaluation": None}
    start = dict.fromkeys(("harness", "dataset", "environment", "suite")) | {"directory": "runs/one"}
    for _ in range(2):
        observer.run_started(start)
        for _ in range(2):  # it was lost
            observer.trial_started(trial)
            observer.epoch_finished(trial, epochs[0])
        observer.trial_finished(row)
        observer.run_finished()
    assert scalars(read("tensorboard/one/A-seed-1"), "val_loss") == [(1, 1.0), (2, 2.0)]
    assert len(list(Path("tensorboard/one/A-seed-1").iterdir())) == 1


def test_a_folder_that_cannot_be_written_to_loses_nothing(monkeypatch):
    """The run goes on, and a line names the folder."""
    Path("file").touch()
    monkeypatch.setenv("HARNESS_TENSORBOARD", "file")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "widths.toml", "--only", "narrow", "--jobs", "0", "--quiet"],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "harness_tensorboard.run_started raised NotADirectoryError" in done.stderr
    assert "file/widths" in done.stderr
    assert list(harness.open_run("runs/widths").trials()["status"]) == ["done"]


def test_tensorboard_is_loaded_when_a_run_starts():
    """Other commands do not wait for it."""
    code = "import sys, harness_tensorboard; sys.exit('tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Checkpoints: an interrupted trial goes on, and ends with the bits of one that was not interrupted."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from harness import hookimpl
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.interfaces import Context
from harness.plugins.loading import registry
from harness.seeding import initial_state
from harness.suite import load_suite
from harness.trial.checkpoints import Checkpoint, Checkpoints
from harness.trial.jobs import build_network, split_of
from harness.trial.training import fit
from tests.tiny import TINY, run_suite

EPOCHS = 12
WHERE = {"blas": "some kernel"}


class Interrupted(Exception):  # noqa: N818 - a stand-in for a kill
    """The process ends here."""


def trial_of(folder, experiment, **changes):
    """Return a trial of the tiny suite, made longer."""
    (folder / "tiny.toml").write_text(TINY)
    plan = make_plan(load_suite(folder / "tiny.toml", registry()), registry(), InProcess(registry()))
    spec = next(trial.spec for trial in plan.trials if trial.spec.experiment == experiment)
    return replace(spec, epochs=EPOCHS, context=Context(seed=1), **changes)


def trained(spec, checkpoints=None, until=None):
    """Train a trial; end it after epoch ``until`` as a kill would."""
    data = spec.data.open()
    network = build_network(spec, initial_state(spec.network, spec.seed), registry())
    network.attach(data.features, data.labels)

    def report(record):
        if record.epoch == until:
            raise Interrupted

    return fit(network, spec, split_of(spec.data, spec.split), data.labels, report, checkpoints)


def every_epoch(folder, spec, fingerprint=None, where=WHERE):
    """Return checkpoints that are always due."""
    return Checkpoints(folder / "checkpoint.npz", 0.0, fingerprint or spec.fingerprint, where)


def assert_same(result, expected):
    """Compare two results, except for their times."""
    timeless = {"seconds": 0, "samples_per_second": 0}
    assert replace(result.metrics, **timeless) == replace(expected.metrics, **timeless)
    losses = [(record.epoch, record.train_loss, record.val_loss, record.learning_rate) for record in result.history]
    assert losses == [(r.epoch, r.train_loss, r.val_loss, r.learning_rate) for r in expected.history]
    assert result.state.keys() == expected.state.keys()
    for key, value in result.state.items():
        assert value.tobytes() == expected.state[key].tobytes(), key
    np.testing.assert_array_equal(result.confusion, expected.confusion)


RESTORING = {"patience": 3, "restore_best": True}


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["A", "B", "C"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("stopping", [None, RESTORING])
def test_a_resumed_trial_ends_with_the_bits_of_an_uninterrupted_one(tmp_path, experiment, backend, stopping):
    """Moments, running statistics, dropout masks, patience and the best state so far: all go on."""
    if backend == "torch":
        pytest.importorskip("torch")
    from harness.suite.models import EarlyStopping

    stopping = EarlyStopping(**stopping) if stopping else None
    spec = trial_of(tmp_path, experiment, backend=backend, early_stopping=stopping)
    whole = trained(spec)
    for until in (3, 7, 8):
        with pytest.raises(Interrupted):
            trained(spec, every_epoch(tmp_path, spec), until)
        assert len(every_epoch(tmp_path, spec).find().checkpoint.history) == until - 1
    resumed = trained(spec, every_epoch(tmp_path, spec))
    assert_same(resumed, whole)
    assert (resumed.resumed, whole.resumed) == (True, False)


def test_a_resumed_trial_is_not_ranked_by_its_times(tmp_path):
    """What ran beside its first epochs is not recorded."""
    outcome, run = run_suite(tmp_path, only=["A"])
    (row,) = run.rows()
    checkpoint = Checkpoint(row.history[:1], run.arrays("A", 1, "state.npz"), None, 7)
    where = row.environment | {"placement": "stream"}
    shutil.rmtree(run.trial_directory("A", 1))
    Checkpoints(run.checkpoint("A", 1), 0.0, row.fingerprint, where).write(checkpoint)
    assert Checkpoints(run.checkpoint("A", 1), 0.0, row.fingerprint, where).find().checkpoint.peak_device_bytes == 7
    (resumed,) = run_suite(tmp_path, only=["A"])[0].rows
    assert resumed.contended.startswith("went on from a checkpoint")
    assert not outcome.rows[0].contended.startswith("went on")


def test_a_trial_killed_after_its_last_epoch_is_not_trained_again(tmp_path):
    """The checkpoint of the last epoch holds everything."""
    spec = trial_of(tmp_path, "A")
    whole = trained(spec, every_epoch(tmp_path, spec))
    assert_same(trained(spec, every_epoch(tmp_path, spec), until=1), whole)


REMARKS = {
    "flipped bit": "its checkpoint is not used: it is damaged",
    "cut short": "its checkpoint is not used: it is damaged",
    "empty": "its checkpoint is not used: it is damaged",
    "another trial": "its checkpoint is not used: it is of a trial with other settings",
    "another environment": "its checkpoint is not used: blas was 'some kernel', is 'another kernel'",
    "not there": "",
}


@pytest.mark.parametrize("harm", REMARKS)
def test_a_checkpoint_that_does_not_serve_is_not_used(tmp_path, harm):
    """The trial says so, starts anew, and ends as ever."""
    spec = trial_of(tmp_path, "A")
    whole = trained(spec)
    with pytest.raises(Interrupted):
        trained(spec, every_epoch(tmp_path, spec), until=5)
    path = tmp_path / "checkpoint.npz"
    content = bytearray(path.read_bytes())
    checkpoints = every_epoch(tmp_path, spec)
    if harm == "flipped bit":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "cut short":
        path.write_bytes(content[:-100])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "not there":
        path.unlink()
    elif harm == "another trial":
        checkpoints = every_epoch(tmp_path, spec, fingerprint="0" * 64)
    else:
        checkpoints = every_epoch(tmp_path, spec, where={"blas": "another kernel"})
    assert (checkpoints.find().checkpoint, checkpoints.find().remark) == (None, REMARKS[harm])
    assert_same(trained(spec, checkpoints), whole)


def test_checkpoints_are_written_when_they_are_due(tmp_path):
    """Not before: a short trial writes none."""
    spec = trial_of(tmp_path, "A")
    trained(spec, Checkpoints(tmp_path / "checkpoint.npz", 60.0, spec.fingerprint, WHERE))
    assert not (tmp_path / "checkpoint.npz").exists()


def test_a_checkpoint_that_cannot_be_written_costs_nothing(tmp_path, caplog):
    """It is a convenience: the trial ends without it, and its log says so."""
    spec = trial_of(tmp_path, "A")
    (tmp_path / "file").write_text("in the way")
    checkpoints = Checkpoints(tmp_path / "file" / "checkpoint.npz", 0.0, spec.fingerprint, WHERE)
    assert_same(trained(spec, checkpoints), trained(spec))
    assert "no checkpoint: " in caplog.text


HERE = {
    "system": "Linux 6.8.0-45-generic",
    "processor": "AMD EPYC 9354",
    "cores": "4",
    "python": "3.11.9",
    "numpy": "2.1.3",
    "blas": "openblas 0.3.27 SkylakeX",
    "device": "cpu",
    "threads": "1",
    "placement": "stream",
}
AFTER = "goes on from its checkpoint after epoch 4"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "serves", "remark"),
    [
        ({}, True, AFTER),
        (
            {"system": "Linux 6.8.0-47-generic"},
            True,
            f"{AFTER}; system was 'Linux 6.8.0-47-generic', is 'Linux 6.8.0-45-generic', which changes no result",
        ),
        ({"python": "3.11.2"}, True, f"{AFTER}; python was '3.11.2', is '3.11.9', which changes no result"),
        ({"huge_pages": "no"}, True, f"{AFTER}; huge_pages was 'no', is '', which changes no result"),
        ({"cores": "64"}, True, f"{AFTER}; cores was '64', is '4', which changes no result"),
        ({"system": "Darwin 6.8.0-45-generic"}, False, "system was 'Darwin 6.8.0-45-generic', is 'Linux 6.8.0-45-g"),
        ({"python": "3.12.9"}, False, "python was '3.12.9', is '3.11.9'"),
        ({"processor": "Intel Xeon"}, False, "processor was 'Intel Xeon', is 'AMD EPYC 9354'"),
        ({"numpy": "2.1.2"}, False, "numpy was '2.1.2', is '2.1.3'"),
        ({"threads": "2", "system": "Linux 5"}, False, "threads was '2', is '1'"),
        ({"device": "cuda:0"}, False, "device was 'cuda:0', is 'cpu'"),
        ({"placement": "resident"}, False, "placement was 'resident', is 'stream'"),
        ({"a_driver": "1"}, False, "a_driver was '1', is ''"),
    ],
)
def test_what_changes_no_bit_does_not_matter_to_a_checkpoint(tmp_path, changes, serves, remark):
    """The kernel's release, Python's patch level and the cores: they are named, and it goes on."""
    spec = trial_of(tmp_path, "A")
    whole = trained(spec)
    with pytest.raises(Interrupted):
        trained(spec, every_epoch(tmp_path, spec, where=HERE | changes), until=5)
    checkpoint = every_epoch(tmp_path, spec, where=HERE).find()
    assert (checkpoint.checkpoint is not None) == serves
    assert checkpoint.remark.startswith(remark if serves else f"its checkpoint is not used: {remark}")
    resumed = trained(spec, every_epoch(tmp_path, spec, where=HERE))
    assert resumed.resumed == serves
    assert_same(resumed, whole)


def test_placement_and_launch_may_be_unknown(tmp_path):
    """Before images are attached, as when a run is planned."""
    spec = trial_of(tmp_path, "A")
    with pytest.raises(Interrupted):
        trained(spec, every_epoch(tmp_path, spec, where=HERE | {"launch": "graph"}), until=5)
    unplaced = {name: value for name, value in HERE.items() if name != "placement"}
    assert every_epoch(tmp_path, spec, where=unplaced).find().remark == AFTER


@pytest.mark.parametrize("release", ["another", "the same"])
def test_plan_log_and_observers_say_whether_a_checkpoint_is_used(tmp_path, typed, monkeypatch, release):
    """And in what the environment differs."""
    _, run = run_suite(tmp_path, only=["A"])
    (row,) = run.rows()
    checkpoint = Checkpoint(row.history[:1], run.arrays("A", 1, "state.npz"), None)
    where = row.environment | ({"blas": "another kernel"} if release == "another" else {"system": "Linux 1.0"})
    shutil.rmtree(run.trial_directory("A", 1))
    Checkpoints(run.checkpoint("A", 1), 0.0, row.fingerprint, where).write(checkpoint)
    message = (
        "its checkpoint is not used: blas was 'another kernel', is "
        if release == "another"
        else "goes on from its checkpoint after epoch 1; system was 'Linux 1.0', is "
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    assert message in typed("plan", "tiny.toml", "--only", "A", "--out", "run", "--jobs", "0").out
    heard = []

    class Hearing:
        @hookimpl
        def trial_remarked(self, trial, remark):
            heard.append((trial["experiment"], remark))

    hearing = Hearing()
    registry().manager.register(hearing)
    try:
        run_suite(tmp_path, only=["A"])
    finally:
        registry().manager.unregister(hearing)
    ((experiment, remark),) = heard
    assert (experiment, remark.startswith(message)) == ("A", True)
    assert message in run.log("A", 1).read_text()

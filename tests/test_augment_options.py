"""Options of a perturbation in ``augment``: checked when a suite is read, given on, and part of a trial."""

import pytest

from harness.errors import HarnessError
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.plugins.loading import registry
from harness.store.foreign import differences
from harness.suite import load_suite
from tests.plugins_on_disk import distribution
from tests.tiny import run_suite

SOURCE = """
import numpy as np
import harness

@harness.hookimpl
def register_perturbations(register):
    register("dim", dim)

def dim(images, severity, rng, *, floor: float = 0.0):
    return np.maximum(images * np.float32(1 - severity), np.float32(floor))
"""
SUITE = """
[suite]
name = "augmented"

[defaults]
hidden_layers = [8]
batch_size = 2048
optimizer = { name = "sgd", learning_rate = 0.1 }
epochs = 1

[experiments.A]
augment = [{ perturbation = "dim", severity = 1.0, floor = 1.0 }]
"""


@pytest.fixture(autouse=True)
def _dim(site):
    distribution(site, "harness-dim", "0.1", {"dim_plugin": SOURCE}, {"dim": "dim_plugin"})


def test_options_reach_the_perturbation(tmp_path):
    """With a floor of 1 every image is white; with one of 0 it is black, and the network knows nothing."""
    outcome, _ = run_suite(tmp_path, SUITE)
    white = outcome.rows[0]
    assert outcome.all_well
    assert white.settings["augment"] == [{"perturbation": "dim", "severity": 1.0, "probability": 1.0, "floor": 1.0}]
    outcome, _ = run_suite(tmp_path, SUITE.replace("floor = 1.0", "floor = 0.0"))
    assert outcome.rows[0].metrics.train_loss == pytest.approx(
        2.302585, abs=1e-5
    )  # ln 10, before the first step: biases begin at 0
    assert white.metrics.train_loss > 2.4


def test_another_option_is_another_trial(tmp_path):
    """It says which."""
    _, run = run_suite(tmp_path, SUITE)
    (row,) = run.rows()
    (tmp_path / "other.toml").write_text(SUITE.replace("floor = 1.0", "floor = 0.5"))
    (trial,) = make_plan(load_suite(tmp_path / "other.toml", registry()), registry(), InProcess(registry())).trials
    assert "floor" in " ".join(differences(row, trial.row))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("flor = 1.0", "augment[0].flor: perturbation 'dim' has no such option. Did you mean 'floor'?"),
        ('floor = "low"', "augment[0].floor: 'low' is not a number. Write floor = 0.5"),
        (
            "probabilty = 0.5",
            "augment[0].probabilty: perturbation 'dim' has no such option. Did you mean 'probability'?",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path, option, message):
    """In its place in the suite."""
    (tmp_path / "bad.toml").write_text(SUITE.replace("floor = 1.0", option))
    with pytest.raises(HarnessError) as caught:
        load_suite(tmp_path / "bad.toml", registry())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

"""Losses, weights of classes, clipping, options of backends and perturbations: refusals, fingerprints, whole runs."""

import json
import sys

import pytest

from harness.errors import HarnessError
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.plugins.loading import registry
from harness.rows import TrialRow
from harness.store import Run
from harness.store.foreign import evaluation_changes
from harness.suite import load_suite
from harness.suite.models import Experiment
from harness.trial.fingerprints import differences, evaluation_fingerprint, stamped
from harness.trial.robustness import Robustness
from tests.command_line import module as command
from tests.plugins_on_disk import distribution

SUITE = """
[suite]
name = "recipes"
[defaults]
hidden_layers = [8]
batch_size = 128
epochs = 2
optimizer = { name = "sgd", learning_rate = 0.1 }
[experiments.A]
"""
PLUGIN = """
import numpy as np
from dataclasses import dataclass
import harness
from harness_array.backends import NumpyBackend

class Mine(NumpyBackend):
    def __init__(self, *, workers: int = 1, mode: str = "fast"):
        if workers < 1:
            raise ValueError(f"workers: {workers} is not at least 1")
        self.workers = workers

    def environment(self, device):
        return dict(super().environment(device)) | {"workers": str(self.workers)}

class Narrow(NumpyBackend):
    def unsupported(self, spec, optimizer):
        keys = ("loss", "class_weights", "clip_norm")
        return [key for key in keys if getattr(spec, key) is not None]

def dim(images, severity, rng, *, floor: float = 0.0):
    dimmed = images * np.float32(1 - severity)
    return np.maximum(dimmed, np.float32(floor)) if severity else dimmed

@dataclass(frozen=True)
class Shifted:
    "Cross-entropy below 0: minus a constant."

    def __call__(self, xp, logits, labels, class_weights):
        from harness.builtin.losses import CrossEntropy
        losses, gradient = CrossEntropy()(xp, logits, labels, class_weights)
        weight = 1.0 if class_weights is None else xp.take(class_weights, labels, axis=0)
        return losses - 5.0 * weight, gradient

@harness.hookimpl
def register_backends(register):
    register("mine", Mine)
    register("narrow", Narrow)

@harness.hookimpl
def register_perturbations(register):
    register("dim", dim)

@harness.hookimpl
def register_losses(register):
    register("shifted", Shifted)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder on the path with a third party's backend, perturbation and loss."""
    tmp_path, monkeypatch = tmp_path_factory.mktemp("recipes"), pytest.MonkeyPatch()
    distribution(tmp_path, "harness-mine", "0.1", {"mine_plugin": PLUGIN}, {"mine": "mine_plugin"}, record=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    registry.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    registry.cache_clear()
    sys.modules.pop("mine_plugin", None)


BAD = {
    'loss = "hinge"': "experiments.A.loss: unknown loss 'hinge'. Known: cross_entropy, focal",
    'loss = { name = "focal", gama = 1.0 }': (
        "experiments.A.loss.gama: loss 'focal' has no such option. Did you mean 'gamma'?"
    ),
    'loss = { name = "focal", gamma = -0.5 }': "experiments.A.loss.gamma: -0.5 is negative or not finite",
    'loss = { name = "cross_entropy", label_smoothing = 1.0 }': (
        "experiments.A.loss.label_smoothing: 1.0 is not in [0, 1)"
    ),
    'loss = { name = "cross_entropy", label_smoothing = "some" }': (
        "experiments.A.loss.label_smoothing: 'some' is not a number"
    ),
    "loss = { gamma = 1.0 }": "experiments.A.loss.name: is missing",
    "loss = 3": "experiments.A.loss: 3 is not a table",
    "clip_norm = 0.0": "experiments.A.clip_norm: 0.0 is out of range. It must be greater than 0",
    "clip_norm = -1.0": "experiments.A.clip_norm: -1.0 is out of range. It must be greater than 0",
    "class_weights = [1.0, 2.0]": (
        'class_weights: 2 weights for 10 classes. Give one for each, in the order of the classes, or "balanced"'
    ),
    f"class_weights = {[1.0] * 9 + [-1.0]}": "experiments.A.class_weights[9]: -1.0 is out of range",
    "class_weights = []": "experiments.A.class_weights: 0 weights for 10 classes",
    'class_weights = "ballanced"': "experiments.A.class_weights: unknown class_weights 'ballanced'",
    'schedule = { name = "cosine", warmup = 3 }': (
        "experiments.A.schedule.warmup: a warm-up of 3 epochs is longer than the 2 epochs of training"
    ),
    'backend = { name = "mine", worker = 2 }': (
        "experiments.A.backend.worker: backend 'mine' has no such option. Did you mean 'workers'?"
    ),
    'backend = { name = "mine", workers = "two" }': "experiments.A.backend.workers: 'two' is not a whole number",
    'backend = ["numpy", { name = "mine", workers = 0 }]': ("experiments.A.backend[1].workers: 0 is not at least 1"),
    'backend = { name = "numpy", fast = true }': "experiments.A.backend.fast: backend 'numpy' has no such option",
    'backend = ["mine", { name = "mine", workers = 2 }]': "experiments.A.backend[1]: 'mine' is there twice",
    '[[robustness]]\nperturbation = "dim"\nseverities = [0.1]\nflor = 0.2': (
        "robustness[0].flor: perturbation 'dim' has no such option. Did you mean 'floor'?"
    ),
    '[[robustness]]\nperturbation = "dim"\nseverities = [0.1]\nfloor = "low"': (
        "robustness[0].floor: 'low' is not a number"
    ),
    '[[robustness]]\nperturbation = "gaussian_noise"\nseverities = [0.1]\nsed = 1': (
        "robustness[0].sed: perturbation 'gaussian_noise' has no such option. Did you mean 'seed'?"
    ),
}


def planned(path):
    """Return the plan of a suite."""
    return make_plan(load_suite(path, registry()), registry(), InProcess(registry()))


@pytest.mark.parametrize("line", BAD)
def test_a_mistake_is_one_line(folder, line):
    """It names the place, the value and what would do."""
    (folder / "bad.toml").write_text(f"{SUITE}{line}\n")
    with pytest.raises(HarnessError) as caught:
        planned(folder / "bad.toml")
    assert str(caught.value).startswith(f"{folder / 'bad.toml'}: ")
    assert BAD[line] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_mistake_ends_the_command_with_exit_code_2(folder):
    """Those that are found when planning, too: nothing is written."""
    (folder / "bad.toml").write_text(f"{SUITE}class_weights = [1.0]\n")
    output = command("harness", "run", "bad.toml", "--jobs", "0", cwd=folder, code=2)
    assert "experiments.A.class_weights: 1 weights for 10 classes" in output
    assert not (folder / "runs" / "bad").exists()


def test_a_backend_without_the_keys_is_declined_by_name(folder):
    """As its `unsupported` says; the list's next one takes its place."""
    lines = 'loss = "focal"\nclip_norm = 1.0\nbackend = ["narrow", "numpy"]\n'
    (folder / "narrow.toml").write_text(SUITE + lines)
    (trial,) = planned(folder / "narrow.toml").trials
    assert trial.row.backend == "numpy"
    (folder / "narrow.toml").write_text(SUITE + lines.replace(', "numpy"', ""))
    (trial,) = planned(folder / "narrow.toml").trials
    assert trial.row.reason == "narrow cannot honour loss, clip_norm"


@pytest.mark.slow
def test_a_run_with_everything(folder):
    """Options reach backend and perturbation, a negative loss is no divergence, validation reports cross-entropy."""
    more = """
loss = "shifted"
class_weights = "balanced"
clip_norm = 1.0
schedule = { name = "cosine", warmup = 1 }
backend = { name = "mine", workers = 3 }
[[robustness]]
perturbation = "dim"
severities = [0.5]
floor = 0.25
"""
    (folder / "all.toml").write_text(SUITE + more)
    command("harness", "run", "all.toml", "--jobs", "0", cwd=folder)
    (row,) = Run.open(folder / "runs" / "all").rows()
    assert row.environment["workers"] == "3"
    assert row.metrics.train_loss < 0 < row.metrics.val_loss
    assert set(row.components) == {"backend mine", "optimizer sgd", "loss shifted", "dataset digits"}
    assert row.evaluation.options == {"dim": [{"floor": 0.25}]}
    assert row.history[0].learning_rate == pytest.approx(0.05)
    (folder / "all.toml").write_text((SUITE + more).replace("workers = 3", "workers = 4").replace("0.25", "0.3"))
    (trial,) = planned(folder / "all.toml").trials
    assert differences(row, trial.row) == ["backend option workers was 3, is 4"]
    measured = evaluation_changes(row.evaluation, load_suite(folder / "all.toml", registry()).suite.robustness, {})
    assert measured == {"dim": "its options were { floor = 0.25 }, are { floor = 0.3 }"}


def row(**keys):
    """Return a planned row of an experiment, and its fingerprint."""
    experiment = Experiment.model_validate(
        {"hidden_layers": [8], "optimizer": {"name": "sgd", "learning_rate": 0.1}, **keys}
    )
    settings = json.loads(json.dumps(experiment.model_dump(mode="json")))
    return stamped(TrialRow("A", 1, "", "", "planned", "", "mine", settings, 1))


def test_new_keys_at_their_defaults_are_no_part_of_a_trials_meaning():
    """Rows of earlier versions serve, with the fingerprints that they have."""
    plain = row()
    assert set(plain.settings) == {
        "group", "description", "backend", "device", "placement", "hidden_layers", "activation", "batch_norm",
        "dropout", "batch_size", "gradient", "precision", "l2", "weight_decay", "optimizer", "schedule", "epochs",
        "early_stopping",
    }  # fmt: skip
    assert plain.settings["schedule"] == {"name": "constant"}
    spelled = row(loss="cross_entropy", class_weights=None, schedule={"name": "constant", "warmup": 0}, backend="mine")
    assert spelled.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    "keys",
    [
        {"loss": "focal"},
        {"loss": {"name": "cross_entropy", "label_smoothing": 0.1}},
        {"class_weights": "balanced"},
        {"clip_norm": 1.0},
        {"schedule": {"name": "constant", "warmup": 1}},
        {"backend": ["numpy", {"name": "mine", "workers": 2}]},
    ],
    ids=str,
)
def test_each_new_key_is_part_of_a_trials_meaning(keys):
    """Another value, another trial; a name alone is the table with nothing else."""
    assert row(**keys).fingerprint != row().fingerprint
    assert len(differences(row(), row(**keys))) == 1
    assert row(loss="focal").fingerprint == row(loss={"name": "focal"}).fingerprint
    assert row(backend={"name": "mine"}).fingerprint == row().fingerprint


def test_options_of_a_perturbation_are_part_of_an_evaluations_meaning():
    """Without any, the fingerprint is as it was."""
    plain, dimmed = ({"perturbation": "dim", "severities": [0.1]} | options for options in ({}, {"floor": 0.1}))
    first, second = (evaluation_fingerprint("x", [Robustness.model_validate(t)], {}) for t in (plain, dimmed))
    assert first != second
    assert first == evaluation_fingerprint("x", [Robustness(perturbation="dim", severities=[0.1], seed=42)], {})

"""Attacks in plans and runs: each network its own images, cells that cannot be measured, and what is refused."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from harness.datasets.info import DatasetInfo
from harness.errors import HarnessError
from harness.execution.ensembles import ensemble_reasons
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess, Processes
from harness.plugins.loading import registry
from harness.store import Run
from harness.trial.perturbing import refusal as why_not
from harness_adversarial.fgsm import fgsm
from harness_array.backends import NumpyBackend
from tests.command_line import typed
from tests.tiny import run_suite

__all__ = ["typed"]

SUITE = """
[suite]
name = "Attacked"
seeds = [1]

[defaults]
hidden_layers = [16]
batch_size = 128
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2

[experiments.A]

[experiments.B]
activation = "tanh"

[[robustness]]
perturbation = "fgsm"
severities = [0.0, 0.1]

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.2]

[[robustness]]
perturbation = "pgd"
severities = [0.0, 0.1]
steps = 3
restarts = 2

[ensembles.both]
members = ["A", "B"]
"""
WHY = "gives no gradient by the images (input_gradient), which attacks need"


def measured(row):
    """Return the accuracy under each condition."""
    return {tuple(measure.condition): measure.values["test_accuracy"] for measure in row.evaluation.measures}


def arrays(run):
    """Return the bytes of all that tests have written."""
    paths = [*run.directory.glob("**/evaluation.npz"), *run.directory.glob("**/examples.npz")]
    assert len(paths) == 6
    return {path.relative_to(run.directory): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the outcome of a run, and the run."""
    return run_suite(tmp_path_factory.mktemp("attacked"), SUITE)


def test_a_severity_of_0_is_clean_and_pgd_is_never_above_it(finished):
    """Of trials and of the ensemble, which is attacked through its mean: it is not its members' mean of attacks."""
    outcome, _ = finished
    rows = {row.experiment: measured(row) for row in outcome.rows}
    assert rows.keys() == {"A", "B", "both"}
    for tested_row in rows.values():
        assert tested_row["fgsm", 0.0] == tested_row["pgd", 0.0] == tested_row[None, 0.0]
        assert tested_row["pgd", 0.1] < tested_row[None, 0.0]
        assert tested_row["pgd", 0.1] <= tested_row["fgsm", 0.1] + 0.02
    for row in outcome.rows:
        values = {tuple(measure.condition): measure.values for measure in row.evaluation.measures}
        clean = values[None, 0.0]["test_accuracy"]
        assert {condition for condition in values if "robust_accuracy" in values[condition]} == {
            (name, epsilon) for name in ("fgsm", "pgd") for epsilon in (0.0, 0.1)
        }
        for name in ("fgsm", "pgd"):
            assert values[name, 0.0]["robust_accuracy"] == clean
            assert values[name, 0.1]["robust_accuracy"] <= min(clean, values[name, 0.1]["test_accuracy"])
        assert values["pgd", 0.1]["robust_accuracy"] == values["pgd", 0.1]["test_accuracy"]
    row = outcome.rows[0].evaluation
    assert row.families["fgsm"] == row.families["pgd"] == "adversarial"
    assert row.options == {"pgd": [{"steps": 3, "restarts": 2}]}
    assert row.unavailable == {}


def test_an_ensemble_is_attacked_with_the_threads_of_its_widest_member(tmp_path, monkeypatch):
    """Its process has their variables, as that of a trial with as many; its row says how many."""

    def planned(*arguments, **about):
        plan = make_plan(*arguments, **about)
        first, second = plan.trials
        wide = replace(second.spec, context=replace(second.spec.context, threads=2))
        return replace(plan, trials=[first, replace(second, spec=wide, slots=2)])

    class Two(InProcess):
        slots = 2
        tasks: ClassVar = []

        def submit(self, task, report=None):
            self.tasks.append(task)
            return super().submit(task, report)

    monkeypatch.setattr("tests.tiny.make_plan", planned)
    text = SUITE.replace("epochs = 2", "epochs = 1").replace("steps = 3\nrestarts = 2", "steps = 1")
    outcome, _ = run_suite(tmp_path, text, pool=Two(registry()))
    variables = {task.title: task.variables.get("OMP_NUM_THREADS") for task in Two.tasks}
    assert (variables["evaluate A seed 1 on numpy"], variables["evaluate B seed 1 on numpy"]) == (None, "2")
    assert variables["ensemble both seed 1"] == "2"
    threads = {row.experiment: row.evaluation.environment["threads"] for row in outcome.rows}
    assert threads == {"A": "1", "B": "2", "both": "2"}


def test_images_to_be_looked_at_are_clean_and_attacked(finished):
    """The same rows under each severity, with what the network said of them; no pixel moved by more than ε."""
    _, run = finished
    for name in ("A", "both"):
        folder = run.trial_directory(name, 1)
        kept, predictions = np.load(folder / "examples.npz"), np.load(folder / "evaluation.npz")
        places = np.flatnonzero(np.isin(predictions["rows"], kept["attacked_rows"]))
        assert [predictions["rows"][place] for place in places] == sorted(kept["attacked_rows"])
        assert list(kept["attacked_conditions"]) == [0, 1, 2, 4, 5]
        images = kept["attacked_images"].astype(int)
        assert images.shape == (5, len(places), 8, 8)
        np.testing.assert_array_equal(images[1], images[0])
        assert 0 < np.abs(images[2] - images[0]).max() <= 26
        truth = dict(zip(predictions["rows"], predictions["labels"], strict=True))
        labels = [truth[row] for row in kept["attacked_rows"]]
        np.testing.assert_array_equal(kept["attacked_predicted"][0], labels)
        assert len(set(labels)) == len(labels)
        for index, condition in enumerate(kept["attacked_conditions"]):
            at = [list(predictions["rows"]).index(row) for row in kept["attacked_rows"]]
            np.testing.assert_array_equal(kept["attacked_predicted"][index], predictions["predicted"][condition][at])
            np.testing.assert_array_equal(kept["attacked_confidence"][index], predictions["confidence"][condition][at])


def test_nothing_is_measured_again(finished):
    """The rows serve, the ensemble's too."""
    outcome, run = finished
    again, _ = run_suite(run.directory.parent, SUITE)
    assert [row.evaluation for row in again.rows] == [row.evaluation for row in outcome.rows]
    assert [why for _, why in ensemble_reasons(run)] == ["its stored results serve"]


@pytest.mark.slow
def test_the_bits_do_not_depend_on_jobs(finished, tmp_path):
    """Two processes, each with a network; the order of experiments, and one alone, do not matter either."""
    _, run = finished
    pool = Processes(2)
    _, other = run_suite(tmp_path, SUITE, pool=pool)
    pool.stop()
    assert arrays(other) == arrays(run)


def test_a_backend_without_gradients_marks_its_cells_alone(tmp_path, monkeypatch, typed):
    """The other perturbations are measured, the exit code is 0; the plan says why, and so does the row."""
    monkeypatch.setattr(NumpyBackend, "input_gradients", False)
    pytest.importorskip("torch")
    text = SUITE.replace("[experiments.B]", '[experiments.B]\nbackend = "torch"')
    (tmp_path / "mixed.toml").write_text(text)
    planned = " ".join(typed("plan", "mixed.toml", "--jobs", "0").out.split())
    assert f"A: not tested under fgsm, pgd: backend numpy {WHY}" in planned
    assert "B: not tested" not in planned
    typed("run", "mixed.toml", "--jobs", "0", "--quiet")
    run = Run.open(tmp_path / "runs" / "mixed")
    a, b = (run.read(name, 1).row for name in ("A", "B"))
    assert a.status == "done"
    assert measured(a).keys() == {(None, 0.0), ("gaussian_noise", 0.2)}
    assert a.evaluation.unavailable == dict.fromkeys(("fgsm", "pgd"), f"backend numpy {WHY}")
    assert b.evaluation.unavailable == {}
    assert len(b.evaluation.measures) == 6
    both = run.read("both", 1).row.evaluation
    assert both.unavailable["pgd"] == f"its member A seed 1: backend numpy {WHY}"
    assert [tuple(measure.condition) for measure in both.measures] == [(None, 0.0), ("gaussian_noise", 0.2)]
    for command in (["leaderboard", run.directory], ["plan", "mixed.toml", "--jobs", "0"]):
        typed(*command)


def refusal(folder, text):
    """Return what a suite is refused with when it is planned."""
    with pytest.raises(HarnessError) as error:
        run_suite(folder, text, dry=True)
    assert "\n" not in str(error.value)
    assert not (folder / "run").exists()
    return str(error.value)


def test_a_suite_that_no_backend_can_attack_is_refused(tmp_path, monkeypatch):
    """In one line; of one experiment by its name, only its cells are unavailable."""
    monkeypatch.setattr(NumpyBackend, "input_gradients", False)
    message = refusal(tmp_path, SUITE)
    assert message.endswith(
        "tiny.toml: robustness[0].perturbation: 'fgsm' needs gradients by the images (input_gradient), and no backend "
        "of the experiments gives them: numpy. Remove the table, or name another backend"
    )
    outcome, _ = run_suite(tmp_path, SUITE, only=["A"])
    assert outcome.rows[0].evaluation.unavailable.keys() == {"fgsm", "pgd"}
    assert outcome.all_well


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 3", "steps = 0", "robustness[2].steps: 0 is out of range. It must be at least 1"),
        ("steps = 3", "step_size = 0.0", "robustness[2].step_size: 0.0 is out of range. It must be greater than 0"),
        ("steps = 3", "step_size = -0.1", "robustness[2].step_size: -0.1 is out of range. It must be greater than 0"),
        ("restarts = 2", "restarts = 0", "robustness[2].restarts: 0 is out of range. It must be at least 1"),
        ("steps = 3", "step = 3", "robustness[2].step: perturbation 'pgd' has no such option. Did you mean 'steps'?"),
        ("steps = 3", "victim = 3", "robustness[2].victim: perturbation 'pgd' has no such option."),
        (
            "[experiments.A]",
            '[experiments.A]\naugment = [{ perturbation = "fgsm", severity = 0.1 }]',
            "experiments.A.augment: 'fgsm' is an attack, made against a trained network for its tests, and does not",
        ),
        (
            "severities = [0.0, 0.1]",
            "severities = [0.0, 1.5]",
            "robustness[0].severities[1]: 1.5 is not a severity of 'fgsm': the largest change of a pixel is",
        ),
        ("severities = [0.0, 0.1]", "severities = [-0.1]", "robustness[0].severities[0]: -0.1"),
        (
            "[defaults]",
            '[dataset]\nname = "iris"\n\n[defaults]',
            "robustness[0].perturbation: 'fgsm' takes images, and dataset 'iris' has vectors of 4 values.",
        ),
    ],
)
def test_a_mistake_is_refused_in_one_line(tmp_path, old, new, message):
    assert message in refusal(tmp_path, SUITE.replace(old, new, 1))


def test_a_third_partys_attack_of_vectors_is_refused_too():
    """An attack takes images alone: of vectors ε has no unit that all features share."""

    class Both(type(fgsm)):
        takes = frozenset({"image", "vector"})

    iris = DatasetInfo("iris", "", 1, ("a", "b"), shape=(4,), kind="vector")
    assert why_not(Both(), iris) == "takes images, and dataset 'iris' has vectors of 4 values"

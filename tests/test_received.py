"""Results that a worker returns are verified in the driver before they are stored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.execution.pools import Failure
from harness.plugins.loading import registry
from harness.store import Run
from harness.trial import received
from harness.trial.jobs import train
from harness.trial.measuring import evaluate_trials
from harness.trial.specs import Evaluated, EvaluationSpec, Trained, TrialSpec
from tests.tiny import run_suite


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return a trial with what its jobs return: the specification, the training's and the evaluation's result."""
    captured = []

    class Capturing:
        slots = 1

        def __init__(self):
            from harness.execution.pools import InProcess

            self._inner = InProcess(registry())

        def submit(self, task, report=None):
            future = self._inner.submit(task, report)
            captured.append((task, future))
            return future

        def __getattr__(self, name):
            return getattr(self._inner, name)

    _, run = run_suite(tmp_path_factory.mktemp("sound"), only=["A"], pool=Capturing())
    assert isinstance(run, Run)
    sound_results = {task.job: (task.argument, future.result()) for task, future in captured}
    return sound_results[train], sound_results[evaluate_trials], run.dataset.sizes["test"]


def test_sound_results_are_taken_as_they_are(sound):
    """Nothing that a first-party job returns is refused."""
    (spec, trained), (specs, evaluated), rows = sound
    assert isinstance(spec, TrialSpec)
    assert isinstance(specs, EvaluationSpec)
    assert received.trained(trained, spec) is trained
    assert received.evaluated(evaluated, specs, rows) is evaluated


def changed(array, at, value):
    """Return an array with another value at a place."""
    copy = array.copy()
    copy[at] = value
    return copy


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: None, "not a result: None"),
        (lambda t: [t], "not a result"),
        (lambda _: {"metrics": 1}, "not a result"),
        (lambda t: replace(t, history=[]), "not a history: []"),
        (lambda t: replace(t, history=t.history * 9), "not a history"),
        (lambda t: replace(t, history=[replace(t.history[0], val_loss=np.nan)]), "not EpochRecord.val_loss: nan"),
        (lambda t: replace(t, history=[replace(t.history[0], epoch="1")]), "not EpochRecord.epoch: '1'"),
        (
            lambda t: replace(t, metrics=replace(t.metrics, val_accuracy="high")),
            "not TrialMetrics.val_accuracy: 'high'",
        ),
        (lambda t: replace(t, metrics={"val_accuracy": 1}), "not TrialMetrics: "),
        (lambda t: replace(t, confusion=t.confusion[:3]), "confusion is int64 (3, 10), not int64 (10, 10)"),
        (
            lambda t: replace(t, confusion=changed(t.confusion, (0, 0), -1)),
            "confusion has the value -1, not in [0",
        ),
        (lambda t: replace(t, state={"file": "x"}), "the backend's state has str under 'file'"),
        (lambda t: replace(t, state={"a": np.zeros(10**7)}), "the backend's state has 10,000,000 numbers"),
        (lambda t: replace(t, environment={"a": "\x1b"}), "not an environment's text"),
        (lambda t: replace(t, environment={"a": "x" * 301}), "not an environment's text"),
        (lambda t: replace(t, environment={"a": 1}), "not an environment's text: 1"),
        (lambda t: replace(t, anonymous_bytes="much"), "not a number: 'much'"),
        (lambda t: replace(t, resumed=1), "not a bool: 1"),
    ],
)
def test_a_training_that_returns_something_else_has_failed(sound, change, reason):
    """Its trial alone, with what was wrong."""
    (spec, trained), _, _ = sound
    failure = received.trained(change(trained), spec)
    assert isinstance(failure, Failure)
    assert failure.status == "failed"
    assert failure.reason.startswith(f"its process returned what a job does not: {reason}")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("log_probability", np.float32(0.5), "log_probability has the value 0.5, not in [-inf, 0.001]"),
        ("log_probability", np.float32(np.nan), "log_probability has the value nan, not in"),
        ("confidence", np.float32(1.5), "confidence has the value 1.5, not in [0, 1.002]"),
        ("predicted", 10, "predicted has the value 10, not in [0, 9]"),
        ("likeliest", 10, "likeliest has the value 10, not in [0, 9]"),
        ("rows", -1, "rows has the value -1, not in [0, 1796]"),
    ],
)
def test_an_evaluation_with_impossible_values_has_failed(sound, name, value, reason):
    """Whatever it says that its metrics are."""
    _, (specs, (evaluated,)), rows = sound
    predictions = evaluated.predictions | {name: changed(evaluated.predictions[name], (..., 0), value)}
    failure = received.evaluated([replace(evaluated, predictions=predictions)], specs, rows)
    assert failure.reason.startswith(f"its process returned what a job does not: {reason}")


@pytest.mark.parametrize(
    "change",
    [
        {"measures": []},
        {"measures": ["good"] * 3},
        {"evaluation": None},
        {"predictions": {}},
        {"examples": {"pairs": np.zeros((99, 2), dtype=np.int64), "rows": 0, "images": 0}},
        {"seconds": float("inf")},
        {"environment": Path()},
    ],
)
def test_an_evaluation_of_another_form_has_failed(sound, change):
    """Nothing of it is stored."""
    _, (specs, (evaluated,)), rows = sound
    whole = {name: value for name, value in change.items() if hasattr(evaluated, name)}
    row = {name: value for name, value in change.items() if name not in whole}
    changed_row = whole or {"evaluation": replace(evaluated.evaluation, **row)}
    for result in ([replace(evaluated, **changed_row)], [], evaluated):
        assert isinstance(received.evaluated(result, specs, rows), Failure)


def test_a_result_without_its_fields_has_failed(sound):
    """Unpickling calls no constructor."""
    (spec, _), (specs, _), rows = sound
    for result in (
        received.trained(object.__new__(Trained), spec),
        received.evaluated([object.__new__(Evaluated)], specs, rows),
    ):
        assert isinstance(result, Failure)
        assert result.reason.startswith("its process returned what a job does not: ")


@pytest.mark.parametrize(
    "values",
    [
        lambda _: {},
        lambda values: values | {"test_more": 1.0},
        lambda values: values | {"test_ece": float("nan")},
        lambda values: values | {"test_ece": "small"},
        list,
    ],
)
def test_metrics_that_are_not_the_catalogues_have_failed(sound, values):
    """Each of them finite, or None; others, and fewer, are not stored."""
    _, (specs, (evaluated,)), rows = sound
    first, *others = evaluated.evaluation.measures

    def received_with(measure):
        row = replace(evaluated.evaluation, measures=[measure, *others])
        return received.evaluated([replace(evaluated, evaluation=row)], specs, rows)

    assert isinstance(received_with(replace(first, values=values(first.values))), Failure)
    assert not isinstance(received_with(replace(first, values=first.values | {"test_ece": None})), Failure)


def test_what_is_no_epochs_record_is_not_passed_to_observers(sound):
    """A report is best effort."""
    (_, trained), _, _ = sound
    assert received.epoch(trained.history[0]) is trained.history[0]
    assert received.epoch({"epoch": 1}) is None
    assert received.epoch(replace(trained.history[0], seconds="1")) is None

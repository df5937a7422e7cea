"""Forecasts from what ran on this machine before, rehearsals, and reasons."""

import json
from dataclasses import replace

import pytest

from harness.execution.forecast import Timing, Timings, estimates, makespan, rehearsed
from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.execution.resume import reasons
from harness.execution.run import execute
from harness.execution.smoke import probe, smoke
from harness.plugins.loading import registry
from harness.store import Run
from harness.suite import load_suite
from tests.irregular import make_irregular
from tests.tiny import TINY, run_suite


def plan_of(folder, text=TINY):
    """Return the tiny suite and its plan."""
    (folder / "tiny.toml").write_text(text)
    loaded = load_suite(folder / "tiny.toml", registry())
    return loaded, make_plan(loaded, registry(), InProcess(registry()))


def test_a_trial_that_ran_is_forecast_by_its_own_time(tmp_path):
    """Seconds by image and epoch, epochs as they were; other epochs and more images scale. A and B are one network."""
    _, plan = plan_of(tmp_path)
    outcome, _ = run_suite(tmp_path)
    timings, train_rows = Timings(tmp_path / "timings.jsonl"), plan.dataset.sizes["train"]
    rows = {row.experiment: row for row in outcome.rows}
    for trial in plan.trials:
        timings.record(trial.spec, rows[trial.row.experiment], train_rows)
    again = Timings(tmp_path / "timings.jsonl")
    seconds = {name: row.metrics.seconds for name, row in rows.items()}
    seconds["A"] = seconds["B"] = (seconds["A"] + seconds["B"]) / 2
    for trial in plan.trials:
        forecast = again.forecast(trial.spec, trial.row, train_rows)
        assert forecast.seconds == pytest.approx(seconds[trial.row.experiment])
        assert forecast.anonymous_bytes >= rows[trial.row.experiment].anonymous_bytes
        assert not forecast.at_most
        assert again.has(trial.spec)
        twice = again.forecast(replace(trial.spec, epochs=6), replace(trial.row, settings={}), 2 * train_rows)
        assert twice.seconds == pytest.approx(4 * seconds[trial.row.experiment])


def test_a_network_that_never_ran_is_scaled_from_the_nearest_of_its_backend(tmp_path):
    """By parameters; another backend's timings say nothing."""
    _, plan = plan_of(tmp_path)
    first, second, _ = plan.trials
    timings = Timings(tmp_path / "timings.jsonl")
    assert timings.forecast(first.spec, first.row, 1000) is None
    timings.add(rehearsed(first.spec, replace(first.row, parameters=500), 1e-6, 50))
    larger = replace(second.row, parameters=1000)
    other = replace(second.spec, network=replace(second.spec.network, batch_size=7))
    assert timings.forecast(other, larger, 1000).seconds == pytest.approx(2e-6 * 1000 * 3)
    assert timings.forecast(replace(other, backend="torch"), larger, 1000) is None
    timings.add(rehearsed(first.spec, replace(first.row, parameters=500), 3e-6, 50))
    assert timings.forecast(other, larger, 1000).seconds == pytest.approx(6e-6 * 1000 * 3), "the last counts"
    whole = replace(rehearsed(first.spec, replace(first.row, parameters=500), 4e-6, 50), epochs=3)
    timings.add(whole)
    timings.add(replace(whole, epochs=0, seconds_per_image=1.0))
    assert timings.forecast(other, larger, 1000).seconds == pytest.approx(8e-6 * 1000 * 3), "a whole trial says more"


def test_foreign_and_broken_lines_are_passed_over(tmp_path):
    """Another machine's, another version's, half a line."""
    _, plan = plan_of(tmp_path)
    trial = plan.trials[0]
    path = tmp_path / "timings.jsonl"
    timing = vars(rehearsed(trial.spec, trial.row, 1e-6, None))
    wrong = [{"parameters": 0}, {"parameters": "7"}, {"seconds_per_image": float("nan")}, {"anonymous_bytes": "much"},
             {"threads": 0}, {"epochs": -1}, {"seconds_per_image": -1.0}, {"processor": ["x"]}]  # fmt: skip
    lines = [json.dumps(timing | {"processor": "another"}), json.dumps({"version": 7}), json.dumps(timing)[:50]]
    lines += [json.dumps(timing | change) for change in wrong] + ["[" * 100_000, "\0", "1" * 5000]
    path.write_text("\n".join(lines))
    assert Timings(path).forecast(trial.spec, trial.row, 1000) is None
    assert set(timing) == set(Timing.__dataclass_fields__)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_timings_that_are_no_file_are_ignored(tmp_path, kind):
    """Nothing waits for a pipe or reads a device without end, and nothing is written there."""
    path = tmp_path / "timings.jsonl"
    make_irregular(path, kind)
    _, plan = plan_of(tmp_path)
    trial = plan.trials[0]
    timings = Timings(path)
    timings.add(rehearsed(trial.spec, trial.row, 1e-6, None))
    assert timings.has(trial.spec), "for this command"
    assert not Timings(path).has(trial.spec)


def test_estimates_turn_costs_into_seconds():
    """By what the others' costs took; without any, the costs themselves order the trials."""
    from harness.execution.forecast import Forecast

    assert estimates([(10, Forecast(2.0, False, None)), (30, None)]) == [2.0, 6.0]
    assert estimates([(10, None), (30, None)]) == [10.0, 30.0]
    assert makespan([5.0, 1.0, 1.0], 8) == 5.0


def test_the_longest_trial_by_earlier_rows_starts_first(tmp_path, watcher):
    """What ran before counts more than the number of parameters, by which C is the longest."""
    loaded, plan = plan_of(tmp_path)
    timings = Timings(tmp_path / "timings.jsonl")
    for planned in plan.trials:
        timings.add(rehearsed(planned.spec, planned.row, 1e-4 if planned.row.experiment == "C" else 1e-3, None))
    run = Run(
        tmp_path / "run", loaded.suite, plan.dataset, [(trial.row.experiment, trial.row.seed) for trial in plan.trials]
    )
    execute(run, plan, registry(), InProcess(registry()), timings=timings)
    assert watcher.trained == ["A", "B", "C"]


def test_a_probe_makes_forecasts_without_a_run(tmp_path):
    """Some batches of each network that has never run here; a second probe has nothing to do."""
    _, plan = plan_of(tmp_path)
    timings = Timings(tmp_path / "timings.jsonl")
    assert probe(plan, InProcess(registry()), timings) == {}
    for trial in plan.trials:
        assert timings.forecast(trial.spec, trial.row, plan.dataset.sizes["train"]).seconds > 0
    before = (tmp_path / "timings.jsonl").read_text()
    probe(plan, InProcess(registry()), timings)
    assert (tmp_path / "timings.jsonl").read_text() == before


def test_smoke_finds_a_mistake_in_the_last_experiment(tmp_path):
    """Every experiment on every backend that it names: works, fails with its reason, or cannot run here."""
    text = TINY.replace("[experiments.A]", '[experiments.A]\nbackend = ["cupy", "numpy"]\ndevice = "cpu"').replace(
        "dropout = 0.2", "dropout = 0.2\noptimizer.learning_rate = 1e38"
    )
    loaded, _ = plan_of(tmp_path, text)
    tried = {
        (attempt.experiment, attempt.backend): attempt for attempt in smoke(loaded, registry(), InProcess(registry()))
    }
    assert list(tried) == [("A", "cupy"), ("A", "numpy"), ("B", "numpy"), ("C", "numpy")]
    assert tried["A", "cupy"].result.startswith("unavailable: cupy runs on CUDA devices alone")
    assert not tried["A", "cupy"].failed
    assert (tried["A", "numpy"].result, tried["B", "numpy"].result) == ("works", "works")
    assert tried["C", "numpy"].failed
    assert "diverged at epoch 1" in tried["C", "numpy"].result


def test_smoke_notices_a_perturbation_that_breaks_its_contract(tmp_path, monkeypatch):
    """One batch is measured too, on validation rows."""
    import harness_noise.gaussian

    monkeypatch.setattr(
        harness_noise.gaussian.gaussian_noise, "sweep", lambda images, s, _: iter([images[:1]] * len(s))
    )
    loaded, _ = plan_of(tmp_path)
    assert loaded.suite.robustness
    tried = smoke(loaded, registry(), InProcess(registry()), only=["A"])
    assert "failed: perturbation 'gaussian_noise' at severity 0.0 returned float32 (1, 8, 8)" in tried[0].result


def test_reasons_say_what_the_next_run_would_do(tmp_path):
    """New, served, changed in a setting, damaged, failed, test results missing or outdated."""
    loaded, plan = plan_of(tmp_path)
    outcome, run = run_suite(tmp_path, only=["A", "B"])
    assert outcome.all_well

    def why(name, text=TINY):
        changed, plan = plan_of(tmp_path, text)
        planned = next(trial for trial in plan.trials if trial.row.experiment == name)
        return reasons(replace(run, suite=changed.suite), [planned], registry())[0]

    assert why("A") == "its stored row serves, and so do its test results"
    assert why("B") == "its stored row serves"
    assert why("C") == "will be trained, because it has no row yet"
    assert why("B", TINY.replace("momentum = 0.9", "momentum = 0.8")) == (
        "will be trained again, because its row is stale: optimizer.momentum was 0.9, is 0.8"
    )
    assert "their seeds, their versions or their severities differ" in why("A", TINY.replace("0.3]", "0.4]"))
    (run.trial_directory("B", 1) / "state.npz").unlink()
    assert "because its row is damaged: " in why("B")
    failing = TINY.replace("learning_rate = 0.1, momentum = 0.9", "learning_rate = 1e30")
    run_suite(tmp_path, failing, only=["B"])
    assert "will be trained again, because it failed: diverged at epoch 1, step" in why("B", failing)
    assert loaded.suite.experiments.keys() == {trial.row.experiment for trial in plan.trials}

"""Test results of another seed, version or recipe than the run's: labelled, excluded, and measured again."""

from dataclasses import replace

import pytest

from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.execution.resume import look_up, reasons, to_measure
from harness.plugins.loading import registry
from harness.results.compare import limit, violations
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.verify.verification import Verdict, verify
from harness.store import Run
from harness.store.foreign import as_described, evaluation_changes
from harness.suite import load_suite
from harness.trial.fingerprints import evaluation_fingerprint
from harness.trial.robustness import Robustness
from tests.made_results import compare_runs
from tests.test_belonging import SHORT, changes, overview
from tests.test_leaderboard import lines
from tests.tiny import run_suite

SEED = "severities = [0.0, 0.3]"
OTHER = SHORT.replace(SEED, f"{SEED}\nseed = 7")
EXPECTED = (
    '\n[[expect]]\nrelation = ["A.test_accuracy > 0", "B.test_accuracy > 0"]\nperturbation = "gaussian_noise"\n'
    "severity = 0.3\n"
)


@pytest.fixture
def stale(tmp_path):
    """Return the folder of a run whose A was measured under noise of seed 7, and B before that under that of 42."""
    run_suite(tmp_path, SHORT + EXPECTED, only=["A", "B"])
    run_suite(tmp_path, OTHER + EXPECTED, only=["A"])
    return tmp_path


def test_noise_of_another_seed_is_not_ranked_and_a_note_names_it(stale):
    """The clean images are the same for both: their accuracy is ranked."""
    run = Run.open(stale / "run")
    line_of, table = overview(run)
    assert {line_of[name]["test_accuracy_rank"] for name in "AB"} == {"1", "2"}
    assert line_of["A"]["degradation_rank"] == "1"
    assert (line_of["B"]["degradation"], line_of["B"]["degradation_rank"]) == ("", "")
    assert "Not ranked under gaussian_noise, because severities are missing: B. Run without --only" in table.note
    by_severity = {line["Experiment"]: line for line in lines(tables(Results.of(run)), "robustness", "markdown")}
    assert by_severity["B"]["0.3"] == "–"
    assert by_severity["A"]["0.3"] != "–"
    verification = verify(Results.of(run))
    assert [claim.verdict for claim in verification.claims] == [Verdict.met, Verdict.not_run]
    assert [(entry.experiment, entry.why) for entry in verification.missing] == [
        ("B", "done, and has no test_accuracy, gaussian_noise 0.3")
    ]


def test_plan_and_why_say_that_it_is_measured_again_and_the_run_does(stale):
    """Without training; then both are ranked."""
    plugins = registry()
    plan = make_plan(load_suite(stale / "tiny.toml", plugins), plugins, InProcess(registry()), only=["A", "B"])
    run = replace(Run.open(stale / "run"), components=plan.components)
    lookups = [look_up(run, trial) for trial in plan.trials]
    reason = "gaussian_noise: its seed was 42, is 7"
    assert to_measure(run, plan.trials, lookups, plugins) == {("B", 1): reason}
    assert reasons(run, plan.trials, plugins) == [
        "its stored row serves, and so do its test results",
        f"its stored row serves; it will be measured again, because {reason}",
    ]
    _, run = run_suite(stale, OTHER + EXPECTED, only=["A", "B"])
    line_of, table = overview(run)
    assert {line_of[name]["degradation_rank"] for name in "AB"} == {"1", "2"}
    assert "Not ranked" not in table.note


@pytest.mark.usefixtures("stale")
def test_the_plan_command_counts_what_is_measured_again(typed):
    """It is neither done nor trained."""
    output = typed("plan", "tiny.toml", "--only", "[AB]", "--out", "run", "--jobs", "0").out
    assert "2 trials, 1 done, 0 to run, 1 to measure, 0 unavailable" in output
    assert "test results: gaussian_noise: its seed was 42, is 7" in output


def test_without_any_sound_measure_there_is_a_note_and_no_table(tmp_path):
    """A run that was interrupted before its first measurement under the new seed."""
    _, run = run_suite(tmp_path, SHORT, only=["A", "B"])
    suite = run.suite.model_copy(update={"robustness": [run.suite.robustness[0].model_copy(update={"seed": 7})]})
    _, table = overview(replace(run, suite=suite))
    assert "Not ranked under gaussian_noise, because severities are missing: A, B." in table.note


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Return a tested row, its run's perturbations and components."""
    outcome, run = run_suite(tmp_path_factory.mktemp("one"), SHORT, only=["A"])
    return outcome.rows[0], run.suite.robustness, run


def test_another_version_of_a_perturbation_is_other_noise(tested):
    """What is not known is not compared."""
    row, specs, run = tested
    newer = {"perturbation gaussian_noise": "nn-harness 99"}
    assert as_described(row, specs, run.components) is row.evaluation
    assert as_described(row, specs, {}) is row.evaluation
    assert [measure.perturbation for measure in as_described(row, specs, newer).measures] == [None]
    (change,) = evaluation_changes(row.evaluation, specs, newer).values()
    assert change.endswith(", is nn-harness 99")
    assert as_described(replace(row, evaluation=None), specs, newer) is None


@pytest.mark.parametrize(
    ("severities", "seed", "count"), [([0.0, 0.3], 42, 3), ([0.9], 42, 3), ([0.0, 0.3], 7, 1), ([0.9], 7, 1)]
)
def test_of_an_older_row_the_fingerprint_says_whether_the_seed_is_the_same(tested, severities, seed, count):
    """It did not record the seed; other severities are no other seed."""
    row, _, run = tested
    older = replace(row, evaluation=replace(row.evaluation, seeds=None))
    specs = [Robustness(perturbation="gaussian_noise", severities=severities, seed=seed)]
    assert len(as_described(older, specs, run.components).measures) == count
    oldest = replace(row, evaluation=replace(row.evaluation, seeds=None, components={}))
    assert as_described(oldest, specs, run.components) is oldest.evaluation


def test_a_perturbation_with_two_tables_has_two_seeds(tested):
    """In their order."""
    row, _, run = tested
    specs = [
        Robustness(perturbation="gaussian_noise", severities=[severity], seed=seed)
        for severity, seed in ((0.1, 1), (0.2, 2))
    ]
    assert evaluation_changes(row.evaluation, specs, run.components) == {"gaussian_noise": "its seed was 42, is 1, 2"}
    assert evaluation_fingerprint("x", specs, {}) != evaluation_fingerprint("x", specs[::-1], {})


def test_a_row_of_another_version_of_a_plugin_is_of_another_recipe(tested):
    """Of an optimizer, say, when the command trained another experiment again with the new one."""
    row, _, run = tested
    about = run.suite.experiments["A"]
    newer = run.components | {"optimizer adam": "nn-harness 99"}
    assert changes(row, about, run.components) == []
    (change,) = changes(row, about, newer)
    assert change.startswith("optimizer adam was ")
    assert change.endswith(", is 'nn-harness 99'")
    assert [row.status for row in replace(run, components=newer).rows()] == ["stale"]
    assert Run.open(run.directory).components == run.components


def test_two_runs_under_noise_of_different_seeds_are_compared_on_clean_images_alone(tmp_path):
    """What is not compared is named, and a limit on it is not kept."""
    for name, text in (("one", SHORT), ("other", OTHER)):
        (tmp_path / name).mkdir()
        run_suite(tmp_path / name, text, only=["A"])
    runs = [Run.open(tmp_path / name / "run") for name in ("one", "other")]
    comparison = compare_runs(*runs)
    assert {difference.condition[0] for difference in comparison.differences} == {None}
    assert {difference.metric for difference in comparison.differences} >= {"test_accuracy", "val_accuracy"}
    assert {pair.why for pair in comparison.unjudged if pair.condition[0]} == {
        "the seed of gaussian_noise was 42, is 7"
    }
    assert violations(comparison, [limit("degradation:+100")])
    assert not violations(comparison, [limit("test_accuracy:-100")])
    assert {difference.condition[0] for difference in compare_runs(runs[0], runs[0]).differences} == {
        None,
        "gaussian_noise",
    }

"""Absence of evidence is not success: what an expectation lacks is named, and ``verify`` ends with exit code 3."""

import shutil
from dataclasses import replace

import pytest

from harness.results.results import Results
from harness.results.verify.evidence import Missing, named, note
from harness.results.verify.verification import Verdict, verify
from harness.results.verify.wording import spoken
from tests.made_results import judge
from tests.test_leaderboard import measured, row, trained
from tests.test_verify import DIGITS, SUITE, figure, rows_of
from tests.tiny import TINY, run_suite

RELATION = '[[expect]]\nrelation = "A.val_accuracy > B.val_accuracy"\n'


@pytest.mark.parametrize("status", ["failed", "planned", "timed out", "unavailable"])
def test_the_seed_that_is_left_of_two_does_not_decide(load, status):
    """Neither for nor against: the verdict is that the evidence is incomplete, and the trial is named."""
    rows = [*rows_of({"A": 0.9, "B": 0.8}, 1), *rows_of({"A": 0.1}, 2, status=status, reason="why"),
            *rows_of({"B": 0.8}, 2)]  # fmt: skip
    verification = judge(load(SUITE + figure(value=0.9) + figure(value=0.2) + RELATION), DIGITS, rows)
    assert [judged.verdict for judged in (*verification.figures, *verification.claims)] == [Verdict.incomplete] * 3
    assert (verification.figures[0].got.n, verification.claims[0].margin.n) == (1, 1), "what is there is still shown"
    assert (verification.missed, verification.unfinished) == (False, True)
    assert named(verification.missing) == [f"A seed 2: {status}: why"]
    assert spoken(verification) == "0 of 3 expectations met, 3 incomplete"


def test_seeds_that_one_side_alone_was_planned_with_are_not_missing(load):
    """The relation is over the seeds of both."""
    rows = [*rows_of({"A": 0.9, "B": 0.8}, 1), *rows_of({"A": 0.1}, 2)]
    verification = judge(load(SUITE + RELATION), DIGITS, rows)
    assert verification.claims[0].verdict is Verdict.met
    assert not verification.unfinished


def test_an_experiment_without_a_trial_and_a_trial_without_a_value_are_named(load):
    """``--only A`` plans no trial of B; a trial that is not tested has no test accuracy."""
    text = SUITE + RELATION + figure(metric="test_accuracy") + figure(metric="val_accuracy", dataset="other")
    verification = judge(load(text), DIGITS, rows_of({"A": 0.9}, 1))
    assert [judged.verdict.value for judged in (*verification.figures, *verification.claims)] == [
        "not run",
        "not comparable",
        "not run",
    ]
    assert named(verification.missing) == ["A seed 1: done, and has no test_accuracy", "B: the run has no trial of it"]
    assert note(verification.missing) == "Missing: A seed 1; B."


def test_a_condition_that_was_not_measured_is_named(load):
    """With its severity."""
    text = SUITE.replace("[experiments.B]", "[experiments.B]\n[[robustness]]\n"
        'perturbation = "gaussian_noise"\nseverities = [0.7]\n') + figure(
        metric="test_accuracy", perturbation="gaussian_noise", severity=0.7)  # fmt: skip
    rows = [row("A", metrics=trained(0.9, 0.8, 0.5), evaluation=measured(0.8, 0.4, (0.8,) * 6))]
    verification = judge(load(text), DIGITS, rows)
    assert named(verification.missing) == ["A seed 42: done, and has no test_accuracy, gaussian_noise 0.7"]


@pytest.mark.parametrize("reason", ["perturbation 'gaussian_noise' at severity 0.7: E", "backend x gives no gradient"])
def test_a_tested_trial_that_lost_the_value_was_run_and_the_recorded_reason_is_named(load, reason):
    text = SUITE.replace("[experiments.B]", "[experiments.B]\n[[robustness]]\n"
        'perturbation = "gaussian_noise"\nseverities = [0.7]\n') + figure(
        metric="test_accuracy", perturbation="gaussian_noise", severity=0.7)  # fmt: skip
    text += '[[expect]]\nrelation = "A.test_accuracy > 0.1"\nperturbation = "gaussian_noise"\nseverity = 0.7\n'
    tested = measured(0.8, 0.4, (0.8,) * 6)
    tested = replace(tested, measures=tested.measures[:1], unavailable={"gaussian_noise": reason})
    rows = [row("A", seed=seed, metrics=trained(0.9, 0.8, 0.5), evaluation=tested) for seed in (1, 2)]
    verification = judge(load(text), DIGITS, rows)
    verdicts = [judged.verdict for judged in (*verification.figures, *verification.claims)]
    assert verdicts == [Verdict.incomplete] * 2
    assert named(verification.missing) == [f"A seeds 1, 2: {reason}"]


def test_what_is_missing_is_said_in_one_line_for_each_experiment_and_reason():
    """Seeds share a line; what several expectations lack is named once."""
    missing = [Missing("A", 1, "failed: x"), Missing("A", 2, "failed: x"), Missing("A", 1, "failed: x"),
             Missing("A", 3, "planned"), Missing("B", None, "none")]  # fmt: skip
    assert named(missing) == ["A seeds 1, 2: failed: x", "A seed 3: planned", "B: none"]
    assert note(missing) == "Missing: A seeds 1, 2, 3; B."
    assert note([]) == ""


@pytest.mark.parametrize("harm", ["delete the row", "damage the row", "nothing"])
def test_verify_names_what_is_missing_and_exits_with_3(tmp_path, typed, harm):
    """A missed expectation does not become a success by the loss of the row that missed it."""
    text = TINY.replace("epochs = 3", "epochs = 1") + figure(value=0.0, tolerance=2.0)
    _, run = run_suite(tmp_path, text, only=["A"], seeds=[1, 2])
    place = run.trial_directory("A", 2)
    if harm == "delete the row":
        shutil.rmtree(place)
    elif harm == "damage the row":
        (place / "row.json").write_text("{}")
    output = typed("verify", "run", code=0 if harm == "nothing" else 3)
    if harm == "nothing":
        assert output.err == "1 of 1 expectation met\n"
        return
    lines = output.err.splitlines()
    assert lines[-1] == "0 of 1 expectation met, 1 incomplete"
    assert lines[-2].startswith("missing: A seed 2: planned")
    assert ("its row is damaged and will be made again" in lines[-2]) == (harm == "damage the row")
    assert "incomplete" in output.out
    assert "Missing: A seed 2." in output.out


@pytest.mark.parametrize("pattern", ["A", "[AB]"])
def test_a_damaged_row_does_not_make_the_others_untested(tmp_path, pattern):
    """What was chosen and tested stays chosen, of one candidate and of several; the damaged row alone is missing."""
    text = TINY.replace("epochs = 3", "epochs = 1").replace('one = "A"', f'best = {{ best_of = "{pattern}" }}')
    text = text.replace('two = { best_of = "[BC]" }', "").replace('baseline = "A"', "")
    _, run = run_suite(tmp_path, text + RELATION.replace("val_", "test_"), seeds=[1, 2])
    results = Results.of(run)
    (name,) = results.finalists["best"]
    (run.trial_directory(name, 2) / "row.json").write_text("{}")
    results = Results.of(run)
    assert results.finalists["best"] == [name]
    reasons = {entry.seed: entry.why for entry in verify(results).missing if entry.experiment == name}
    assert reasons[2].startswith("planned: its row is damaged")
    assert 1 not in reasons

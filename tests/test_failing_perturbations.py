"""A perturbation that raises in a run costs its own cells, with the reason; the same command measures them again."""

import numpy as np
import pytest

from harness.execution import evaluation
from harness.execution.ensembles import ensemble_reasons
from harness.execution.training import Conditions
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.store import state_of
from harness.store.lost import lines_on
from harness.store.samples import read_samples
from harness_adversarial.fgsm import FGSM
from harness_array.network import ArrayNetwork
from harness_noise.gaussian import GaussianNoise
from tests.plugins_on_disk import distribution
from tests.test_attacked_runs import measured
from tests.test_lookup import why
from tests.tiny import TINY, run_suite

SUITE = """
[suite]
name = "fragile"
seeds = [1]
[defaults]
hidden_layers = [16]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1
[experiments.A]
[experiments.B]
activation = "tanh"
[ensembles.both]
members = ["A", "B"]
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.1, 0.3]
[[robustness]]
perturbation = "fgsm"
severities = [0.05, 0.1]
[[robustness]]
perturbation = "stripes"
severities = [0.2]
[[robustness]]
perturbation = "pgd"
severities = [0.05]
steps = 2
[leaderboard]
baseline = "A"
"""
BROKEN = "perturbation 'gaussian_noise' at severity 0.3: RuntimeError: no noise today"
ENDED = "perturbation 'fgsm' at severity 0.1: SystemExit: 3"


def breaks(_self, images, _severities, _rng):
    """Yield the first severity's images, then raise: some cells of the perturbation have been measured already."""
    yield images
    msg = "no noise\ntoday"
    raise RuntimeError(msg)


def ends(_self, images, severity, _rng, **_keywords):
    if severity == 0.1:
        raise SystemExit(3)
    return images


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Return the folder, the rows, the run and the outcome of a suite of which two perturbations of four fail."""
    folder = tmp_path_factory.mktemp("fragile")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(GaussianNoise, "sweep", breaks)
        patched.setattr(FGSM, "__call__", ends)
        outcome, run = run_suite(folder, SUITE)
    return folder, {row.experiment: row for row in outcome.rows}, run, outcome


def arrays(run, name):
    return {kind: dict(np.load(run.trial_directory(name, 1) / f"{kind}.npz")) for kind in ("evaluation", "examples")}


def test_its_cells_are_unavailable_with_the_reason(broken):
    """In one line; the trials are done, whichever severity it was, and so is their ensemble."""
    _, rows, *_ = broken
    assert {row.status for row in rows.values()} == {"done"}
    for name in ("A", "B"):
        assert rows[name].evaluation.unavailable == {"gaussian_noise": BROKEN, "fgsm": ENDED}
    together = rows["both"].evaluation
    assert together.unavailable == {"gaussian_noise": f"its member A seed 1: {BROKEN}", "fgsm": ENDED}
    for row in rows.values():
        assert measured(row).keys() == {(None, 0.0), ("stripes", 0.2), ("pgd", 0.05)}


def test_the_run_is_incomplete_and_says_how_many_cells_are_lost(broken):
    """A cell for each severity, of trials and ensembles; those of a command are those that it asked for."""
    _, _, run, outcome = broken
    assert outcome.lost_cells == 3 * 4
    assert not outcome.all_well
    assert list(lines_on(outcome.lost))[:2] == [
        f"A seed 1: 2 cells lost under gaussian_noise: {BROKEN}",
        f"A seed 1: 2 cells lost under fgsm: {ENDED}",
    ]
    assert state_of(run.directory) == ("fragile", "incomplete: 2 of 2 done, 1 of 1 ensemble tested, 12 cells lost")


@pytest.mark.parametrize(("together", "tested"), [(1, ["A"]), (8, ["A", "B"])])
def test_fail_fast_ends_the_tests_at_the_first_that_loses_cells(tmp_path, monkeypatch, together, tested):
    """Those that were measured in one job with it are kept; what had not begun has no results, the ensemble neither."""
    monkeypatch.setattr(GaussianNoise, "sweep", breaks)
    monkeypatch.setattr(evaluation, "_TOGETHER", together)
    outcome, run = run_suite(tmp_path, SUITE, conditions=Conditions(fail_fast=True))
    assert [row.experiment for row in run.rows() if row.evaluation] == tested
    assert {row.experiment: row.status for row in outcome.rows} == {"A": "done", "B": "done"}
    assert outcome.lost_cells == 2 * len(tested)
    monkeypatch.undo()
    assert run_suite(tmp_path, SUITE, conditions=Conditions(fail_fast=True))[0].all_well


def test_ranks_and_tables_say_what_they_leave_out(broken):
    """The experiments are ranked by what was measured."""
    _, _, run, _ = broken
    by_key = {table.key: table for table in tables(Results.of(run))}
    assert f"Unavailable: gaussian_noise of A, B ({BROKEN})" in by_key["overview"].note
    assert f"fgsm ({ENDED})" in by_key["overview"].note
    relative = f"Corruption errors: percent of A's; without gaussian_noise (A was not measured under it: {BROKEN})"
    assert relative in by_key["mean-corruption-error"].note
    assert [line["rank"].rank for line in by_key["mean-corruption-error"].lines if line["rank"]] == [1, 2, 3]
    assert [line["fgsm_0.1"].reason for line in by_key["robust-accuracy"].lines] == [ENDED] * 3


def test_what_was_measured_beside_it_is_the_same_to_the_last_bit_and_the_rest_is_measured_again(broken):
    """By the same command: without training, the ensemble and the sheet of images, too. Then all serves."""
    folder, rows, run, _ = broken
    before = {name: arrays(run, name) for name in rows}
    lost = set(read_samples(run))
    explanation = why(folder, run, "A", SUITE)
    assert explanation == f"its stored row serves; it will be measured again, because it failed: {BROKEN}"
    outcome, _ = run_suite(folder, SUITE)
    assert outcome.all_well
    again = {row.experiment: row for row in outcome.rows}
    for name, row in again.items():
        assert row.evaluation.unavailable == {}
        assert row.history == rows[name].history
        conditions = [tuple(measure.condition) for measure in row.evaluation.measures]
        after = arrays(run, name)
        places = [conditions.index(tuple(measure.condition)) for measure in rows[name].evaluation.measures]
        for key in ("predicted", "log_probability", "confidence", "likeliest"):
            np.testing.assert_array_equal(after["evaluation"][key][places], before[name]["evaluation"][key])
        seen = [places[place] for place in before[name]["examples"]["attacked_conditions"]]
        here = [list(after["examples"]["attacked_conditions"]).index(place) for place in seen]
        for key in ("attacked_images", "attacked_predicted", "attacked_confidence"):
            np.testing.assert_array_equal(after["examples"][key][here], before[name]["examples"][key])
    assert {name for name, _ in set(read_samples(run)) - lost} == {"gaussian_noise"}
    assert [text for _, text in ensemble_reasons(run)] == ["its stored results serve"]
    assert why(folder, run, "A", SUITE) == "its stored row serves, and so do its test results"


PLUGIN = """
import harness, numpy as np

@harness.hookimpl
def register_perturbations(register):
    register("picky", picky)

def picky(images, severity, rng):
    if severity and images.mean() < 0.9:
        raise ValueError("an image is too dark")
    return images
"""


def test_a_third_partys_that_refuses_images_makes_the_command_incomplete(tmp_path, monkeypatch, typed):
    """With exit code 1. Tables and the JSON of rows have the reason; a rehearsal reports it before a run."""
    distribution(tmp_path / "site", "harness-picky", "0.1", {"picky_plugin": PLUGIN}, {"picky": "picky_plugin"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    text = SUITE.replace('"stripes"', '"picky"')
    (tmp_path / "picky.toml").write_text(text)
    reason = "perturbation 'picky' at severity 0.2: ValueError: an image is too dark"
    ran = typed("run", "picky.toml", "--jobs", "0", "--quiet", "--only", "A", code=1)
    assert f"A seed 1: 1 cell lost under picky: {reason}" in ran.err
    assert ran.err.splitlines()[-1] == "incomplete: 1 cell lost. The same command tries again"
    assert f"picky ({reason})" in " ".join(ran.out.split())
    row = (tmp_path / "runs" / "picky" / "trials" / "A" / "seed-1" / "row.json").read_text()
    assert reason in row
    probed = typed("plan", "picky.toml", "--jobs", "0", "--smoke", "--only", "B", code=1)
    assert reason in " ".join(probed.out.split() + probed.err.split())


def test_a_networks_gradient_that_breaks_the_contract_loses_the_cells_of_the_attack(tmp_path, monkeypatch):
    """The trial is done, and the run is not well; a trial that is not tested is not asked about its tests."""
    monkeypatch.setattr(ArrayNetwork, "input_gradient", lambda _self, images, _labels: images[:, 0])
    text = TINY.replace('perturbation = "gaussian_noise"', 'perturbation = "fgsm"')
    outcome, run = run_suite(tmp_path, text, only=["A"])
    assert [(row.experiment, row.status) for row in outcome.rows] == [("A", "done")]
    (line,) = lines_on(outcome.lost)
    assert line.startswith("A seed 1: 2 cells lost under fgsm: perturbation 'fgsm' at severity 0.0: ")
    assert "the contract says float32" in line
    assert (outcome.lost_cells, outcome.all_well) == (2, False)
    again, _ = run_suite(tmp_path, text.replace("[0.0, 0.3]", "[0.0, 0.1]"), only=["B"])
    assert again.all_well, "another command's cells do not count"
    assert "2 cells lost" in state_of(run.directory)[1]

"""A perturbation that raises in a run costs its own cells, with the reason; the same command measures them again."""

import numpy as np
import pytest

from harness.execution.ensembles import ensemble_reasons
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.store.samples import read_samples
from harness_adversarial.fgsm import FGSM
from harness_noise.gaussian import GaussianNoise
from tests.plugins_on_disk import distribution
from tests.test_attacked_runs import measured
from tests.test_lookup import why
from tests.tiny import run_suite

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
    """Return the folder, the rows and the run of a suite of which two perturbations of four fail."""
    folder = tmp_path_factory.mktemp("fragile")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(GaussianNoise, "sweep", breaks)
        patched.setattr(FGSM, "__call__", ends)
        outcome, run = run_suite(folder, SUITE)
    return folder, {row.experiment: row for row in outcome.rows}, run


def arrays(run, name):
    return {kind: dict(np.load(run.trial_directory(name, 1) / f"{kind}.npz")) for kind in ("evaluation", "examples")}


def test_its_cells_are_unavailable_with_the_reason(broken):
    """In one line; the trials are done, whichever severity it was, and so is their ensemble."""
    _, rows, _ = broken
    assert {row.status for row in rows.values()} == {"done"}
    for name in ("A", "B"):
        assert rows[name].evaluation.unavailable == {"gaussian_noise": BROKEN, "fgsm": ENDED}
    together = rows["both"].evaluation
    assert together.unavailable == {"gaussian_noise": f"its member A seed 1: {BROKEN}", "fgsm": ENDED}
    for row in rows.values():
        assert measured(row).keys() == {(None, 0.0), ("stripes", 0.2), ("pgd", 0.05)}


def test_ranks_and_tables_say_what_they_leave_out(broken):
    """The experiments are ranked by what was measured."""
    _, _, run = broken
    found = {table.key: table for table in tables(Results.of(run))}
    assert f"Unavailable: gaussian_noise of A, B ({BROKEN})" in found["overview"].note
    assert f"fgsm ({ENDED})" in found["overview"].note
    relative = f"Corruption errors: percent of A's; without gaussian_noise (A was not measured under it: {BROKEN})"
    assert relative in found["mean-corruption-error"].note
    assert [line["rank"].rank for line in found["mean-corruption-error"].lines if line["rank"]] == [1, 2, 3]
    assert [line["fgsm_0.1"].reason for line in found["robust-accuracy"].lines] == [ENDED] * 3


def test_what_was_measured_beside_it_is_the_same_to_the_last_bit_and_the_rest_is_measured_again(broken):
    """By the same command: without training, the ensemble and the sheet of images, too. Then all serves."""
    folder, rows, run = broken
    before = {name: arrays(run, name) for name in rows}
    lost = set(read_samples(run))
    said = why(folder, run, "A", SUITE)
    assert said == f"its stored row serves; it will be measured again, because it failed: {BROKEN}"
    outcome, _ = run_suite(folder, SUITE)
    again = {row.experiment: row for row in outcome.rows}
    for name, row in again.items():
        assert row.evaluation.unavailable == {}
        assert row.history == rows[name].history
        conditions = [tuple(measure.condition) for measure in row.evaluation.measures]
        after = arrays(run, name)
        places = [conditions.index(tuple(one.condition)) for one in rows[name].evaluation.measures]
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


def test_a_third_partys_that_refuses_images_leaves_the_command_its_exit_code(tmp_path, monkeypatch, typed):
    """Tables and the JSON of rows have the reason; a rehearsal reports it before a run."""
    distribution(tmp_path / "site", "harness-picky", "0.1", {"picky_plugin": PLUGIN}, {"picky": "picky_plugin"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    text = SUITE.replace('"stripes"', '"picky"')
    (tmp_path / "picky.toml").write_text(text)
    reason = "perturbation 'picky' at severity 0.2: ValueError: an image is too dark"
    ran = typed("run", "picky.toml", "--jobs", "0", "--quiet", "--only", "A")
    assert f"picky ({reason})" in " ".join(ran.out.split())
    row = (tmp_path / "runs" / "picky" / "trials" / "A" / "seed-1" / "row.json").read_text()
    assert reason in row
    probed = typed("plan", "picky.toml", "--jobs", "0", "--smoke", "--only", "B", code=1)
    assert reason in " ".join(probed.out.split() + probed.err.split())

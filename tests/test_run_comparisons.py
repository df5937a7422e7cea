"""Comparisons of a run that was trained: the prototype's figures, JSON of pairs, two runs, exit codes of verify."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from harness.metrics import confusion_matrix, shrinkage
from harness.metrics.analysis import analyse
from harness.metrics.crossed import summed
from harness.metrics.ranking import holm
from harness.results.results import Results
from harness.rows import Condition
from harness.store import Run, sums
from tests.made_results import compare_runs
from tests.tiny import run_suite

PROTOTYPE = Path(__file__).parents[2] / "shared" / "statistics"
SUITE = """
[suite]
name = "compared"
seeds = [1, 2, 3]
[defaults]
hidden_layers = [16]
batch_size = 128
epochs = 3
optimizer = { name = "adam", learning_rate = 0.01 }
[experiments.A]
[experiments.B]
optimizer = { name = "sgd", learning_rate = 0.1 }
[experiments.C]
hidden_layers = [32]
[experiments.D]
epochs = 2
[experiments.E]
activation = "silu"
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.2, 0.4]
[leaderboard]
baseline = "A"
compare = [["A", "B"], ["A", "C"]]
[[expect]]
relation = ["A.test_accuracy > B.test_accuracy", "C.test_accuracy > A.test_accuracy"]
"""
NOISY = tuple(Condition("gaussian_noise", severity) for severity in (0.2, 0.4))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return run_suite(tmp_path_factory.mktemp("compared"), SUITE)[1]


def correct(run, name, seed):
    """Return which images a trial gets right, clean and at each severity."""
    arrays = run.arrays(name, seed, "evaluation.npz")
    return arrays["predicted"] == arrays["labels"]


def with_confusions(run, name, seed, folder):
    """Return a file of a trial's predictions with the confusion matrices that the prototype reads."""
    arrays = run.arrays(name, seed, "evaluation.npz")
    classes = len(run.dataset.class_names)
    matrices = [confusion_matrix(arrays["labels"], predicted, classes) for predicted in arrays["predicted"]]
    path = folder / f"{name}-{seed}.npz"
    np.savez(path, confusion=np.array(matrices), **arrays)
    return path


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "cross_entropy", "degradation"])
def test_it_agrees_with_the_prototype_on_the_same_run(trained, metric, monkeypatch, tmp_path):
    """To the rounding of its float32 products; it has no rule for experiments unlike the others."""
    if not PROTOTYPE.is_dir():
        pytest.skip("the prototype is not beside this checkout")
    monkeypatch.syspath_prepend(str(PROTOTYPE))
    monkeypatch.setattr(shrinkage, "OUTLIER", math.inf)
    prototype = pytest.importorskip("rank_sets")
    names, better = list("ABCDE"), metric in {"accuracy", "macro_f1"}
    files = {(name, seed): with_confusions(trained, name, seed, tmp_path) for name, seed in trained.planned}
    # Its degradation averages over all severities, of which 0 is the clean images once more.
    gathered = prototype.gather(lambda k, s: prototype.values(files[names[k], s + 1], metric), 5, 3)
    theirs = prototype.analyse(names, *gathered, better)
    results = Results.of(trained)
    if metric == "degradation":
        every = [summed([[values_of(trained, name, seed) for name in names] for seed in (1, 2, 3)])]
        mine = analyse(names, every[0], higher_is_better=False)
    else:
        mine = results.analysis(f"test_{metric}")
    close = {"rtol": 1e-3, "atol": 1e-9}
    np.testing.assert_allclose([pair.difference for pair in mine.pairs], theirs["D"], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(mine.parts.variance(3), theirs["V"], **close)
    np.testing.assert_allclose([pair.p for pair in mine.pairs], theirs["p"], **close)
    assert [(rank.rank_low, rank.rank_high) for rank in mine.ranks.values()] == [
        (int(low), int(high)) for low, high in zip(theirs["lo"], theirs["hi"], strict=True)
    ]
    sys.modules.pop("rank_sets")
    sys.modules.pop("lib")


def values_of(run, name, seed):
    """Return each image's degradation as the prototype has it, over severity 0 too."""
    from harness.metrics.influence import degradation_values

    right = correct(run, name, seed)
    return degradation_values(right[0], list(right[1:]))


def test_the_sums_are_there_when_the_run_ends(trained):
    assert (trained.directory / sums.NAME).is_file()


def test_conditions_and_means_over_them_are_analysed(trained):
    results = Results.of(trained)
    analysis = results.analysis("test_accuracy", NOISY[:1])
    shares = [np.mean([correct(trained, name, seed)[2].mean() for seed in (1, 2, 3)]) for name in "ABCDE"]
    assert analysis.means == pytest.approx(shares)
    assert (analysis.basis, analysis.seeds, analysis.names) == ("seeds and images", (1, 2, 3), tuple("ABCDE"))
    mean = results.analysis("degradation", NOISY)
    fallen = [results.named[name].over_severities("degradation", "gaussian_noise", [0.2, 0.4]) for name in "ABCDE"]
    assert mean.means == pytest.approx([value.mean for value in fallen])
    assert results.analysis("val_accuracy").basis == "seeds"


def test_json_has_every_pair_of_every_ranking(trained, command):
    documents = json.loads(command("leaderboard", trained.directory, "-f", "json").out)
    for ranking in ("accuracy", "macro-f1", "cross-entropy", "degradation"):
        rows = documents[f"differences-{ranking}"]["rows"]
        assert len(rows) == 10
        assert list(rows[0]) == [
            "first", "second", "difference", "low", "high", "p", "p_holm", "df", "variance_seeds", "variance_images",
            "seeds_needed", "target", "significant",
        ]  # fmt: skip
        for row in rows:
            assert row["low"] <= row["difference"] <= row["high"]
            assert row["p"] <= row["p_holm"]
            assert row["significant"] == (row["p_holm"] <= 0.05)
            assert row["target"] == "recipes"
        board = documents[ranking]["rows"]
        assert {"rank", "rank_low", "rank_high", "tied_with"} <= set(board[0])
    assert "differences" not in command("leaderboard", trained.directory).out
    assert "Seeds needed" in command("leaderboard", trained.directory, "-t", "differences-accuracy").out
    change = documents["comparison"]["rows"][2]
    assert {f"{key}_change_p_holm" for key in ("test_macro_f1", "test_cross_entropy", "degradation")} <= set(change)


def test_a_side_by_side_table_adjusts_for_its_own_pairs(trained):
    """Two here, of the ten that a leaderboard has."""
    from harness.results.leaderboard.pairs import comparison

    results = Results.of(trained)
    (table,) = comparison(results)
    cells = [line["test_accuracy_change"] for line in table.lines if line.get("test_accuracy_change")]
    p = [results.analysis("test_accuracy").pair(name, "A").p for name in "BC"]
    assert [cell.p_holm for cell in cells] == pytest.approx(holm(p).tolist())


def test_two_runs_are_compared_over_their_shared_images(trained, tmp_path):
    """As two experiments would be: here D of one run is A's networks of the other, trained for longer."""
    other = replace(trained, directory=copytree(trained.directory, tmp_path / "other"))
    for seed in (1, 2, 3):
        evaluation = trained.read("A", seed).row.evaluation
        arrays = trained.arrays("A", seed, "evaluation.npz")
        other.write(replace(trained.read("D", seed).row, evaluation=evaluation), {"evaluation.npz": arrays})
    differences = {
        (difference.experiment, difference.metric, difference.condition): difference
        for difference in compare_runs(trained, other).differences
    }
    change = differences["D", "test_accuracy", (None, 0.0)]
    values = [[correct(trained, name, seed)[0].astype(float) for name in "AD"] for seed in (1, 2, 3)]
    expected = analyse("AD", summed(values), higher_is_better=True, proportion=True).pair("A", "D")
    assert change.pair.p == pytest.approx(expected.p, rel=1e-9)
    assert change.interval == pytest.approx((expected.low, expected.high))
    assert differences["A", "test_accuracy", (None, 0.0)].mark == "same"


def test_strict_makes_undecided_relations_exit_code_3(trained, command):
    """The first relation holds by far, the second differs by too little to tell."""
    output = command("verify", trained.directory, code=0)
    assert "undecided" in output.out
    assert "1 undecided" in output.err
    command("verify", trained.directory, "--strict", code=3)


def test_damaged_predictions_leave_tables_that_say_so(trained, tmp_path, command):
    run = replace(trained, directory=copytree(trained.directory, tmp_path / "damaged"))
    (run.directory / sums.NAME).unlink()
    for seed in (1, 2):
        path = run.trial_directory("B", seed) / "evaluation.npz"
        path.write_bytes(path.read_bytes()[:-30])
    output = command("leaderboard", run.directory, "-t", "accuracy").out
    assert "Not compared: B (too few predictions in common)." in output
    assert "nan" not in output.lower()
    assert Run.open(run.directory).planned == run.planned

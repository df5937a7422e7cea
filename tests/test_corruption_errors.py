"""Corruption errors, mCE and relative mCE: the numbers, their intervals, and where they are not defined."""

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.metrics import influence
from harness.metrics.corruption import Ratio
from harness.metrics.quantities import Quantity
from harness.plugins.loading import registry
from harness.results.results import Results
from harness.rows import ADVERSARIAL, ALL, CLEAN, Condition
from harness.store import read_sums
from harness.suite import load_suite
from tests.corrupted_runs import FAMILIES, corrupted_run
from tests.made_results import compare_runs

BASE = {None: 4, "gaussian_noise": [10, 20], "rotation": [8, 12], "translation": [6, 10]}
GOOD = {None: 2, "gaussian_noise": [5, 10], "rotation": [8, 12], "translation": [3, 5]}
NOISE, TURNED = Condition("gaussian_noise", ALL), Condition("rotation", ALL)
MEAN, RELATIVE = "mean_corruption_error", "relative_mean_corruption_error"


def results(folder, wrong=None, **options):
    return Results.of(corrupted_run(folder, wrong or {("base", 1): BASE, ("good", 1): GOOD}, **options))


def value(results, name, metric, condition=CLEAN):
    statistic = results.named[name].statistic(metric, condition)
    return statistic and statistic.mean


def test_they_are_the_numbers_that_one_computes_by_hand(tmp_path):
    """Of 40 images: 15 errors under noise against the baseline's 30; beyond the clean ones, 11 against 22."""
    run_results = results(tmp_path)
    assert value(run_results, "good", "corruption_error", NOISE) == pytest.approx(100 * 15 / 30)
    assert value(run_results, "good", "corruption_error", TURNED) == pytest.approx(100 * 20 / 20)
    assert value(run_results, "good", MEAN) == pytest.approx((50 + 100 + 100 * 8 / 16) / 3)
    assert value(run_results, "good", "relative_corruption_error", NOISE) == pytest.approx(100 * (15 - 4) / (30 - 8))
    assert value(run_results, "good", RELATIVE) == pytest.approx(100 * (11 / 22 + 16 / 12 + 4 / 8) / 3)


def test_the_baseline_has_100(tmp_path):
    run_results = results(tmp_path)
    assert value(run_results, "base", MEAN) == value(run_results, "base", RELATIVE) == pytest.approx(100)


def test_each_seed_is_relative_to_the_baselines_network_of_that_seed(tmp_path):
    """The value is the mean over the seeds that both have."""
    wrong = {("base", 1): BASE, ("good", 1): GOOD, ("base", 2): GOOD, ("good", 2): GOOD}
    run_results = results(tmp_path, wrong)
    each = run_results.named["good"].values("corruption_error", NOISE)
    assert each == {1: pytest.approx(50), 2: pytest.approx(100)}


def test_images_values_have_the_metric_as_mean(tmp_path):
    """Of every corruption error, every network; of the mean over the two perturbations of a family, too."""
    run_results = results(tmp_path)
    sums = read_sums(run_results.run, run_results.rows)
    named = {q for q in sums if q.metric in {MEAN, RELATIVE, "corruption_error", "relative_corruption_error"}}
    assert len(named) == 9
    assert [q for q in named if len(q.conditions) > 1] == [
        Quantity("corruption_error", (TURNED, Condition("translation", ALL)))
    ]
    for quantity in named:
        for place, name in enumerate(sums[quantity].experiments):
            expected = np.mean(
                [value(run_results, name, quantity.metric, condition) for condition in quantity.conditions]
            )
            assert sums[quantity].sums.means[place, 0] == pytest.approx(expected, rel=1e-12)


def test_their_variance_is_that_of_a_bootstrap_over_images():
    """The delta method against 2,000 test sets drawn with replacement: three perturbations, correlated errors."""
    rng = np.random.default_rng(5)
    hard = rng.random(400)
    mine, theirs = (rng.random((3, 5, 400)) < 0.5 * hard + extra for extra in (0.02, 0.06))
    clean, clean_reference = (rng.random(400) < 0.2 * hard for _ in range(2))
    draws = rng.integers(0, 400, (2000, 400))
    for relative in (False, True):
        if relative:
            values = np.mean([influence.relative_corruption_error_values(a, clean, b, clean_reference)
                              for a, b in zip(mine, theirs, strict=True)], axis=0)  # fmt: skip
            above, below = mine.mean(axis=1) - clean, theirs.mean(axis=1) - clean_reference  # (3, images)
        else:
            parts = zip(mine, theirs, strict=True)
            values = np.mean([influence.corruption_error_values(a, b) for a, b in parts], axis=0)
            above, below = mine.mean(axis=1), theirs.mean(axis=1)
        drawn = (100 * above[:, draws].mean(axis=2) / below[:, draws].mean(axis=2)).mean(axis=0)
        assert values.mean() == pytest.approx((100 * above.mean(axis=1) / below.mean(axis=1)).mean())
        assert values.std() / np.sqrt(400) == pytest.approx(drawn.std(), rel=0.08)


def test_a_perturbation_without_an_error_of_the_baseline_has_none(tmp_path):
    """And mCE is over the others; nothing is NaN."""
    perfect = BASE | {None: 0, "rotation": [0, 0]}
    run_results = results(tmp_path, {("base", 1): perfect, ("good", 1): GOOD})
    assert value(run_results, "good", "corruption_error", TURNED) is None
    assert value(run_results, "good", MEAN) == pytest.approx((50 + 50) / 2)
    assert run_results.corruptions.left_out == {"rotation": "base makes no error under it"}
    assert np.isfinite(run_results.analysis(MEAN).means).all()


def test_a_perturbation_that_costs_the_baseline_nothing_has_no_relative_error(tmp_path):
    run_results = results(tmp_path, {("base", 1): BASE | {"rotation": [4, 4]}, ("good", 1): GOOD})
    assert value(run_results, "good", "corruption_error", TURNED) == pytest.approx(250)
    assert value(run_results, "good", "relative_corruption_error", TURNED) is None
    assert value(run_results, "good", RELATIVE) == pytest.approx(50)
    assert run_results.corruptions.left_out == {"rotation": "base loses nothing under it"}


def test_attacks_are_no_corruptions(tmp_path):
    """They are made against each network: a corruption error compares networks on the same images."""
    run_results = results(tmp_path, families=FAMILIES | {"translation": ADVERSARIAL})
    assert run_results.corruptions.asked == ("gaussian_noise", "rotation")


def test_without_a_baseline_there_are_none(tmp_path):
    run_results = results(tmp_path, board="")
    assert value(run_results, "good", MEAN) is None
    assert not any(quantity.metric == MEAN for quantity in read_sums(run_results.run, run_results.rows))


def test_an_experiment_without_a_perturbation_has_no_mean_over_all(tmp_path):
    """It has a value of each of the others."""
    reasons = {"good": {"rotation": "takes images of 1 channel"}}
    run_results = results(tmp_path, unavailable=reasons)
    assert value(run_results, "good", MEAN) is None
    partial = run_results.corruptions.partial(Ratio(above_clean=False, of_all=True), run_results.named["good"].rows[0])
    assert partial == {"gaussian_noise": pytest.approx(50), "translation": pytest.approx(50)}


def test_another_baseline_makes_the_sums_anew(tmp_path):
    """They are of other ratios."""
    run_results = results(tmp_path)
    before = read_sums(run_results.run, run_results.rows)[Quantity(MEAN)].sums.means
    suite = run_results.suite.model_copy(update={"leaderboard": run_results.suite.leaderboard.model_copy(
        update={"baseline": "good"})})  # fmt: skip
    object.__setattr__(run_results.run, "suite", suite)
    after = read_sums(run_results.run, run_results.rows)[Quantity(MEAN)].sums.means
    assert before[0, 0] == pytest.approx(after[1, 0]) == pytest.approx(100)


EXPECT = """
[[expect]]
relation = "good.mean_corruption_error < base.mean_corruption_error"
[[expect]]
relation = "good.corruption_error < 60"
perturbation = "gaussian_noise"
[[expect]]
experiment = "good"
metric = "relative_mean_corruption_error"
value = 77.8
tolerance = 0.1
source = "by hand"
"""


def test_a_suite_expects_them(tmp_path, command):
    """Of all perturbations, or of one over its severities."""
    wrong = {(name, seed): BASE if name == "base" else GOOD for name in ("base", "good") for seed in (1, 2)}
    corrupted_run(tmp_path, wrong, more=EXPECT)
    done = command("verify", str(tmp_path / "run"), "-f", "csv", "-t", "relations-corruption")
    assert [line.split(",")[0] for line in done.out.splitlines()[1:]] == [
        "good.mean_corruption_error < base.mean_corruption_error",
        '"good.corruption_error < 60',
    ]
    assert "met" in command("verify", str(tmp_path / "run"), "-t", "figures-corruption").out


def test_two_runs_are_compared_by_them(tmp_path):
    """Each relative to the baseline of its run; over other perturbations they are not."""
    runs = []
    for name, more in (("one", {}), ("two", {"gaussian_noise": [6, 12]}), ("three", {})):
        (tmp_path / name).mkdir()
        options = {"severities": {"gaussian_noise": [0.1, 0.2]}} if name == "three" else {}
        wrong = {("base", 1): BASE, ("good", 1): GOOD | more}
        runs.append(corrupted_run(tmp_path / name, wrong, **options))
    changes = {
        (difference.metric, difference.condition): difference.change.mean
        for difference in compare_runs(runs[0], runs[1]).differences
        if difference.experiment == "good"
    }
    assert changes["corruption_error", NOISE] == pytest.approx(100 * 3 / 30)
    assert changes[MEAN, CLEAN] == pytest.approx(10 / 3)
    whys = {pair.metric: pair.why for pair in compare_runs(runs[0], runs[2]).unjudged}
    assert whys[MEAN] == "over other perturbations or severities in the second run"


SUITE = """
[suite]
name = "s"
[defaults]
hidden_layers = [8]
optimizer = { name = "sgd", learning_rate = 0.1 }
[experiments.A]
[experiments.B]
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.1]
[leaderboard]
baseline = "A"
"""


MEAN_OF_ALL = '[[expect]]\nrelation = "B.mean_corruption_error < 90"\n'
OF_ONE = '[[expect]]\nrelation = "B.corruption_error < 90"\n'
UNDER = 'perturbation = "gaussian_noise"\n'
MISTAKES = {
    MEAN_OF_ALL + UNDER: "perturbation: is there, and 'mean_corruption_error' is over all perturbations of the suite. "
    "Remove it",
    OF_ONE: "perturbation: is missing, and 'corruption_error' needs it",
    OF_ONE + UNDER + "severity = 0.1": "severity: is there, and 'corruption_error' is over all severities of the "
    "perturbation. Remove it",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line(tmp_path, text):
    assert refused(tmp_path, SUITE + text) == f"expect[0].{MISTAKES[text]}"


def test_without_a_baseline_nothing_is_expected_of_them(tmp_path):
    message = (
        "expect[0].relation: 'mean_corruption_error' is relative to the baseline. Name one as leaderboard.baseline"
    )
    assert refused(tmp_path, SUITE.replace('baseline = "A"', "") + MEAN_OF_ALL) == message


def refused(folder, text):
    path = folder / "s.toml"
    path.write_text(text)
    with pytest.raises(HarnessError) as raised:
        load_suite(path, registry())
    return str(raised.value).removeprefix(f"{path}: ")

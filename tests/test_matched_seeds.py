"""Differences between the experiments of a run: over matched seeds, with their error, their mark and what it means."""

import json

import pytest
from scipy import stats

from harness.datasets.info import DatasetInfo
from harness.results.leaderboard import tables
from harness.results.tables import render_all
from harness.results.verify.verdicts import tables as verdict_tables
from tests.made_results import judge, summary
from tests.test_leaderboard import lines, measured, row, trained

SIZES = {"train": 700_000, "val": 100_000, "test": 200_000}
SMALL = [0.80, 0.82, 0.81, 0.79]
LARGE = [0.83, 0.84, 0.85, 0.82]
NEAR = [0.81, 0.82, 0.80, 0.80]


def rows(values, *, tested=True, seeds=(1, 2, 3, 4, 7)):
    """Return an experiment's rows, one a seed, all of whose accuracies are the values."""
    return [
        row(
            name,
            seed=seed,
            metrics=trained(accuracy, accuracy, 1 - accuracy),
            evaluation=measured(accuracy, 0.4, (accuracy,) * 6) if tested else None,
        )
        for name, found in values.items()
        for seed, accuracy in zip(seeds, found, strict=False)
    ]


def made(values, **options):
    """Return the tables of such a run, whose baseline is ``small`` and whose pairs are it and each other."""
    others = [name for name in values if name != "small"]
    return tables(
        summary(rows(values, **options), baseline="small", compare=[("small", one) for one in others], sizes=SIZES)
    )


def note(found, key):
    """Return what stands below a table."""
    return next(table.note for table in found if table.key == key)


def test_a_difference_within_a_run_has_the_error_and_the_mark_of_a_comparison():
    """The paired t-test's, as scipy has it; narrow in the overview, whole beside pairs, raw in data."""
    found = made({"small": SMALL, "large": LARGE, "near": NEAR})
    oracle = stats.ttest_rel(LARGE, SMALL).confidence_interval(0.95)
    half = (oracle.high - oracle.low) / 2
    for key in ("overview", "test", "accuracy"):
        shown = {line["Experiment"]: line["vs small, pp"] for line in lines(found, key, "markdown")}
        assert shown == {"small": "–", "large": "+3.00 ▲", "near": "+0.25 ≈"}
        raw = next(line for line in lines(found, key) if line["experiment"] == "large")
        assert float(raw["over_baseline"]) == pytest.approx(0.03)
        assert float(raw["over_baseline_error"]) == pytest.approx(half)
        assert (raw["over_baseline_mark"], raw["over_baseline_n"]) == ("better", "4")
        assert "vs small: ▲ better, ≈ within noise. Noise: the 95% interval of the mean difference" in note(found, key)
    change = json.loads(render_all(found, "json"))["comparison"]["rows"][2]
    for metric in ("train_accuracy", "val_accuracy", "test_accuracy"):
        assert change[f"{metric}_change_error"] == pytest.approx(half)
    assert change["val_loss_change"] == pytest.approx(100 * -0.03 / 0.195)
    assert change["val_loss_change_error"] == pytest.approx(100 * half / 0.195)
    assert change["val_loss_change_mark"] == "better"
    (text,) = [render_all([table], "markdown") for table in found if table.key == "comparison"]
    assert f"+3.00 ± {100 * half:.2f} ▲" in text
    assert "±: of values the standard deviation over seeds, of Δ half its 95% interval." in text
    assert r"+3.00 $\pm$" in render_all([table for table in found if table.key == "comparison"], "latex")


def test_one_seed_has_the_sampling_error_of_its_images():
    """The rule of `harness compare`, and said."""
    found = made({"small": [0.80], "large": [0.84], "near": [0.801]})
    shown = [line["vs small, pp"] for line in lines(found, "overview", "markdown")]
    assert shown == ["+4.00 ▲", "+0.10 ≈", "–"]
    assert "Of one seed, noise is what lies within the sampling error of a validation or test accuracy" in note(
        found, "overview"
    )
    assert "t-test" not in note(found, "overview")


def test_pairs_show_test_values_where_both_are_tested():
    """Of one alone there is nothing to set beside it."""
    values = {"small": SMALL, "large": LARGE}
    assert "Test %" in lines(made(values), "comparison", "markdown")[0]
    run = summary(
        [*rows({"small": SMALL}), *rows({"large": LARGE}, tested=False)], compare=[("small", "large")], sizes=SIZES
    )
    assert "Test %" not in lines(tables(run), "comparison", "markdown")[0]


UNEVEN = {"small": [*SMALL, 0.99], "large": LARGE}
TOLD = "Seeds differ: small has 5 (1, 2, 3, 4, 7), large has 4 (1, 2, 3, 4). Differences use the seeds of both sides."


def judged(load, relation, values, sizes=SIZES, **options):
    """Return what verification makes of a relation."""
    names = "\n".join(f"[experiments.{name}]" for name in values)
    suite = load(
        '[suite]\nname = "mine"\n[defaults]\nhidden_layers = [8]\n'
        f'optimizer = {{ name = "sgd", learning_rate = 0.1 }}\n{names}\n[[expect]]\nrelation = {json.dumps(relation)}\n'
    )
    return judge(suite, DatasetInfo("digits", "", 1797, (), sizes), rows(values, **options))


def test_experiments_with_other_seeds_are_compared_over_those_that_both_have(load):
    """Everywhere the same difference, and a note with the numbers."""
    found = made(UNEVEN)
    keys = ("overview", "test", "accuracy")
    told = {line["vs small, pp"] for key in keys for line in lines(found, key, "markdown")}
    assert told == {"–", "+3.00 ▲"}
    change = lines(found, "comparison")[2]
    assert float(change["test_accuracy_change"]) == pytest.approx(0.03)
    for key in ("overview", "comparison", "test", "accuracy"):
        assert TOLD in note(found, key)
    assert "Seeds differ" not in render_all(made({"small": SMALL, "large": LARGE}), "markdown")
    verification = judged(load, "large.test_accuracy > small.test_accuracy", UNEVEN)
    (claim,) = verification.claims
    assert (claim.left.mean, claim.right.mean) == (pytest.approx(0.835), pytest.approx(0.805))
    assert claim.margin.mean == pytest.approx(0.03)
    assert TOLD in render_all(verdict_tables(verification, "mine", "digits"), "terminal")


def test_without_a_common_seed_there_is_no_difference():
    """Means of other seeds are not subtracted; the note says why."""
    run = summary(
        [*rows({"small": SMALL}), *rows({"large": LARGE}, seeds=(11, 12, 13, 14))], baseline="small", sizes=SIZES
    )
    found = tables(run)
    assert {line["vs small, pp"] for line in lines(found, "overview", "markdown")} == {"–"}
    assert "Seeds differ" in note(found, "overview")


@pytest.mark.parametrize(
    ("relation", "shown", "told"),
    [
        ("near.val_accuracy > small.val_accuracy", "+0.25 ± 1.52 ≈", "≈ within noise: 1 of 1 met."),
        ("near.val_accuracy < small.val_accuracy", "+0.25 ± 1.52 ≈", "≈ within noise: 1 of 1 missed."),
        ("large.val_accuracy > small.val_accuracy", "+3.00 ± 1.30 ", "≈ within noise: 0 of 1 met."),
        ("large.val_accuracy > small.val_accuracy + 0.02", "+1.00 ± 1.30 ≈", "≈ within noise: 1 of 1 met."),
        ("small.val_accuracy > 0.8", "+0.50 ± 2.05 ≈", "≈ within noise: 1 of 1 met."),
        ("small.val_accuracy > 0.7", "+10.50 ± 2.05 ", "≈ within noise: 0 of 1 met."),
    ],
)
def test_a_relation_within_its_error_is_marked_and_counted(load, relation, shown, told):
    """It is met or missed all the same: verdicts and exit codes stay."""
    found = judged(load, relation, {"small": SMALL, "large": LARGE, "near": NEAR})
    (table,) = verdict_tables(found, "mine", "digits")
    assert shown in render_all([table], "terminal")
    assert told in table.note
    assert "±: of values the standard deviation over seeds, of Δ half the 95% interval" in table.note
    record = json.loads(render_all([table], "json"))[table.key]["rows"][0]
    assert record["margin_error"] == pytest.approx(found.claims[0].error)
    assert record["margin_mark"] == ("within noise" if "≈" in shown else None)


@pytest.mark.parametrize(
    ("value", "noise", "untold"), [(0.801, True, False), (0.805, False, True), (0.9, False, False)]
)
def test_one_seed_needs_three_sampling_errors(load, value, noise, untold):
    """0.35 points of 100,000 images: below that it is noise, up to three times that seeds may differ."""
    found = judged(load, "large.val_accuracy > small.val_accuracy", {"small": [0.80], "large": [value]})
    assert (found.claims[0].noise, found.claims[0].untold) == (noise, untold)


def test_what_nothing_tells_of_is_counted(load):
    """Of one seed a loss has no error; equal sides and numbers of parameters are certain."""
    relation = ["small.val_loss < 0.5", "small.parameters > 3", "small.val_accuracy >= small.val_accuracy"]
    found = judged(load, relation, {"small": [0.8]})
    assert [one.untold for one in found.claims] == [True, False, False]
    text = render_all(verdict_tables(found, "mine", "digits"), "terminal")
    assert "Of 1 nothing tells whether the difference is noise: more seeds would." in text
    assert "≈" not in text

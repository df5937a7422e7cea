"""Differences between the experiments of a run: over matched seeds, with interval, mark and meaning."""

import json
from dataclasses import replace

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
        for name, accuracies in values.items()
        for seed, accuracy in zip(seeds, accuracies, strict=False)
    ]


def made(values, **options):
    """Return the tables of such a run, whose baseline is ``small`` and whose pairs are it and each other."""
    others = [name for name in values if name != "small"]
    return tables(
        summary(
            rows(values, **options),
            baseline="small",
            compare=[("small", experiment) for experiment in others],
            sizes=SIZES,
        )
    )


def note(tables_, key):
    """Return the note below a table."""
    return next(table.note for table in tables_ if table.key == key)


def test_a_difference_within_a_run_has_an_interval_and_a_mark():
    """Without predictions the paired t-test's, as scipy has it; narrow in the overview, whole elsewhere."""
    shown_tables = made({"small": SMALL, "large": LARGE, "near": NEAR})
    oracle = stats.ttest_rel(LARGE, SMALL).confidence_interval(0.95)
    for key in ("overview", "test", "accuracy"):
        cells = {line["Experiment"]: line["vs small, pp"] for line in lines(shown_tables, key, "markdown")}
        ends = {"large": " [+1.70, +4.30]", "near": " [-1.27, +1.77]"} if key == "accuracy" else {}
        large, near = (ends.get(name, "") for name in ("large", "near"))
        assert cells == {"small": "–", "large": f"+3.00{large} ▲", "near": f"+0.25{near} ≈"}
        raw = next(line for line in lines(shown_tables, key) if line["experiment"] == "large")
        assert float(raw["over_baseline"]) == pytest.approx(0.03)
        assert float(raw["over_baseline_low"]) == pytest.approx(oracle.low)
        assert float(raw["over_baseline_high"]) == pytest.approx(oracle.high)
        assert float(raw["over_baseline_p"]) == pytest.approx(stats.ttest_rel(LARGE, SMALL).pvalue)
        assert float(raw["over_baseline_p_holm"]) == pytest.approx(3 * stats.ttest_rel(LARGE, SMALL).pvalue)
        assert (raw["over_baseline_mark"], raw["over_baseline_n"]) == ("better", "4")
        assert "vs small: ▲ better, ≈ not significant (5 %, Holm)." in note(shown_tables, key)
    change = json.loads(render_all(shown_tables, "json"))["comparison"]["rows"][2]
    for metric in ("train_accuracy", "val_accuracy", "test_accuracy"):
        assert change[f"{metric}_change_low"] == pytest.approx(oracle.low)
    assert change["val_loss_change"] == pytest.approx(100 * -0.03 / 0.195)
    assert change["val_loss_change_low"] == pytest.approx(-100 * oracle.high / 0.195)
    assert change["val_loss_change_mark"] == "better"
    (text,) = [render_all([table], "markdown") for table in shown_tables if table.key == "comparison"]
    assert "+3.00 [+1.70, +4.30] ▲" in text
    rule = "Δ, the second less the first: ▲ better, ≈ not significant (5 %, Holm), = equal to the last bit."
    assert f"{rule} [low, high]: 95 % CI" in note(shown_tables, "comparison")
    assert "+3.00 [+1.70, +4.30]" in render_all([table for table in shown_tables if table.key == "comparison"], "latex")


def test_one_seed_without_predictions_has_no_verdict():
    """Nothing is known of other seeds, and how to know more is said."""
    shown_tables = made({"small": [0.80], "large": [0.84], "near": [0.801]})
    cells = [line["vs small, pp"] for line in lines(shown_tables, "overview", "markdown")]
    assert cells == ["+4.00 ?", "+0.10 ?", "–"]
    assert "vs small: ? undecided" in note(shown_tables, "overview")
    assert "One seed: nothing is known of other seeds, so ranks have no confidence set. Add --seeds 1,2,3." in note(
        shown_tables, "overview"
    )


def test_pairs_show_test_values_where_both_are_tested():
    """Of one alone there is nothing to set beside it."""
    values = {"small": SMALL, "large": LARGE}
    assert "Test %" in lines(made(values), "comparison", "markdown")[0]
    run = summary(
        [*rows({"small": SMALL}), *rows({"large": LARGE}, tested=False)], compare=[("small", "large")], sizes=SIZES
    )
    assert "Test %" not in lines(tables(run), "comparison", "markdown")[0]


UNEVEN = {"small": [*SMALL, 0.99], "large": LARGE}
UNMATCHED = (
    "Seeds differ: small has 5 (1, 2, 3, 4, 7), large has 4 (1, 2, 3, 4). Differences use the seeds of both sides."
)


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
    shown_tables = made(UNEVEN)
    keys = ("overview", "test", "accuracy")
    differences = {line["vs small, pp"] for key in keys for line in lines(shown_tables, key, "markdown")}
    assert differences == {"–", "+3.00 ▲", "+3.00 [+1.70, +4.30] ▲"}
    change = lines(shown_tables, "comparison")[2]
    assert float(change["test_accuracy_change"]) == pytest.approx(0.03)
    for key in ("overview", "comparison", "test", "accuracy"):
        assert UNMATCHED in note(shown_tables, key)
    assert "Seeds differ" not in render_all(made({"small": SMALL, "large": LARGE}), "markdown")
    verification = judged(load, "large.test_accuracy > small.test_accuracy", UNEVEN)
    (claim,) = verification.claims
    assert (claim.left.mean, claim.right.mean) == (pytest.approx(0.835), pytest.approx(0.805))
    assert claim.margin.mean == pytest.approx(0.03)
    assert UNMATCHED in render_all(verdict_tables(verification, "mine", "digits"), "terminal")


def test_without_a_common_seed_there_is_no_difference():
    """Means of other seeds are not subtracted; the note says why."""
    run = summary(
        [*rows({"small": SMALL}), *rows({"large": LARGE}, seeds=(11, 12, 13, 14))], baseline="small", sizes=SIZES
    )
    shown_tables = tables(run)
    assert {line["vs small, pp"] for line in lines(shown_tables, "overview", "markdown")} == {"–"}
    assert "Seeds differ" in note(shown_tables, "overview")


@pytest.mark.parametrize(
    ("relation", "text", "verdict"),
    [
        ("near.val_accuracy > small.val_accuracy", "+0.25 [-1.27, +1.77]", "undecided"),
        ("near.val_accuracy < small.val_accuracy", "+0.25 [-1.27, +1.77]", "undecided"),
        ("large.val_accuracy > small.val_accuracy", "+3.00 [+1.70, +4.30]", "met"),
        ("large.val_accuracy < small.val_accuracy", "+3.00 [+1.70, +4.30]", "missed"),
        ("large.val_accuracy > small.val_accuracy + 0.02", "+1.00 [-0.30, +2.30]", "undecided"),
        ("large.val_accuracy > small.val_accuracy + 0.01", "+2.00 [+0.70, +3.30]", "met"),
        ("small.val_accuracy > 0.8", "+0.50 [-1.55, +2.55]", "undecided"),
        ("small.val_accuracy > 0.7", "+10.50 [+8.45, +12.55]", "met"),
        ("large.train_accuracy > small.val_accuracy", "+3.00 [+1.70, +4.30]", "met"),
        ("copy.val_accuracy >= small.val_accuracy", "+0.00", "met"),
        ("copy.val_accuracy > small.val_accuracy", "+0.00", "undecided"),
    ],
)
def test_a_relation_within_its_interval_is_undecided(load, relation, text, verdict):
    """Met and missed are significant: what the values say by chance is neither."""
    others = {"copy": SMALL} if "copy" in relation else {"large": LARGE, "near": NEAR}
    differences = judged(load, relation, {"small": SMALL} | others)
    assert differences.claims[0].verdict.value == verdict
    (table,) = verdict_tables(differences, "mine", "digits")
    assert text in render_all([table], "terminal")
    assert "±: SD over seeds." in table.note
    assert ("Undecided: not significant (5 %, Holm) at these seeds and test rows." in table.note) == (
        verdict == "undecided"
    )
    record = json.loads(render_all([table], "json"))[table.key]["rows"][0]
    assert (record["margin_low"], record["margin_high"]) == (differences.claims[0].interval or (None, None))
    assert record["margin_p"] == differences.claims[0].pair.p
    assert (differences.missed, differences.undecided) == (verdict == "missed", verdict == "undecided")


def test_many_relations_are_judged_together(load):
    """Each of several needs a smaller p-value than one alone."""
    values = {"small": SMALL, "large": LARGE, "near": NEAR}
    p = stats.ttest_rel(LARGE, SMALL).pvalue
    assert 0.005 < p < 0.05 / 9
    relations = ["large.val_accuracy > small.val_accuracy"] + ["near.val_accuracy > small.val_accuracy"] * 9
    differences = judged(load, relations, values)
    assert [claim.verdict.value for claim in differences.claims] == ["undecided"] * 10
    assert differences.claims[0].pair.p_holm == pytest.approx(10 * p)


def test_what_the_values_decide_alone_is_counted(load):
    """Of one seed a loss has no known variance; numbers of parameters are certain, and equal sides are equal."""
    relation = ["small.val_loss < 0.5", "small.parameters > 3", "copy.val_accuracy >= small.val_accuracy"]
    differences = judged(load, relation, {"small": [0.8], "copy": [0.8]})
    assert [claim.verdict.value for claim in differences.claims] == ["met"] * 3
    assert [claim.by_values for claim in differences.claims] == [True, False, False]
    text = render_all(verdict_tables(differences, "mine", "digits"), "terminal")
    assert "1 decided by the values alone, because one seed has no known variance." in text


@pytest.mark.parametrize("loss", [2.31, float("nan"), float("inf")])
def test_a_diverged_seed_is_named(loss):
    """Its validation loss is above ln(10) = 2.303, or no number; an experiment whose seeds all are is just bad."""
    diverged = rows({"small": SMALL, "large": LARGE})
    odd = [replace(row_, metrics=replace(row_.metrics, val_loss=loss)) for row_ in diverged]
    results = replace(
        summary([*diverged[:5], odd[5], *diverged[6:]]), dataset=DatasetInfo("digits", "", 9, tuple("0123456789"))
    )
    notes = [table.note for table in tables(results) if table.key in {"overview", "accuracy"}]
    assert len(notes) == 2
    assert all("Diverged, no better than guessing: large seed 2." in note for note in notes)
    for quiet in (diverged, odd):
        quiet_tables = tables(replace(results, rows=quiet))
        assert not any("Diverged" in table.note for table in quiet_tables)

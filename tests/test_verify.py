"""Verification: the paper's own figures meet what full.toml expects; what is missed, not comparable, or not run."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.datasets.info import DatasetInfo
from harness.plugins.loading import registry
from harness.results.tables import render_all
from harness.results.verify.verdicts import only_missed, tables
from harness.results.verify.verification import Verdict, spoken
from harness.suite import load_suite
from tests.made_results import judge
from tests.test_leaderboard import PARAMETERS, TEST, VALIDATION, measured, row, trained
from tests.tiny import TINY, run_suite

ROOT = Path(__file__).parent.parent
EMNIST = DatasetInfo("emnist-bymerge", "", 809_555, (), {})
SUITE = """
[suite]
name = "mine"
[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.001 }
[experiments.A]
[experiments.B]
"""


def rows_of(values, seed=42, **changed):
    """Return a row for each experiment whose accuracies are the values."""
    return [row(name, seed=seed, metrics=trained(value, value, 0.5), **changed) for name, value in values.items()]


@pytest.fixture
def suite(load):
    """Return a function that loads a suite with the expectations of a text."""
    return lambda text: load(SUITE + text)


def figure(**changed):
    """Return the text of a figure."""
    known = {"experiment": "A", "metric": "val_accuracy", "value": 0.9, "tolerance": 0.01, "source": "here"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in (known | changed).items()]
    return "\n".join(["[[expect]]", *lines, ""])


DIGITS = DatasetInfo("digits", "", 1797, (), {})


@pytest.fixture(scope="module")
def published():
    """Return the shipped suite, and the rows that the paper published."""
    suite = load_suite(ROOT / "suites" / "full.toml", registry(), dataset="digits").suite
    rows = [
        row(
            name,
            metrics=trained(*VALIDATION[name]),
            evaluation=measured(*TEST[name]) if name in TEST else None,
            parameters=PARAMETERS.get(name, 111_791),
        )
        for name in suite.experiments
    ]
    return suite, rows


def test_the_papers_figures_meet_its_expectations_exactly(published):
    """Every figure is copied right, and every claim holds of the paper's own figures."""
    found = judge(published[0], EMNIST, published[1])
    assert {one.verdict for one in found.figures} == {Verdict.met}
    # The Δ of two rounded figures is off by the last digit at most; the others are equal.
    assert max(abs(one.difference) for one in found.figures if one.expected.minus is None) < 1e-12
    assert max(abs(one.difference) for one in found.figures) < 1.01e-4
    assert [str(one.expected.relation) for one in found.claims if one.verdict is not Verdict.met] == []
    assert len(found.figures) == 87
    assert not found.missed


@pytest.mark.parametrize("dataset", [DIGITS, replace(EMNIST, rows=216_168)], ids=["another", "a part of it"])
def test_on_other_images_figures_are_not_comparable_and_claims_are_judged(published, dataset):
    """A part of a dataset has its name, but not its number of images."""
    found = judge(published[0], dataset, published[1])
    assert {one.verdict for one in found.figures} == {Verdict.not_comparable}
    assert {one.verdict for one in found.claims} == {Verdict.met}
    assert "Not comparable: figures of emnist-bymerge, 809,555 images." in render_all(
        tables(found, "EMNIST", "a part"), "terminal"
    )


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([0.9], "met"), ([0.91], "met"), ([0.911], "missed"), ([0.889], "missed"), ([0.88, 0.92], "met"),
     ([float("nan")], "missed"), ([], "not run")],
)  # fmt: skip
def test_a_figure_is_held_against_the_mean_over_seeds(suite, values, verdict):
    """On the edge of its tolerance it is met; what is not a number is missed."""
    rows = [one for seed, value in enumerate(values) for one in rows_of({"A": value}, seed)]
    found = judge(suite(figure()), DIGITS, rows)
    assert found.figures[0].verdict.value == verdict
    assert found.missed == (verdict == "missed")


def test_only_trials_that_are_done_count(suite):
    """One that failed has no say."""
    rows = [*rows_of({"A": 0.9}, 1), *rows_of({"A": 0.1}, 2, status="failed")]
    assert judge(suite(figure()), DIGITS, rows).figures[0].got.n == 1


def test_a_difference_is_taken_seed_by_seed(suite):
    """What both share cancels: its deviation is that of the differences."""
    rows = [*rows_of({"A": 0.9, "B": 0.8}, 1), *rows_of({"A": 0.7, "B": 0.6}, 2), *rows_of({"A": 0.1}, 3)]
    text = figure(minus="B", value=0.1) + '[[expect]]\nrelation = "A.val_accuracy > B.val_accuracy + 0.15"\n'
    found = judge(suite(text), DIGITS, rows)
    got, margin = found.figures[0].got, found.claims[0].margin
    assert (got.mean, got.std, got.n) == (pytest.approx(0.1), pytest.approx(0.0), 2)
    assert margin.mean == pytest.approx(-0.05)
    assert [one.verdict for one in (*found.figures, *found.claims)] == [Verdict.met, Verdict.missed]


def test_without_a_common_seed_means_are_compared(suite):
    """Better than nothing, and without a deviation."""
    rows = [*rows_of({"A": 0.9}, 1), *rows_of({"B": 0.8}, 2)]
    found = judge(suite('[[expect]]\nrelation = "A.val_accuracy > B.val_accuracy"\n'), DIGITS, rows).claims[0]
    assert (found.margin.mean, found.margin.std) == (pytest.approx(0.1), None)
    assert found.verdict is Verdict.met


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("A.val_accuracy > B.val_accuracy", "not run"),
        ("A.val_accuracy >= 0.9", "met"),
        ("A.test_accuracy > 0.5", "not run"),
        ("A.gap <= 0", "met"),
        ("A.peak_device_bytes > 0", "not run"),
    ],
)
def test_a_relation_needs_both_sides(suite, text, verdict):
    """A trial that was not run, not tested, or has no such value."""
    found = judge(suite(f'[[expect]]\nrelation = "{text}"\n'), DIGITS, rows_of({"A": 0.9}))
    assert found.claims[0].verdict.value == verdict


@pytest.mark.parametrize(
    ("left", "right", "relation", "met"),
    [
        (0.897, 0.9, ">= B - 0.003", True),
        (0.897, 0.9, "> B - 0.003", False),
        (0.8, 0.7, "> B + 0.1", False),
        (0.8, 0.7, "<= B + 0.1", True),
        (0.3, 0.1, "<= B + 0.2", True),
        (0.3, 0.1, "< B + 0.2", False),
        (0.8000001, 0.7, "> B + 0.1", True),
        (float("inf"), 0.7, "> B + 0.1", True),
        (float("nan"), 0.7, ">= B", False),
    ],
)
def test_rounding_decides_no_relation(suite, left, right, relation, met):
    """At the limit, ``>=`` and ``<=`` are met, ``>`` and ``<`` are not, whatever binary fractions make of it."""
    text = f'[[expect]]\nrelation = "A.val_accuracy {relation.replace("B", "B.val_accuracy")}"\n'
    found = judge(suite(text), DIGITS, rows_of({"A": left, "B": right})).claims[0]
    assert found.verdict is (Verdict.met if met else Verdict.missed)


def test_rounding_of_large_values_decides_no_relation(suite):
    """Bytes and samples a second have their rounding where accuracies have digits."""
    rows = [row("A", metrics=trained(0.9, 0.8, 0.5, samples_per_second=value)) for value in (3e5 + 1e-10,)]
    rows += [row("B", metrics=trained(0.9, 0.8, 0.5, samples_per_second=3e5))]
    text = '[[expect]]\nrelation = "A.samples_per_second > B.samples_per_second"\n'
    assert judge(suite(text), DIGITS, rows).claims[0].verdict is Verdict.missed


def test_a_former_finalist_has_no_test_results(load):
    """What is judged depends on the suite, not on what an earlier one tested."""
    text = SUITE.replace("[experiments.B]", '[experiments.B]\n[finalists]\none = "A"\n')
    text += "".join(f'[[expect]]\nrelation = "{name}.test_accuracy > 0.5"\n' for name in "AB")
    rows = [row(name, metrics=trained(0.9, 0.8, 0.5), evaluation=measured(0.8, 0.4, (0.8,) * 6)) for name in "AB"]
    assert [one.verdict.value for one in judge(load(text), DIGITS, rows).claims] == ["met", "not run"]


def test_times_of_two_machines_are_not_compared(suite):
    """Their accuracies are."""
    rows = [*rows_of({"A": 0.9}, environment={"cores": "2"}), *rows_of({"B": 0.8}, environment={"cores": "64"})]
    text = '[[expect]]\nrelation = ["A.seconds >= B.seconds", "A.val_accuracy > B.val_accuracy"]\n'
    found = judge(suite(text), DIGITS, rows).claims
    assert [one.verdict.value for one in found] == ["not comparable", "met"]
    rows = rows_of({"A": 0.9, "B": 0.8}, environment={"cores": "2"})
    assert [one.verdict.value for one in judge(suite(text), DIGITS, rows).claims] == ["met", "met"]
    rows = rows_of({"A": 0.9, "B": 0.8}, environment={"cores": "2"}, contended="ran beside other trials")
    assert [one.verdict.value for one in judge(suite(text), DIGITS, rows).claims] == ["not comparable", "met"]


def test_the_tables_have_percent_and_nats_apart_and_raw_values_in_data(suite):
    """One table a unit; a missed expectation can be shown alone."""
    text = figure() + figure(metric="val_loss", value=0.25) + '[[expect]]\nrelation = "A.epochs > 3"\n'
    found = judge(suite(text), DIGITS, [*rows_of({"A": 0.89}, 1), *rows_of({"A": 0.9}, 2)])
    shown = tables(found, "mine", "digits")
    assert [one.key for one in shown] == ["figures-fractions", "figures-losses", "relations-counts"]
    assert "89.50 ± 0.71" in render_all(shown, "terminal")
    assert shown[0].note == "±: SD over seeds."
    record = json.loads(render_all(shown, "json"))["figures-fractions"]["rows"][0]
    assert record["got"] == pytest.approx(0.895)
    assert (record["expected"], record["verdict"], record["got_n"]) == (0.9, "met", 2)
    assert [one.key for one in tables(only_missed(found), "mine", "digits")] == ["figures-losses"]
    assert spoken(found) == "2 of 3 expectations met, 1 missed"


def test_the_command_exits_with_3_when_one_is_missed_and_a_run_says_so(tmp_path, typed):
    """A run itself is all well: verify is what judges."""
    text = TINY + figure(value=2.0, images=1797) + figure(metric="epochs", value=3, tolerance=0)
    (tmp_path / "tiny.toml").write_text(text)
    told = typed("run", "tiny.toml", "--jobs", "0").err
    assert told.endswith("1 of 2 expectations met, 1 missed: harness verify runs/tiny\n")
    told = typed("verify", "runs/tiny", "--format", "csv", code=3)
    assert "here,A,val_accuracy,2.0," in told.out
    assert told.err.endswith("\n1 of 2 expectations met, 1 missed\n")
    assert "epochs" not in typed("verify", "runs/tiny", "--missed", code=3).out
    # A tolerance may be changed afterwards: the same command takes the suite up without training anything.
    (tmp_path / "tiny.toml").write_text(text.replace("value = 2.0\ntolerance = 0.01", "value = 2.0\ntolerance = 2.0"))
    assert "3 trials, 3 already done" in typed("run", "tiny.toml", "--jobs", "0").err
    assert typed("verify", "runs/tiny").err == "2 of 2 expectations met\n"


def test_a_suite_that_expects_nothing_says_so(tmp_path, typed):
    """No table, no failure; a run of it says nothing."""
    run_suite(tmp_path, only=["A"])
    told = typed("verify", "run")
    assert (told.out, told.err) == ("", "tiny: nothing to verify, because the suite has no [[expect]]\n")
    assert typed("verify", "nowhere", code=2).err.startswith("error: nowhere: no such folder")


@pytest.mark.slow
def test_the_script_prints_expectations_that_its_run_meets(tmp_path):
    """Appended to the suite, they are a guard; a run of one seed has no spread."""
    run_suite(tmp_path, seeds=[1, 2, 3])
    script = [sys.executable, ROOT / "scripts" / "expectations.py", tmp_path / "run"]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    outcome, run = run_suite(tmp_path, TINY + printed, seeds=[1, 2, 3])
    found = judge(run.suite, run.dataset, outcome.rows)
    assert {one.verdict for one in found.figures} == {Verdict.met}
    assert {one.expected.images for one in found.figures} == {1797}
    assert len(found.figures) == 3 * 4 + 2 * (3 + 1)
    (tmp_path / "one").mkdir()
    run_suite(tmp_path / "one")
    done = subprocess.run(
        [*script[:2], tmp_path / "one" / "run"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert "A: one seed has no spread. Run with --seeds 1,2,3,4,5" in done.stderr

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
from harness.results.verify.verification import Verdict
from harness.results.verify.wording import spoken
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
    defaults = {"experiment": "A", "metric": "val_accuracy", "value": 0.9, "tolerance": 0.01, "source": "here"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in (defaults | changed).items()]
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
    verification = judge(published[0], EMNIST, published[1])
    assert {figure.verdict for figure in verification.figures} == {Verdict.met}
    # The Δ of two rounded figures is off by the last digit at most; the others are equal.
    assert max(abs(figure.difference) for figure in verification.figures if figure.expected.minus is None) < 1e-12
    assert max(abs(figure.difference) for figure in verification.figures) < 1.01e-4
    assert [str(claim.expected.relation) for claim in verification.claims if claim.verdict is not Verdict.met] == []
    assert len(verification.figures) == 87
    assert not verification.missed


@pytest.mark.parametrize("dataset", [DIGITS, replace(EMNIST, rows=216_168)], ids=["another", "a part of it"])
def test_on_other_images_figures_are_not_comparable_and_claims_are_judged(published, dataset):
    """A part of a dataset has its name, but not its number of images."""
    verification = judge(published[0], dataset, published[1])
    assert {figure.verdict for figure in verification.figures} == {Verdict.not_comparable}
    assert {claim.verdict for claim in verification.claims} == {Verdict.met}
    assert "Not comparable: figures of emnist-bymerge, 809,555 images." in render_all(
        tables(verification, "EMNIST", "a part"), "terminal"
    )


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([0.9], "met"), ([0.91], "met"), ([0.911], "missed"), ([0.889], "missed"), ([0.88, 0.92], "met"),
     ([float("nan")], "missed"), ([], "not run")],
)  # fmt: skip
def test_a_figure_is_held_against_the_mean_over_seeds(suite, values, verdict):
    """On the edge of its tolerance it is met; what is not a number is missed."""
    rows = [row for seed, value in enumerate(values) for row in rows_of({"A": value}, seed)]
    verification = judge(suite(figure()), DIGITS, rows)
    assert verification.figures[0].verdict.value == verdict
    assert verification.missed == (verdict == "missed")


def test_only_trials_that_are_done_count(suite):
    """One that failed has no say."""
    rows = [*rows_of({"A": 0.9}, 1), *rows_of({"A": 0.1}, 2, status="failed")]
    assert judge(suite(figure()), DIGITS, rows).figures[0].got.n == 1


def test_a_difference_is_taken_seed_by_seed(suite):
    """What both share cancels: its deviation is that of the differences."""
    rows = [*rows_of({"A": 0.9, "B": 0.8}, 1), *rows_of({"A": 0.7, "B": 0.6}, 2), *rows_of({"A": 0.1}, 3)]
    text = figure(minus="B", value=0.1) + '[[expect]]\nrelation = "A.val_accuracy > B.val_accuracy + 0.15"\n'
    verification = judge(suite(text), DIGITS, rows)
    statistic, margin = verification.figures[0].got, verification.claims[0].margin
    assert (statistic.mean, statistic.std, statistic.n) == (pytest.approx(0.1), pytest.approx(0.0), 2)
    assert margin.mean == pytest.approx(-0.05)
    assert [judged.verdict for judged in (*verification.figures, *verification.claims)] == [Verdict.met, Verdict.missed]


def test_without_a_common_seed_means_are_compared(suite):
    """Better than nothing, and without a deviation."""
    rows = [*rows_of({"A": 0.9}, 1), *rows_of({"B": 0.8}, 2)]
    verification = judge(suite('[[expect]]\nrelation = "A.val_accuracy > B.val_accuracy"\n'), DIGITS, rows).claims[0]
    assert (verification.margin.mean, verification.margin.std) == (pytest.approx(0.1), None)
    assert verification.verdict is Verdict.met


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
    verification = judge(suite(f'[[expect]]\nrelation = "{text}"\n'), DIGITS, rows_of({"A": 0.9}))
    assert verification.claims[0].verdict.value == verdict


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
    verification = judge(suite(text), DIGITS, rows_of({"A": left, "B": right})).claims[0]
    assert verification.verdict is (Verdict.met if met else Verdict.missed)


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_sides_that_are_equal_to_the_last_bit_settle_at_least_and_at_most(suite, seeds):
    """Whatever p is: they are met. One that is above by some is not, unless that is significant."""
    relations = [f"A.val_accuracy {sign} B.val_accuracy" for sign in (">=", "<=", ">", "<")]
    text = f"[[expect]]\nrelation = {relations}\n".replace("'", '"')
    rows = [each for seed in seeds for each in rows_of({"A": 0.9 - 0.01 * seed, "B": 0.9 - 0.01 * seed}, seed)]
    at_least, at_most, above, below = judge(suite(text), DIGITS, rows).claims
    assert (at_least.verdict, at_most.verdict) == (Verdict.met, Verdict.met)
    assert {above.verdict, below.verdict} == {Verdict.missed if len(seeds) == 1 else Verdict.undecided}
    rows = [each for seed in seeds for each in rows_of({"A": 0.9 - 0.01 * seed, "B": 0.89}, seed)]
    if len(seeds) > 1:
        assert {claim.verdict for claim in judge(suite(text), DIGITS, rows).claims} == {Verdict.undecided}


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
    assert [claim.verdict.value for claim in judge(load(text), DIGITS, rows).claims] == ["met", "not run"]


def test_times_of_two_machines_are_not_compared(suite):
    """Their accuracies are."""
    rows = [*rows_of({"A": 0.9}, environment={"cores": "2"}), *rows_of({"B": 0.8}, environment={"cores": "64"})]
    text = '[[expect]]\nrelation = ["A.seconds >= B.seconds", "A.val_accuracy > B.val_accuracy"]\n'
    verification = judge(suite(text), DIGITS, rows).claims
    assert [judged.verdict.value for judged in verification] == ["not comparable", "met"]
    rows = rows_of({"A": 0.9, "B": 0.8}, environment={"cores": "2"})
    assert [claim.verdict.value for claim in judge(suite(text), DIGITS, rows).claims] == ["met", "met"]
    rows = rows_of({"A": 0.9, "B": 0.8}, environment={"cores": "2"}, contended="ran beside other trials")
    assert [claim.verdict.value for claim in judge(suite(text), DIGITS, rows).claims] == ["not comparable", "met"]


def test_the_tables_have_percent_and_nats_apart_and_raw_values_in_data(suite):
    """One table a unit; a missed expectation can be shown alone."""
    text = figure() + figure(metric="val_loss", value=0.25) + '[[expect]]\nrelation = "A.epochs > 3"\n'
    verification = judge(suite(text), DIGITS, [*rows_of({"A": 0.89}, 1), *rows_of({"A": 0.9}, 2)])
    tables_ = tables(verification, "mine", "digits")
    assert [table.key for table in tables_] == ["figures-fractions", "figures-losses", "relations-counts"]
    assert "89.50 ± 0.71" in render_all(tables_, "terminal")
    assert tables_[0].note == "±: SD over seeds."
    record = json.loads(render_all(tables_, "json"))["figures-fractions"]["rows"][0]
    assert record["got"] == pytest.approx(0.895)
    assert (record["expected"], record["verdict"], record["got_n"]) == (0.9, "met", 2)
    assert [table.key for table in tables(only_missed(verification), "mine", "digits")] == ["figures-losses"]
    assert spoken(verification) == "2 of 3 expectations met, 1 missed"


def test_the_command_exits_with_3_when_one_is_missed_and_a_run_says_so(tmp_path, typed):
    """A run itself is all well: verify is what judges."""
    text = TINY + figure(value=2.0, images=1797) + figure(metric="epochs", value=3, tolerance=0)
    (tmp_path / "tiny.toml").write_text(text)
    printed = typed("run", "tiny.toml", "--jobs", "0").err
    assert printed.endswith("1 of 2 expectations met, 1 missed: harness verify runs/tiny\n")
    printed = typed("verify", "runs/tiny", "--format", "csv", code=3)
    assert "here,A,val_accuracy,2.0," in printed.out
    assert printed.err.endswith("\n1 of 2 expectations met, 1 missed\n")
    assert "epochs" not in typed("verify", "runs/tiny", "--missed", code=3).out
    # A tolerance may be changed afterwards: the same command takes the suite up without training anything.
    (tmp_path / "tiny.toml").write_text(text.replace("value = 2.0\ntolerance = 0.01", "value = 2.0\ntolerance = 2.0"))
    assert "3 trials, 3 already done" in typed("run", "tiny.toml", "--jobs", "0").err
    assert typed("verify", "runs/tiny").err == "2 of 2 expectations met\n"


def test_on_other_data_figures_do_not_apply_and_a_miss_is_a_result(tmp_path, typed):
    """Figures are counted apart, and a terminal leaves their tables out; relations are judged."""
    relation = '[[expect]]\nrelation = ["A.epochs > 1000", "A.epochs > 1"]\nsource = "us"\n'
    (tmp_path / "tiny.toml").write_text(TINY + figure(images=809_555) + relation)
    printed = typed("run", "tiny.toml", "--jobs", "0").err
    about = "digits, 809,555 images"
    judged = f"of what the suite expects on {about}, 1 of 2 relations hold here, 1 does not; 1 figure does not apply"
    assert printed.endswith(f"\n{judged}: harness verify runs/tiny\n")
    printed = typed("verify", "runs/tiny", code=3)
    assert "Figures" not in printed.out
    assert printed.err == f"the figures that do not apply: -t all\n{judged}\n"
    every = typed("verify", "runs/tiny", "-t", "all", code=3).out
    assert "not comparable" in every
    assert "1000" in every


def test_a_suite_that_expects_nothing_says_so(tmp_path, typed):
    """No table, no failure; a run of it says nothing."""
    run_suite(tmp_path, only=["A"])
    printed = typed("verify", "run")
    why = "tiny: nothing to verify: the run's suite has no [[expect]]"
    again = "'harness run SUITE' takes one up, and trains nothing again"
    assert (printed.out, printed.err) == ("", f"{why}. {again}\n")
    assert typed("verify", "nowhere", code=2).err.startswith("error: nowhere: no such folder")


@pytest.mark.slow
def test_the_script_prints_expectations_that_its_run_meets(tmp_path):
    """Appended to the suite, they are a guard; a run of one seed has no spread."""
    run_suite(tmp_path, seeds=[1, 2, 3])
    script = [sys.executable, ROOT / "scripts" / "expectations.py", tmp_path / "run"]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    outcome, run = run_suite(tmp_path, TINY + printed, seeds=[1, 2, 3])
    verification = judge(run.suite, run.dataset, outcome.rows)
    assert {figure.verdict for figure in verification.figures} == {Verdict.met}
    assert {figure.expected.images for figure in verification.figures} == {1797}
    assert len(verification.figures) == 3 * 4 + 2 * (3 + 1)
    (tmp_path / "one").mkdir()
    run_suite(tmp_path / "one")
    done = subprocess.run(
        [*script[:2], tmp_path / "one" / "run"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert "A: one seed has no spread. Run with --seeds 1,2,3,4,5" in done.stderr

"""Robust accuracy: right as it is and under the attack; in rows, tables, comparisons and expectations."""

import csv
import io

import numpy as np
import pytest

from harness.metrics.catalogue import value_of
from harness.metrics.quantities import Quantity
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.tables import render_all
from harness.rows import ADVERSARIAL, Condition
from harness.store import read_sums
from tests.corrupted_runs import FAMILIES, corrupted_run
from tests.made_results import compare_runs
from tests.test_corruption_errors import SUITE, refused

ATTACK = Condition("rotation", 20.0)
OTHERS = {"gaussian_noise": [10, 20], "translation": [6, 10]}


def wrong(clean, attacked, images=40):
    """Return which images are wrong, the clean ones from the first on, the attacked ones up to the last."""
    late = np.arange(images) >= images - attacked
    return {None: clean, "rotation": [clean, late]} | OTHERS


WRONG = {
    (name, seed): wrong(clean, attacked + seed) for name, clean, attacked in (("base", 4, 20), ("good", 2, 10))
    for seed in (1, 2, 3)
}  # fmt: skip
"""Under the attack at 20, other images are wrong than as they are: both count."""


def attacked_run(folder, **options):
    return corrupted_run(folder, WRONG, families=FAMILIES | {"rotation": ADVERSARIAL}, **options)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.of(attacked_run(tmp_path_factory.mktemp("robust")))


def test_an_image_counts_that_is_right_as_it_is_and_under_the_attack(results):
    """A row of an earlier version, which has no such value, gets it from its predictions; noise has none."""
    row = results.named["base"].rows[0]
    assert value_of(row, "test_accuracy", ATTACK) == 1 - 21 / 40
    assert value_of(row, "robust_accuracy", ATTACK) == 1 - (4 + 21) / 40
    assert value_of(row, "robust_accuracy", Condition("gaussian_noise", 0.2)) is None


def test_its_sums_have_its_mean_and_that_each_image_is_right_or_wrong(results):
    stored_sums = read_sums(results.run, results.rows)
    assert {each.conditions[0] for each in stored_sums if each.metric == "robust_accuracy"} == {
        Condition("rotation", 10.0), ATTACK
    }  # fmt: skip
    crossed = stored_sums[Quantity("robust_accuracy", (ATTACK,))]
    assert crossed.proportion
    assert crossed.sums.means[0, 0] == pytest.approx(1 - 25 / 40)


def test_the_table_has_intervals_and_marks(results):
    """In CSV and JSON with the adjusted p-value; people see the value and the mark."""
    (table,) = [table for table in tables(results) if table.key == "robust-accuracy"]
    assert [column.key for column in table.columns] == ["experiment", "clean", "rotation_10", "rotation_20"]
    base, good = csv.DictReader(io.StringIO(render_all([table], "csv")))
    assert float(base["rotation_20"]) == pytest.approx(1 - 26 / 40)
    assert float(base["rotation_20_low"]) < float(base["rotation_20"]) < float(base["rotation_20_high"])
    assert (base["rotation_20_mark"], good["rotation_20_mark"]) == ("", "better")
    assert float(good["rotation_20_p_holm"]) < 0.05
    assert float(good["rotation_20"]) <= float(good["clean"])
    assert "65.00 ▲" in render_all([table], "terminal")
    assert "▲ better than base, ≈ not significant (5 %, Holm)." in table.note


def test_the_worst_case_of_attacks_counts_images_that_withstand_each(tmp_path):
    """At the severities that they share alone; it has its interval and its mark, and no row stores it."""
    first, last = np.arange(40) < 8, np.arange(40) >= 30
    each = {None: 0, "rotation": [2, first], "translation": [2, last], "gaussian_noise": [5, 5]}
    wrong_of = {(name, seed): each | {"translation": [2, last & (name == "base")]} for name in ("base", "good")
                for seed in (1, 2)}  # fmt: skip
    families = FAMILIES | {"rotation": ADVERSARIAL, "translation": ADVERSARIAL}
    severities = {"rotation": [0.1, 0.2], "translation": [0.05, 0.2], "gaussian_noise": [0.1, 0.2]}
    run_results = Results.of(corrupted_run(tmp_path, wrong_of, families=families, severities=severities))
    (table,) = [table for table in tables(run_results) if table.key == "robust-accuracy"]
    assert [column.key for column in table.columns][-2:] == ["translation_0.2", "all_0.2"]
    assert "all_0.1" not in {column.key for column in table.columns}
    base, good = csv.DictReader(io.StringIO(render_all([table], "csv")))
    assert (float(base["all_0.2"]), float(good["all_0.2"])) == (1 - 18 / 40, 1 - 8 / 40)
    assert good["all_0.2_mark"] == "better"
    assert float(base["all_0.2_low"]) <= float(base["all_0.2"])
    assert table.note.endswith("all: right as it is and under every attack at that ε.")


def test_two_runs_are_compared_by_it(tmp_path):
    """Under each severity of the attack."""
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        runs.append(attacked_run(tmp_path / name))
    conditions = {
        difference.condition for difference in compare_runs(*runs).differences if difference.metric == "robust_accuracy"
    }
    assert conditions == {Condition("rotation", 10.0), ATTACK}


EXPECT = '[[expect]]\nrelation = "B.robust_accuracy > A.robust_accuracy"\n'
TESTED = '[[robustness]]\nperturbation = "pgd"\nseverities = [0.1]\n'
MISTAKES = {
    EXPECT: "perturbation: is missing, and 'robust_accuracy' needs it and a severity",
    EXPECT + 'perturbation = "pgd"': "severity: is missing, and perturbation needs it",
    EXPECT + 'perturbation = "gaussian_noise"\nseverity = 0.1': "perturbation: 'gaussian_noise' is not an attack, and "
    "'robust_accuracy' is of attacked images. Name an attack, or expect test_accuracy",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_an_expectation_is_one_line(tmp_path, text):
    assert refused(tmp_path, SUITE + TESTED + text) == f"expect[0].{MISTAKES[text]}"

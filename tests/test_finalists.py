"""Finalists in tables: under each of their labels, no longer when they are none, and what validation says of them."""

import pytest

from harness.report.sheets import trials
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.suite.finalists import choices
from tests.made_results import best_of, summary
from tests.test_leaderboard import lines, measured, row, trained
from tests.tiny import TINY, run_suite

BOTH = TINY.replace("epochs = 3", "epochs = 1").replace("[BC]", "*")


def made(accuracies, finalists, tested=(), **changed):
    """Return the tables of experiments with these validation accuracies."""
    rows = [
        row(
            name,
            metrics=trained(0.9, value, 0.5),
            evaluation=measured(0.8, 0.4, (value,) * 6) if name in tested else None,
        )
        for name, value in accuracies.items()
    ]
    return tables(summary(rows, finalists=finalists, **changed))


def note(accuracies, finalists, **changed):
    """Return what is said below the table of finalists."""
    return next(table.note for table in made(accuracies, finalists, **changed) if table.key == "test")


def test_an_experiment_under_two_labels_has_both():
    """The README's suite names a baseline and lets validation choose the best, which may be the same."""
    (line,) = lines(made({"small": 0.8}, {"baseline": "small", "best": "small"}, ["small"]), "test", "markdown")
    assert line["Finalist"] == "baseline, best"


def test_a_former_finalist_is_shown_as_such_and_not_ranked(tmp_path):
    """What an earlier command tested: its row is in every table, and no result of it in any, nor in the report."""
    run_suite(tmp_path, BOTH.replace('one = "A"', 'one = "B"').replace("best_of", "by = 'val_loss', best_of"))
    text = BOTH.replace('one = "A"', 'one = "C"').replace('two = { best_of = "*" }', "")
    _, run = run_suite(tmp_path, text)
    about = Results.of(run)
    line_of = {line["experiment"]: line for line in lines(tables(about), "accuracy")}
    assert (line_of["C"]["rank"], line_of["C"]["status"]) == ("1", "done")
    assert (line_of["B"]["rank"], line_of["B"]["test"], line_of["B"]["status"]) == ("", "", "no longer a finalist")
    assert line_of["B"]["validation"]
    for key in ("test", "robustness", "robustness-loss"):
        assert [line["Experiment"] for line in lines(tables(about), key, "markdown")] == ["C"]
    assert "3 of 3 trials done, 1 tested" in tables(about)[0].title
    page = {line.cells[0].text: [cell.text for cell in line.cells] for line in trials(about.experiments).lines}
    assert (page["B"][5], page["B"][-1]) == ("–", "no longer a finalist")
    assert page["C"][5] != "–"


def test_who_is_not_tested_yet_is_no_stranger_to_the_test_rows():
    """A finalist whose measurement is still to come is not called none."""
    shown_tables = made({"A": 0.8, "B": 0.7, "C": 0.6}, {"one": "A", "two": "B"}, ["A"])
    standing = {line["experiment"]: line["status"] for line in lines(shown_tables, "overview")}
    assert standing == {"A": "done", "B": "not tested yet", "C": "not a finalist"}


SERIES = {"M1a": 0.82, "M1b": 0.81, "M1c": 0.80}


def test_validation_says_where_it_prefers_another_of_the_series():
    """The suite's own choice is kept; the note names the experiments."""
    assert note(SERIES, {"M1": "M1c"}, series={"M1": "M1?"}) == (
        "By validation, M1 would be M1a (82.00%) and not M1c (80.00%)."
    )
    assert note(SERIES, {"M1": "M1c"}) == ""


@pytest.mark.parametrize(
    ("accuracies", "finalists"),
    [
        (SERIES, {"M1": "M1a"}),
        (SERIES | {"M1c": 0.82}, {"M1": "M1c"}),
        (SERIES, {"M1": best_of("M1c", by="val_loss")}),
        ({"M1": 0.8, "M1a": 0.9}, {"M1": "M1"}),
        (SERIES | {"other": 0.7}, {"M1": "other"}),
    ],
    ids=["the best", "a tie", "chosen by loss", "not one of it", "of no series"],
)
def test_validation_says_nothing_where_it_prefers_none(accuracies, finalists):
    """Least of all where it chose itself, by whatever metric."""
    assert note(accuracies, finalists, series={"M1": "M1?"}) == ""


def candidate(name, seed, accuracy, **changed):
    """Return the row of a candidate; without an accuracy it was not trained."""
    return row(name, seed=seed, metrics=None if accuracy is None else trained(0.9, accuracy, 0.5), **changed)


SEVERAL = """
[suite]
name = "several"
[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.001 }
[experiments.A]
[experiments.B]
[experiments.C]
[finalists]
best = { best_of = "*" }
"""
FAILED = {"status": "failed", "reason": "diverged"}


@pytest.mark.parametrize(
    ("rows", "chosen", "failed", "waiting"),
    [
        ([("A", 1, 0.7, {}), ("B", 1, 0.8, {}), ("C", 1, None, FAILED)], ["B"], [("C", 1)], False),
        ([("A", 1, 0.7, {}), ("B", 1, 0.8, {}), ("C", 1, None, {"status": "planned"})], [], [], True),
        ([("A", 1, 0.7, {}), ("B", 1, 0.8, {})], [], [], True),
        ([("A", 1, 0.7, {}), ("B", 1, 0.8, {}), ("C", 1, None, {"status": "timed out"})], ["B"], [("C", 1)], False),
        ([("A", 1, 0.7, {}), ("B", 1, 0.8, {}), ("C", 1, None, {"status": "unavailable"})], ["B"], [("C", 1)], False),
        ([("A", 1, None, FAILED), ("B", 1, None, FAILED), ("C", 1, None, FAILED)], [],
         [("A", 1), ("B", 1), ("C", 1)], False),
        ([("A", 1, 0.7, {}), ("A", 2, 0.7, {}), ("B", 1, 0.99, {}), ("B", 2, None, FAILED), ("C", 1, 0.6, {}),
          ("C", 2, 0.7, {})], ["A"], [("B", 2)], False),
        ([("A", 1, 0.7, {}), ("A", 2, None, FAILED), ("B", 1, 0.8, {}), ("B", 2, None, FAILED), ("C", 1, None, FAILED),
          ("C", 2, None, FAILED)], ["B"], [("A", 2), ("B", 2), ("C", 1), ("C", 2)], False),
        ([("A", 1, 0.7, {}), ("B", 1, 0.8, FAILED), ("C", 1, 0.6, {})], ["B"], [], False),
    ],
    ids=["one failed", "one is to come", "one is not planned", "timed out", "unavailable", "all failed",
         "fewer seeds do not win", "as many seeds as any", "its measurement failed"],
)  # fmt: skip
def test_a_failed_candidate_is_not_waited_for(load, rows, chosen, failed, waiting):
    """The best of those that are trained is chosen; who has fewer seeds than others is not."""
    choice = choices(load(SEVERAL), [candidate(name, seed, value, **more) for name, seed, value, more in rows])["best"]
    assert choice.names == chosen
    assert [(trial.experiment, trial.seed) for trial in choice.failed] == failed
    assert choice.waiting == waiting


def test_the_choice_without_a_failed_candidate_is_tested_and_says_so(tmp_path):
    """The failed one is named below the table of finalists."""
    text = TINY.replace("epochs = 3", "epochs = 1").replace(
        "learning_rate = 0.1, momentum", "learning_rate = 1e30, momentum"
    )
    _, run = run_suite(tmp_path, text)
    about = Results.of(run)
    assert about.finalists == {"one": ["A"], "two": ["C"]}
    table = next(table for table in tables(about) if table.key == "test")
    assert "two is chosen without B seed 1 (failed)." in table.note
    assert "Not chosen yet" not in table.note
    assert [line["Experiment"] for line in lines(tables(about), "test", "markdown")] == ["A", "C"]
    assert [bool(row.evaluation) for row in about.rows] == [True, False, True]


def test_where_every_candidate_failed_there_is_nothing_to_wait_for():
    """It is said, and not called "yet"."""
    rows = [candidate("B", 1, None, **FAILED), candidate("B", 2, None, **FAILED)]
    about = summary([*rows, candidate("A", 1, 0.8)], finalists={"one": "A", "two": best_of("B")})
    note_of_tests = next(table.note for table in tables(about) if table.key == "test")
    assert "two is not to be chosen: B seeds 1, 2 (failed)." in note_of_tests
    assert "yet" not in note_of_tests

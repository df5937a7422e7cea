"""A part of a table explains the signs that it shows, and a rank that nothing backs is marked."""

import pytest

from harness.metrics.comparisons import Mark
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.tables import only
from harness.results.verify import verdicts
from harness.results.verify.verification import verify
from tests.report_runs import make_run

SHARES = {"A": 0.9, "B": 0.89, "C": 0.5}
LEADERBOARD = '[leaderboard]\nbaseline = "C"\ncompare = [["A", "C"]]\n'
EXPECT = '[[expect]]\nrelation = ["A.test_accuracy > B.test_accuracy", "A.test_accuracy > C.test_accuracy"]\n'
DEGRADATION = "Degr.: the share of the clean accuracy that is lost, averaged over severities."


def tables_of(folder, seeds):
    folder.mkdir()
    results = Results.of(make_run(folder, dict.fromkeys(SHARES, "g"), seeds, shares=SHARES, more=LEADERBOARD + EXPECT))
    judged = verdicts.tables(verify(results), "mine", "digits")
    return {table.key: table for table in [*tables(results), *judged]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the tables of runs with one and with three seeds."""
    folder = tmp_path_factory.mktemp("parts")
    return {count: tables_of(folder / str(count), range(1, count + 1)) for count in (1, 3)}


def part(table, *columns, rows=()):
    (chosen,) = only([table], columns, rows)
    return chosen


def test_a_rank_of_one_seed_is_marked_where_another_network_does_not_differ(made):
    """A and B are alike on 200 images, and C is not like them."""
    board = made[1]["overview"]
    places = {line["experiment"]: line["test_accuracy"].place for line in board.lines}
    assert {name: place.mark for name, place in places.items()} == dict.fromkeys("AB", Mark.insignificant) | {"C": None}
    assert places["C"].rank == 3
    assert board.title.endswith("· rank")
    assert "Rank ≈: another network does not differ significantly (5 %, Holm)." in board.note
    several = made[3]["overview"]
    assert several.title.endswith("· rank [low–high]")
    assert {line["test_accuracy"].place.mark for line in several.lines} == {None}


def test_the_note_of_some_columns_explains_those(made):
    """And advice on ranks is below ranks."""
    board = made[3]["overview"]
    assert all(sign in board.note for sign in ("vs C: ", "[low–high]: ", "±: ", DEGRADATION))
    assert part(board, "experiment", "Val %").note == "±: SD over seeds."
    accuracy = part(board, "experiment", "Test %").note
    assert "Smallest detectable difference" in accuracy
    assert "[low–high]: 95 % confidence set of the rank" in accuracy
    assert "vs C" not in accuracy
    assert "Degr." not in accuracy
    assert part(made[3]["accuracy"], "experiment", "validation").note == "±: SD over seeds."
    assert part(made[3]["comparison"], "experiment").note == ""
    assert part(made[1]["validation"], "experiment", "Val %").note == part(made[1]["validation"], "experiment").note


def test_the_note_of_some_rows_explains_those(made):
    """The baseline has no difference, and C no rank that is unsure."""
    note = part(made[1]["overview"], "experiment", "Test %", "over_baseline", rows=["C"]).note
    assert "vs C" not in note
    assert "Rank ≈" not in note
    assert "vs C: ▲ better" in part(made[1]["overview"], rows=["A"]).note


def test_the_note_of_a_verification_is_about_the_verdicts_that_are_shown(made):
    """A and B are alike; that A is above C is certain."""
    relations = made[3]["relations-fractions"]
    assert "Undecided: " in relations.note
    assert relations.note.endswith("[low, high]: 95 % CI. ±: SD over seeds.")
    assert "Undecided: " not in part(relations, rows=["* > C.*"]).note
    assert part(relations, "relation").note == ""

"""Tables that go on below: each part has the columns that name the lines, at every width."""

from pathlib import Path

import pytest

from harness.cli.commands.runs import run_list
from harness.metrics.statistic import Kind
from harness.results.leaderboard import differences, tables
from harness.results.tables import Column, Table, render_all
from harness.results.tables.formats import listing
from harness.store import Listed
from tests.made_results import summary
from tests.test_leaderboard import measured, row, trained

NAMES = ["a-narrow-network", "a-wide-network", "one-that-was-not-chosen"]


def _results():
    """Return three experiments with two seeds, two of which tie, and the third is not tested."""
    rows = [
        row(
            name,
            seed=seed,
            group="Capacity",
            metrics=trained(0.9, 0.8, 0.5),
            evaluation=measured(0.8 + seed / 100, 0.4, (0.8,) * 6),
        )
        for name in NAMES[:2]
        for seed in (1, 2)
    ]
    return summary([*rows, row(NAMES[2], metrics=trained(0.9, 0.8, 0.5))])


def _parts(text):
    """Return the headings of each part of a table, and the lines of each."""
    frames = [[]]
    for line in text.splitlines():
        if line.startswith("╭"):
            frames.append([])
        if line.startswith("│"):
            frames[-1].append([cell.strip() for cell in line.strip("│").split("│")])
    return [(frame[0], frame[1:]) for frame in frames if frame]


@pytest.mark.parametrize("room", [50, 60, 80, 100, 140])
def test_each_part_of_a_ranked_table_names_its_experiments(room):
    """Not their ranks, which ties share and those that are not ranked lack."""
    table = next(table for table in tables(_results()) if table.key == "accuracy")
    parts = _parts(render_all([table], "terminal", room=room))
    assert [column for headings, _ in parts for column in headings if column == "#"] == ["#"]
    assert parts[0][0][:2] == ["#", "Experiment"]
    for headings, lines in parts:
        assert [line[headings.index("Experiment")] for line in lines] == NAMES
    headings_shown = {heading for headings, _ in parts for heading in headings}
    assert {column.heading for column in table.telling} <= headings_shown


@pytest.mark.parametrize("room", [60, 80, 100])
def test_each_part_of_a_table_of_pairs_names_both(room):
    """One name would not say which pair."""
    for table in differences(_results()):
        parts = _parts(render_all([table], "terminal", room=room))
        assert len(parts) > 1
        assert all(headings[:2] == ["First", "Second"] for headings, _ in parts)


def test_columns_in_an_order_of_ones_own():
    """The names may be behind a value, and a table may have none."""
    columns = [Column("value", "A value in words", Kind.number), Column("experiment", "Experiment")]
    columns += [Column(f"more_{number}", f"More of them {number}", Kind.number) for number in range(3)]
    lines = [{column.key: 1.0 for column in columns} | {"experiment": "A"}]
    parts = _parts(render_all([Table("one", "", columns, lines)], "terminal", room=50))
    assert parts[0][0][:2] == ["A value in words", "Experiment"]
    assert all("Experiment" in headings for headings, _ in parts)
    del columns[1]
    parts = _parts(render_all([Table("one", "", columns, lines)], "terminal", room=50))
    assert all(headings[0] == "A value in words" for headings, _ in parts)


def test_what_is_hidden_is_not_shown_where_there_is_less_room():
    """At every width, of every table: a wider terminal shows no column less; asked for, all that say anything."""
    for table in tables(_results()):
        headings = [column.heading for column in table.telling]
        before = set()
        for room in range(40, 200, 5):
            brief = _headings(render_all([table], "terminal", room=room, others=""))
            assert before <= brief, (table.key, room)
            before = brief
        for room in (60, 80, 100, 120):
            text = render_all([table], "terminal", room=room)
            assert set(headings) <= _headings(text)
            assert "Not shown" not in text


@pytest.mark.parametrize("room", [60, 80, 100])
def test_how_far_a_run_is_is_never_cut(room):
    """Beside whatever names; what has no room is named."""
    state = "incomplete: 12 of 200 done, 3 failed"
    names = [f"runs/robustness-on-digits-with-a-long-name-{number}" for number in (1, 2)]
    drawn = listing(run_list([Listed(Path(name), "A title of some words", state, 0.0, 10**7) for name in names]), room)
    first, _, *rest = drawn.splitlines()
    assert "state" in first
    at = first.index("state")
    assert " ".join(line[at : at + 36].split("  ")[0].strip() for line in rest[:-1]).count(state) == 2
    assert rest[-1].startswith(f"Not shown in {room} columns: ")
    assert rest[-1].endswith("size.")


def _headings(text):
    return {heading for part, _ in _parts(text) for heading in part}

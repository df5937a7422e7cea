"""Times in tables: ranked where one machine, device and number of threads made them, and nobody disturbed them."""

from dataclasses import replace

from harness.metrics.comparability import comparable
from harness.results.leaderboard import tables
from harness.results.tables import render_all
from tests.made_results import summary
from tests.test_leaderboard import lines, row, trained


def test_times_of_two_machines_are_not_ranked():
    """The table says so, and keeps the suite's order."""
    fast = row("B", metrics=trained(0.9, 0.8, 0.5, samples_per_second=9e5), environment={"processor": "x"})
    slow = row("A", metrics=trained(0.9, 0.8, 0.5), environment={"processor": "x"})
    other = row("A", metrics=trained(0.9, 0.8, 0.5), environment={"processor": "y"})
    one = {table.key: table for table in tables(summary([slow, fast]))}["speed"]
    two = {table.key: table for table in tables(summary([other, fast]))}["speed"]
    assert [line["experiment"] for line in lines([one], "speed")] == ["B", "A"]
    assert [line["experiment"] for line in lines([two], "speed")] == ["A", "B"]
    assert "times of 2 environments (machine, device, threads) are not comparable" in two.note
    assert not one.note


def test_times_of_two_devices_are_ranked_by_no_table_and_judged_by_no_relation():
    """One definition of what must be alike serves the table, `harness verify` and `harness compare`."""
    rows = [
        row("A", metrics=trained(0.9, 0.8, 0.5), environment={"device": "cpu"}),
        row("B", metrics=trained(0.9, 0.8, 0.5, samples_per_second=9e5), environment={"device": "a GPU"}),
    ]
    found = {table.key: table for table in tables(summary(rows))}["speed"]
    assert [line["experiment"] for line in lines([found], "speed")] == ["A", "B"]
    assert "not comparable" in found.note
    assert not comparable(["seconds"], rows)


def test_contended_times_are_marked_and_not_ranked():
    """They stand behind those that had the machine to themselves, in the suite's order, with the reason."""
    metrics = {rate: trained(0.9, 0.8, 0.5, samples_per_second=rate) for rate in (9e5, 8e5, 2e5, 3e5)}
    why = "ran beside other trials"
    rows = [
        row("A", metrics=metrics[9e5], contended=why),
        row("B", metrics=metrics[2e5]),
        row("C", metrics=metrics[3e5]),
        row("D", metrics=metrics[8e5], contended=why),
    ]
    found = {table.key: table for table in tables(summary(rows))}["speed"]
    assert [line["experiment"] for line in lines([found], "speed")] == ["C", "B", "A", "D"]
    assert [line["contended"] for line in lines([found], "speed")] == ["", "", why, why]
    assert "Contended, and not ranked: 2 of 4. 'harness run SUITE --fresh --jobs 1' gives times to rank." in found.note
    alone = [replace(one, contended="its threads waited for a core for 9% of the time") for one in rows[:1]]
    note = {table.key: table for table in tables(summary([*alone, rows[1]]))}["speed"].note
    assert (
        note == "Contended, and not ranked: 1 of 2. Another program used the cores: a run while none does gives times "
        "to rank."
    )
    quiet = {table.key: table for table in tables(summary(rows[1:3]))}["speed"]
    assert "Contended" not in render_all([quiet], "terminal")

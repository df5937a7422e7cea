"""Times in tables: ranked where they are of one machine, device and number of threads, and undisturbed."""

from dataclasses import replace

import pytest

from harness.metrics.comparability import comparable
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard import tables
from harness.results.leaderboard.speed import doubts
from harness.results.results import Results
from harness.results.tables import render_all
from tests.made_results import summary
from tests.report_runs import make_run
from tests.test_leaderboard import lines, row, trained


def test_times_of_two_machines_are_not_ranked():
    """The table says so, and keeps the suite's order."""
    fast = row("B", metrics=trained(0.9, 0.8, 0.5, samples_per_second=9e5), environment={"processor": "x"})
    slow = row("A", metrics=trained(0.9, 0.8, 0.5), environment={"processor": "x"})
    other = row("A", metrics=trained(0.9, 0.8, 0.5), environment={"processor": "y"})
    one_machine = {table.key: table for table in tables(summary([slow, fast]))}["speed"]
    two_machines = {table.key: table for table in tables(summary([other, fast]))}["speed"]
    assert [line["experiment"] for line in lines([one_machine], "speed")] == ["B", "A"]
    assert [line["experiment"] for line in lines([two_machines], "speed")] == ["A", "B"]
    assert "times of 2 environments (machine, device, threads) are not comparable" in two_machines.note
    assert not one_machine.note


@pytest.mark.parametrize(("key", "first", "second"), [("device", "cpu", "a GPU"), ("threads", "1", "2")])
def test_times_of_two_devices_are_ranked_by_no_table_and_judged_by_no_relation(key, first, second):
    """One definition of what must be alike, threads too, serves the table, `harness verify` and `harness compare`."""
    rows = [
        row("A", metrics=trained(0.9, 0.8, 0.5), environment={key: first}),
        row("B", metrics=trained(0.9, 0.8, 0.5, samples_per_second=9e5), environment={key: second}),
    ]
    by_key = {table.key: table for table in tables(summary(rows))}["speed"]
    assert [line["experiment"] for line in lines([by_key], "speed")] == ["A", "B"]
    assert "not comparable" in by_key.note
    assert not comparable(["seconds"], rows)


NOT_RANKED = "Not ranked: times of trials that shared the machine ({} experiments). "


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
    by_key = {table.key: table for table in tables(summary(rows))}["speed"]
    assert [line["experiment"] for line in lines([by_key], "speed")] == ["C", "B", "A", "D"]
    assert [line["contended"] for line in lines([by_key], "speed")] == ["", "", why, why]
    assert NOT_RANKED.format("2 of 4") + "'harness run SUITE --fresh --jobs 1' gives times to rank." in by_key.note
    named = doubts(
        [ExperimentRows("A", rows[:1], finalist=True, severities={})], ("my suite.toml", "--dataset", "digits")
    )
    assert named.endswith("'harness run 'my suite.toml' --dataset digits --fresh --jobs 1' gives times to rank.")
    alone = [replace(row, contended="its threads waited for a core for 9% of the time") for row in rows[:1]]
    note = {table.key: table for table in tables(summary([*alone, rows[1]]))}["speed"].note
    another = "Another program used the cores: a run while none does gives times to rank."
    assert note == NOT_RANKED.format("1 of 2") + another
    quiet = {table.key: table for table in tables(summary(rows[1:3]))}["speed"]
    assert "Not ranked" not in render_all([quiet], "terminal")


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ({}, ["SUITE"]),
        ({"suite_file": "<a mapping>", "command": ["harness", "run", "--dataset", "wine"]}, ["SUITE"]),
        ({"suite_file": "quick"}, ["quick"]),
        ({"suite_file": "a.toml", "command": "harness run a.toml"}, ["a.toml"]),
        (
            {
                "suite_file": "a.toml",
                "command": ["harness", "run", "a.toml", "--dataset", "wine", "--seeds", "1", "-j2"],
            },
            ["a.toml", "--dataset", "wine"],
        ),
        (
            {"suite_file": "a.toml", "command": ["harness", "run", "--set=a=1", "--set", "b=2", "--out=x", "a.toml"]},
            ["a.toml", "--set=a=1", "--set", "b=2", "--out=x"],
        ),
    ],
)
def test_the_command_that_gives_times_makes_the_same_run(tmp_path, notes, words):
    """With another dataset or folder it would be another; seeds and processes make no other."""
    run = make_run(tmp_path, {"A": ""})
    run.write_header(notes)
    assert Results.of(run).rerun == tuple(words)

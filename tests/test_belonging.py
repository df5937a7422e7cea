"""Rows that an earlier command made of another split, recipe or dataset are stale, and of no consequence."""

import json
from dataclasses import replace

import pytest

from harness.report.sheets import trials
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.verify.verification import Verdict, verify
from harness.store import Run
from harness.store.foreign import described, staleness
from harness.suite.finalists import finalists
from tests.test_leaderboard import lines
from tests.tiny import TINY, run_suite

SHORT = TINY.replace("epochs = 3", "epochs = 1").replace('one = "A"\n', 'one = "A"\nthree = "B"\n')
EXPECTED = '\n[[expect]]\nrelation = ["A.val_accuracy > 0", "B.val_accuracy > 0", "B.test_accuracy > 0"]\n'
SPLIT = "dataset.split={train=0.2,val=0.2,test=0.6}"


def overview(run):
    """Return the overview's lines by experiment, and its table."""
    shown_tables = tables(Results.of(run))
    return {line["experiment"]: line for line in lines(shown_tables, "overview")}, shown_tables[0]


def test_rows_of_another_split_are_shown_as_such_and_not_ranked(tmp_path):
    """Nor are they finalists, nor judged; the same command for all makes the run whole again."""
    run_suite(tmp_path, SHORT + EXPECTED)
    _, run = run_suite(tmp_path, SHORT + EXPECTED, only=["A"], assignments=[SPLIT])
    run = Run.open(run.directory)
    line_of, table = overview(run)
    assert line_of["A"]["test_accuracy_rank"] == "1"
    for name in "BC":
        assert line_of[name]["status"] == "stale: another split"
        assert not line_of[name]["test_accuracy"]
        assert not line_of[name]["val_accuracy"]
    assert "1 of 3 trials done, 1 tested" in table.title
    assert table.note.startswith("Excluded: 2 stale trials. Run without --only to train again.")
    assert finalists(run.suite, list(run.rows())) == {"one": ["A"], "three": ["B"], "two": []}
    assert [claim.verdict for claim in verify(Results.of(run)).claims] == [
        Verdict.met,
        Verdict.not_run,
        Verdict.not_run,
    ]
    (page,) = [line for line in trials(Results.of(run).experiments).lines if line.cells[0].text == "B"]
    assert [cell.text for cell in page.cells[-2:]] == ["stale", "another split"]
    _, run = run_suite(tmp_path, SHORT + EXPECTED, assignments=[SPLIT])
    assert {line["status"] for line in overview(run)[0].values()} <= {"done", "not a finalist"}
    assert not verify(Results.of(run)).missed


def test_rows_that_a_command_with_other_seeds_left_alone_name_the_seeds_to_run(tmp_path, typed):
    """`--only` would not reach them. That command makes the run whole; `why` names the option, too."""
    run_suite(tmp_path, SHORT, only=["A"], seeds=[2, 1])
    changed = ["defaults.epochs=2"]
    _, run = run_suite(tmp_path, SHORT, only=["A"], seeds=[42], assignments=changed)
    assert overview(run)[1].note.startswith("Excluded: 2 stale trials. Run with --seeds 1,2,42 to train again.")
    message = "error: A/1: no such seed. Known: 42. The run has it from another command. Add --seeds 1"
    assert typed("why", "tiny.toml", "A/1", "--out", "run", "--seeds", "42", code=2).err.strip() == message
    _, run = run_suite(tmp_path, SHORT, only=["A"], seeds=[1, 2, 42], assignments=changed)
    assert "Excluded" not in overview(run)[1].note
    harder = SHORT.replace("[0.0, 0.3]", "[0.0, 0.9]")
    _, run = run_suite(tmp_path, harder, only=["A"], seeds=[2], assignments=changed)
    assert "because severities are missing: A. Run with --seeds 1,2,42 to measure them." in overview(run)[1].note


def test_rows_of_another_recipe_say_in_what(tmp_path):
    """In the words of the suite; what only names an experiment is no recipe."""
    run_suite(tmp_path, SHORT, only=["A", "B"])
    _, run = run_suite(tmp_path, SHORT.replace('"first"', '"renamed"'), only=["B"], assignments=["defaults.epochs=2"])
    line_of, _ = overview(run)
    assert line_of["A"]["status"] == "stale: epochs was 1, is 2"
    assert line_of["B"]["status"] == "done"
    _, run = run_suite(tmp_path, SHORT.replace('"first"', '"renamed"'), only=["B"])
    assert {line["status"] for line in overview(run)[0].values()} == {"done"}


def test_degradation_is_ranked_over_the_same_severities(tmp_path):
    """The suite's: an experiment that was measured at others has no mean over them, and a note says so."""
    run_suite(tmp_path, SHORT, only=["A", "B"])
    _, run = run_suite(tmp_path, SHORT.replace("[0.0, 0.3]", "[0.0, 0.9]"), only=["A"])
    line_of, table = overview(run)
    assert line_of["A"]["degradation_rank"] == "1"
    assert (line_of["B"]["degradation"], line_of["B"]["degradation_rank"]) == ("", "")
    assert {line_of[name]["test_accuracy_rank"] for name in "AB"} == {"1", "2"}
    message = "Not ranked under gaussian_noise, because severities are missing: B. Run without --only to measure them."
    assert message in table.note
    by_severity = {line["Experiment"]: line for line in lines(tables(Results.of(run)), "robustness", "markdown")}
    assert list(by_severity["B"]) == ["Experiment", "0", "0.9"]
    assert by_severity["B"]["0.9"] == "–"
    _, run = run_suite(tmp_path, SHORT.replace("[0.0, 0.3]", "[0.0, 0.9]"), only=["A", "B"])
    line_of, table = overview(run)
    assert {line_of[name]["degradation_rank"] for name in "AB"} == {"1", "2"}
    assert "Not ranked" not in table.note


@pytest.fixture(scope="module")
def trained_row(tmp_path_factory):
    """Return a trained row, its experiment and the run's dataset."""
    outcome, run = run_suite(tmp_path_factory.mktemp("one"), SHORT, only=["A"])
    return outcome.rows[0], run.suite.experiments["A"], run.dataset


def changes(row, experiment, components=None, **digests):
    """Return in what a row is stale in a run that describes this experiment."""
    return staleness(row, described(row, experiment.model_dump(mode="json"), digests, components or {}))


def test_a_changed_dataset_of_the_same_name_is_other_data(trained_row):
    """Its digest tells."""
    row, experiment, dataset = trained_row
    assert changes(row, experiment, dataset=dataset.digest, split=dataset.split) == []
    assert changes(row, experiment, dataset="another", split=dataset.split) == ["other data"]
    assert changes(row, experiment, dataset="another", split="another") == ["other data", "another split"]


def test_what_is_not_known_is_not_held_against_a_row(trained_row):
    """An earlier version recorded no split, and knew fewer options."""
    row, experiment, dataset = trained_row
    assert changes(row, experiment, dataset=dataset.digest, split="") == []
    older = replace(row, basis={}, settings={key: value for key, value in row.settings.items() if key != "l2"})
    assert changes(older, experiment, dataset=dataset.digest, split=dataset.split) == []
    assert changes(older, experiment.model_copy(update={"l2": 0.1})) == ["l2 was 0.0, is 0.1"]


def test_every_change_is_reported(trained_row):
    """A precision is in the recipe, a backend is not."""
    row, experiment, _ = trained_row
    changed = experiment.model_copy(update={"batch_size": 64, "epochs": 7, "precision": "bfloat16", "backend": "torch"})
    assert len(changes(row, changed)) == 3
    assert changes(row, experiment.model_copy(update={"backend": "torch"})) == []


@pytest.mark.slow
def test_run_plan_why_runs_and_the_tables_agree_on_what_is_stale(tmp_path, command):
    """One place decides it, and the first of several changes is shown, with how many more there are."""
    run_suite(tmp_path, SHORT, only=["A", "B"])
    changed = ["--set", "defaults.epochs=2", "--set", "defaults.batch_size=64"]
    out = ["--out", "run"]
    assert (
        command("run", "tiny.toml", "--out", "run", "--only", "B", *changed).err.count("stale, now in run/super") == 1
    )
    reason = "stale: batch_size was 128, is 64, and 1 more change"
    statuses = [
        line["status"] for line in json.loads(command("leaderboard", "run", "-f", "json").out)["overview"]["rows"]
    ]
    assert statuses == ["done", reason]
    assert "1 of 2 done, 1 stale" in command("runs", ".").out
    planned = command("plan", "tiny.toml", *out, *changed).out
    assert "3 trials, 1 done, 2 to run (1 stale), 0 unavailable" in planned
    assert "stale: batch_size was 128, is 64; epochs was 1, is 2" in planned
    output = command("why", "tiny.toml", "A", *out, *changed).out
    assert "because its row is stale: batch_size was 128, is 64; epochs was 1, is 2" in output


def test_an_option_newer_than_a_row_trains_nothing_again(tmp_path, watcher):
    """A version that has more options reads what the one before it wrote."""
    _, run = run_suite(tmp_path, SHORT, only=["A"])
    (row,) = run.rows()
    run.write(replace(row, settings={key: value for key, value in row.settings.items() if key != "l2"}))
    watcher.trained.clear()
    outcome, _ = run_suite(tmp_path, SHORT, only=["A"])
    assert (watcher.trained, outcome.stale) == ([], [])


def test_a_run_of_an_earlier_version_is_read(tmp_path):
    """It has no checksum, and does not say how it was split, and so of no row that it is split otherwise."""
    _, run = run_suite(tmp_path, SHORT, only=["A"])
    header = run.directory / "run.json"
    content = json.loads(header.read_bytes())
    assert content.pop("checksum")
    assert content["dataset"].pop("split")
    header.write_text(json.dumps(content))
    assert [row.status for row in Run.open(run.directory).rows()] == ["done"]

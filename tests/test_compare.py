"""Two runs side by side: what differs, what was changed, and what a limit says of it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.metrics.catalogue import CATALOGUE
from harness.results.compare import Mark, limit, tables, violations
from harness.results.compare.tables import spoken
from harness.results.leaderboard.notes import legend
from harness.results.tables import render_all
from harness.store import Run
from tests.made_results import compare_runs
from tests.tiny import TINY, run_suite


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a run of three seeds, and another: one experiment with fewer epochs, one that fails, one that is new."""
    folder = tmp_path_factory.mktemp("compared")
    first = TINY.replace("seeds = [1]", "seeds = [1, 2, 3]")
    second = first.replace("[experiments.B]", "[experiments.B]\nepochs = 1").replace(
        "[experiments.C]", '[experiments.C]\noptimizer = { name = "sgd", learning_rate = 1e30 }'
    )
    second += "\n[experiments.D]\n"
    collected = []
    for name, text in (("a", first), ("b", second)):
        (folder / name).mkdir()
        collected.append(run_suite(folder / name, text)[1])
    return collected


def test_a_comparison_says_what_is_the_same_what_changed_and_what_only_one_has(runs):
    """A is the same to the last bit, B was trained less, C failed, D is new."""
    comparison = compare_runs(*runs)
    assert comparison.seeds == {"A": [1, 2, 3], "B": [1, 2, 3]}
    timed = {"seconds", "samples_per_second", "anonymous_bytes", "peak_device_bytes"}
    same = [
        difference
        for difference in comparison.differences
        if difference.experiment == "A" and difference.metric not in timed
    ]
    assert {difference.mark for difference in same} == {Mark.same}
    assert {("gaussian_noise", 0.3), (None, 0.0)} == {difference.condition for difference in same}
    assert comparison.settings == {"B": ["epochs was 3, is 1"]}
    (accuracy,) = (
        difference
        for difference in comparison.differences
        if (difference.experiment, difference.metric) == ("B", "train_accuracy")
    )
    assert accuracy.mark is Mark.worse
    unmatched = {(pair.experiment, tuple(pair.seeds), pair.in_first) for pair in comparison.unmatched}
    assert unmatched == {("C", (1, 2, 3), True), ("D", (1, 2, 3), False)}
    assert any("failed in" in pair.why and "diverged" in pair.why for pair in comparison.unmatched)
    assert not comparison.environment


def folder(parent, name):
    (parent / name).mkdir()
    return parent / name


def test_all_is_said_of_a_change_only_where_every_experiment_has_it(runs, tmp_path):
    """C failed and D is in one run alone: what A and B have is not what all have."""
    whole = run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"), only=["A"])[1]
    again = run_suite(folder(tmp_path, "again"), TINY.replace("epochs = 3", "epochs = 2"), only=["A"])[1]
    for pair, cell in ((runs, "B"), ((whole, again), "all")):
        (table,) = [table for table in tables(compare_runs(*pair)) if table.key == "settings"]
        assert table.values("experiments") == [cell]
    some = run_suite(folder(tmp_path, "some"), TINY.replace("epochs = 3", "epochs = 2"), only=["A", "B"])[1]
    (table,) = [table for table in tables(compare_runs(whole, some)) if table.key == "settings"]
    assert table.values("experiments") == ["all compared"]


def test_tables_hold_the_means_of_both_runs(runs):
    """Every value of the JSON is a mean of the rows."""
    tables_by_key = json.loads(render_all(tables(compare_runs(*runs)), "json"))
    assert list(tables_by_key) == ["overview", "fractions", "losses", "degradation", "counts", "settings", "unmatched"]
    for line in tables_by_key["fractions"]["rows"]:
        if line["metric"] == "val_accuracy":
            for side, run in zip(("first", "second"), runs, strict=True):
                rows = [row for row in run.rows() if row.experiment == line["experiment"]]
                mean = sum(row.metrics.val_accuracy for row in rows) / 3
                assert line[side] == pytest.approx(mean)
            assert line["change"] == pytest.approx(line["second"] - line["first"])
    assert tables_by_key["settings"]["rows"] == [{"experiments": "B", "change": "epochs was 3, is 1"}]
    (line,) = (row for row in tables_by_key["overview"]["rows"] if row["experiment"] == "A")
    assert (line["val_accuracy"], line["under_gaussian_noise"]) == ("+0.00 =", "1=")


def test_a_note_tells_the_rule_of_one_seed(runs, tmp_path):
    """Where there is one: what is compared are two networks, by McNemar's test, under a perturbation too."""
    comparison = compare_runs(run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"))[1], runs[0])
    assert comparison.seeds["A"] == [1]
    note = tables(comparison)[0].note
    assert "One seed: about these networks, not about their recipes." in note
    perturbed = [
        difference
        for difference in comparison.differences
        if difference.condition[0] and difference.metric == "test_accuracy"
    ]
    assert perturbed
    assert {difference.pair.target for difference in perturbed} == {"networks"}
    assert Mark.undecided not in {difference.mark for difference in perturbed}
    (loss,) = (
        difference
        for difference in comparison.differences
        if (difference.experiment, difference.metric) == ("A", "val_loss")
    )
    assert (loss.mark, loss.interval) == (Mark.undecided, None)


def test_other_data_other_splits_and_other_experiments_are_not_comparable(runs, tmp_path):
    """Each in one line that names both runs."""
    first = runs[0]
    for name, old, new, message in (
        (
            "split",
            "[suite]",
            '[dataset]\nname = "digits"\nsplit = { seed = 7 }\n[suite]',
            "split their rows otherwise",
        ),
        ("names", "experiments.A", "experiments.Z", "no experiment in common"),
    ):
        (tmp_path / name).mkdir()
        text = TINY.replace(old, new)
        if name == "names":
            text = text.split("[experiments.B]")[0] + "\n"
        other = run_suite(tmp_path / name, text)[1]
        with pytest.raises(HarnessError, match=message):
            compare_runs(first, other)
    elsewhere = replace(first, dataset=replace(first.dataset, digest="0" * 64, title="another, 3 images"))
    with pytest.raises(HarnessError, match="another, 3 images: metrics of different data are not comparable"):
        compare_runs(first, elsewhere)


def test_the_command_shows_the_overview_and_ends_with_3_beyond_a_limit(runs, command):
    """Tables on standard output, the verdict on standard error."""
    first, second = (str(run.directory) for run in runs)
    printed = command("compare", first, second)
    assert "▼" in printed.out
    assert "Settings that differ" in printed.out
    assert "Losses and calibration" not in printed.out
    assert printed.err.startswith("6 trials are in both runs. Values compared: ")
    assert " Worse: train_accuracy of B; " in printed.err
    assert printed.err.endswith("\nevery metric: -t all\n")
    printed = command("compare", first, second, "--fail-on", "train_accuracy:-0.5", "-t", "losses", code=3)
    assert printed.out.startswith("Losses and calibration")
    assert re.search(r"--fail-on train_accuracy:-0.5: B: \d\d.\d\d -> \d\d.\d\d %, -\d+.\d\d points", printed.err)
    printed = command("compare", first, second, "-t", "los", code=2)
    names = "counts, degradation, fractions, losses, overview, settings, unmatched"
    message = "error: --table los: no such table in this comparison. Did you mean 'losses'? Known: "
    assert printed.err == f"{message}{names}.\n"
    assert "no such folder" in command("compare", first, Path(second) / "nowhere", code=2).err
    command("compare", first, first, "--fail-on", "val_accuracy:-0")


@pytest.mark.slow
def test_the_page_draws_what_the_tables_say_and_shows_what_others_wrote(runs, command):
    """Every point is a change of the tables; a name that looks like a script is text."""
    for library in ("altair", "jinja2", "vl_convert", "PIL"):
        pytest.importorskip(library)
    from harness.report.comparison import intervals, render_comparison

    comparison = compare_runs(*runs)
    for line in intervals(comparison, "val_accuracy"):
        (difference,) = (
            each
            for each in comparison.differences
            if (each.experiment, each.metric) == (line["experiment"], "val_accuracy")
        )
        assert line["change"] == pytest.approx(100 * difference.change.mean)
        ends = difference.interval or (difference.change.mean, difference.change.mean)
        assert (line["low"], line["high"]) == pytest.approx((100 * ends[0], 100 * ends[1]))
    page = render_comparison(replace(comparison, first="<script>window.pwned=1</script>"))
    assert "<script>window.pwned" not in page
    assert "&lt;script&gt;window.pwned" in page
    printed = command("compare", runs[0].directory, runs[1].directory, "--html", "page.html")
    assert printed.err.startswith("page.html (")
    assert "epochs was 3, is 1" in Path("page.html").read_text()


def test_a_run_compared_with_itself_is_the_same(runs):
    """Every mark, and no limit is broken."""
    again = Run.open(runs[0].directory)
    comparison = compare_runs(runs[0], again)
    assert {difference.mark for difference in comparison.differences} == {Mark.same}
    assert violations(comparison, [limit("test_accuracy:-0"), limit("degradation:+0")]) == []
    count = sum(not CATALOGUE[difference.metric].of_machine for difference in comparison.differences)
    assert spoken(comparison).endswith(f". Values compared: {count} equal to the last bit.")
    moved = [
        replace(difference, mark=Mark.better) if difference.metric == "anonymous_bytes" else difference
        for difference in comparison.differences
    ]
    words = spoken(replace(comparison, differences=moved))
    assert words.endswith(" equal to the last bit. Times and memory: 3 changed.")


def test_a_comparison_in_words_names_what_differs(runs):
    """A few metrics of each mark, the experiments or how many they are; the key has every mark that is used."""
    comparison = compare_runs(*runs)
    (loss, gap, share) = (
        next(difference for difference in comparison.differences if difference.metric == metric)
        for metric in ("val_loss", "gap", "val_accuracy")
    )
    marked = [replace(loss, mark=Mark.worse), replace(loss, experiment="B", mark=Mark.worse)]
    marked += [replace(share, condition=("noise", 0.1 * step), mark=Mark.worse) for step in range(1, 4)]
    marked += [replace(share, condition=(name, 0.1), mark=Mark.worse) for name in ("blur", "salt", "tilt")]
    many = [replace(loss, experiment=name, mark=Mark.better) for name in "ABCDEF"]
    comparison = replace(comparison, differences=[*marked, *many, replace(gap, mark=Mark.changed)])
    assert spoken(comparison) == (
        "6 trials are in both runs. Values compared: 8 worse, 6 better, 1 changed. Worse: val_accuracy under noise "
        "0.1, 0.2, 0.3 of A; val_accuracy under blur 0.1 of A; val_accuracy under salt 0.1 of A; val_accuracy under "
        "tilt 0.1 of A; and 1 more. Better: val_loss of 6 experiments. Changed: gap of A."
    )
    few = spoken(replace(comparison, differences=marked[:2]))
    assert few == "6 trials are in both runs. Values compared: 2 worse. Worse: val_loss of A, B."
    assert "Changed: neither way is better." in tables(comparison)[0].note
    assert "Changed" not in tables(replace(comparison, differences=marked))[0].note
    unsure = [replace(loss, mark=Mark.insignificant)] * 33
    assert "Values compared: 33 not significantly different, 8 worse. Worse:" in spoken(
        replace(comparison, differences=[*marked, *unsure])
    )


def test_a_legend_names_the_marks_that_its_table_shows(runs):
    """What other tables show, it does not explain; what is equal was not tested."""
    comparison = compare_runs(*runs)
    overview = tables(comparison)[0]
    cells = " ".join(str(value) for line in overview.lines for value in line.values())
    for sign, word in (("▲", "better"), ("▼", "worse"), ("≈", "not significant"), ("?", "undecided")):
        assert (f"{sign} {word}" in overview.note) == (sign in cells), sign
    hidden = replace(comparison.differences[0], metric="train_loss", mark=Mark.undecided)
    assert "?" not in tables(replace(comparison, differences=[*comparison.differences, hidden]))[0].note
    every = [Mark.better, Mark.same, Mark.undecided, Mark.insignificant]
    assert legend(every) == "▲ better, ≈ not significant (5 %, Holm), = equal to the last bit, ? undecided"
    assert legend([Mark.worse, Mark.insignificant], than="A") == "▼ worse than A, ≈ not significant (5 %, Holm)"
    assert legend([Mark.same]) == "= equal to the last bit"


@pytest.mark.parametrize("room", [60, 80, 140])
def test_no_mark_is_cut_off(runs, room):
    overview = tables(compare_runs(*runs))[0]
    text = render_all([overview], "terminal", room=room)
    cells = [line.get(column.key) for line in overview.lines for column in overview.columns if "," in column.heading]
    assert all(cell in text for cell in cells if cell)

"""Tables in words: fitted into a terminal, ranked by what is shown, times in doubt, one table as CSV."""

import io
import json
import re
from math import nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.statistic import Kind
from harness.results.leaderboard import differences, tables
from harness.results.tables import Table, render_all
from harness.results.tables.drawing import PLAIN, ROUNDED, draw
from harness.results.tables.fitting import Cells, fit
from harness.results.tables.values import as_shown
from harness.rows import EvaluationRow
from tests.made_results import summary
from tests.measures import measure
from tests.test_leaderboard import lines, measured, row, trained
from tests.tiny import run_suite


def perturbed(severities):
    """Return a trial that was measured at some severities of a perturbation, whatever it scored."""
    clean = measure(None, 0.0, 0.9, 0.9, 0.3, 0.01)
    measures = [measure("any", severity, 0.5) for severity in severities]
    return row("A", metrics=trained(0.9, 0.8, 0.5), evaluation=EvaluationRow("", [clean, *measures], 1.0))


def test_severity_0_alone_ranks_nothing_by_degradation():
    results = summary([perturbed([0.0])])
    by_key = {table.key: table for table in tables(results)}
    assert "robustness" in by_key
    assert not [key for key in by_key if key.startswith(("degradation", "robustness-loss"))]
    assert "Degr." not in by_key["overview"].note
    assert not differences(results)


def sentence(length, *, words):
    """Return a text of this length, of words of four letters if so."""
    return ("xxxx " * length)[: length - 1] + "x" if words and length else "x" * length


@pytest.mark.parametrize("frame", [ROUNDED, PLAIN], ids=["rounded", "plain"])
@given(data=st.data())
def test_no_line_is_wider_than_the_terminal(frame, data):
    """Every column is shown or named; no line is too long where that can be; only names are cut, and with a sign."""
    count = data.draw(st.integers(2, 9))
    column = st.tuples(st.integers(1, 12), st.integers(0, 40), st.booleans(), st.booleans())
    widths = data.draw(st.lists(column, min_size=count, max_size=count))
    headings = [f"{index}".ljust(heading, "h") for index, (heading, _, _, _) in enumerate(widths)]
    texts = [
        [sentence(width - shorter, words=words and not right) for _, width, right, words in widths]
        for shorter in (0, 3)
    ]
    minor = tuple(data.draw(st.lists(st.integers(1, count - 1), unique=True)))
    cells = Cells(headings, texts, [right for _, _, right, _ in widths], minor)
    room = data.draw(st.integers(20, 200))
    hide = data.draw(st.booleans())
    parts, left_out = fit(cells, frame, room, hide=hide)
    narrower = fit(cells, frame, data.draw(st.integers(20, room)), hide=hide)[1]
    assert set(left_out) <= set(narrower), "what is hidden is not shown where there is less room"
    assert hide or not left_out
    headings_shown = [heading for part in parts for heading in part.headings]
    assert sorted({*headings_shown, *left_out}) == sorted(headings)
    assert not set(headings_shown) & set(left_out)
    assert set(left_out) <= {headings[index] for index in minor}
    for part in parts:
        assert part.headings[0] == headings[0]
        if frame.width(part.least) <= room:
            assert max(map(len, draw(part, frame).splitlines())) <= room
        else:
            assert len(part.headings) <= 2, "a part that does not fit has no column too many"
    whole = {text for line in texts for text in line}
    for column, heading in enumerate(headings):
        for part in parts:
            for text in [line[part.headings.index(heading)] for line in part.lines if heading in part.headings]:
                cut = " ".join(text.split()) not in whole
                assert not cut or (text.endswith("…") and len(text) >= 16)
                assert not cut or not column or "x x" not in text, "a sentence that names no row is whole"
    assert fit(cells, frame, None) == ([cells], [])


def test_columns_that_belong_together_stay_beside_each_other():
    """Where a table goes on below: in as few parts as before, about as wide as one another."""
    headings = ["Name", *(f"{heading} {number}" for number in range(4) for heading in ("value", "Δ"))]
    cells = Cells(headings, [["A", *["1.234567"] * 8]], [False, *[True] * 8], joined=frozenset({2, 4, 6, 8}))
    for room in range(36, 110):
        parts, _ = fit(cells, ROUNDED, room)
        assert [heading for part in parts for heading in part.headings[1:]] == headings[1:]
        assert all(part.headings[1].startswith("value") for part in parts)
        assert all(ROUNDED.width(part.widths) <= room for part in parts)
        assert max(len(part.headings) for part in parts) - min(len(part.headings) for part in parts) <= 4
    (first, *_), _ = fit(cells, ROUNDED, 20)
    assert first.headings == ["Name", "value 0"], "what has no room together is divided"


def board(values, group="", **changed):
    """Return the tables of experiments with these test accuracies."""
    rows = [
        row(name, group=group, metrics=trained(0.9, 0.8, 0.5), evaluation=measured(0.8, 0.4, (accuracy,) * 6))
        for name, accuracy in values.items()
    ]
    return tables(summary(rows, **changed))


def test_sentences_are_wrapped_before_a_column_goes_and_names_are_cut_last():
    """Nothing is lost where a few lines have room for it; a name's further lines are indented."""
    relations = ["A.val_accuracy > B.val_accuracy", "A.val_loss < B.val_loss"]
    lines = [[relation, "met", "a long story of where it comes from"] for relation in relations]
    table = Table.of_text("", "", ["Relation", "Verdict", "Source"], lines, minor=["Source"])
    wide, narrow, narrower = (render_all([table], "terminal", room=room, others="") for room in (70, 50, 40))
    assert relations[0] in wide
    assert "a long story of" in wide
    assert "│ A.val_accuracy > │ met     │ a long story of │" in narrow
    assert "│   B.val_accuracy │         │ where it comes  │" in narrow
    assert "│ A.val_accuracy >        │ met     │" in narrower
    assert narrower.endswith("Not shown in 40 columns: Source.")
    assert not any("…" in drawn or "Not shown" in drawn for drawn in (wide, narrow))
    names = [f"experiment-with-a-long-name-{number}" for number in (1, 2)]
    table = Table.of_text("", "", ["Name", "Why"], [[name, "it diverged at epoch 2"] for name in names])
    drawn = render_all([table], "terminal", room=40)
    assert "│ experiment-…-1 │ it diverged at │" in drawn
    assert "│                │ epoch 2        │" in drawn


def test_a_narrow_terminal_shows_every_column_or_says_which_not():
    """A table goes on below; in brief, it loses minor columns. Nothing is lost where standard output is no terminal."""
    shown_tables = board({"A": 0.91, "B": 0.92}, "first")
    overview = [table for table in shown_tables if table.key == "overview"]
    wide = render_all(overview, "terminal")
    full = max(len(line) for line in wide.splitlines() if line[0] in "╭│├╰")
    assert wide.splitlines()[2] in render_all(overview, "terminal", room=full)
    brief = render_all(overview, "terminal", room=full - 1, others="harness leaderboard runs/mine")
    assert f"Not shown in {full - 1} columns: Group. harness leaderboard runs/mine -t overview shows" in brief
    assert "Backend" in brief
    for room in (full - 1, 60):
        split = render_all(overview, "terminal", room=room)
        assert split.count("│ Experiment │") == 2
        assert "Not shown" not in split
        assert max(map(len, split.splitlines())) <= room
        for heading in ("Group", "Backend", "Test %", "Val %"):
            assert heading in split


def test_a_group_that_no_experiment_has_takes_no_column():
    """So no other text that is nowhere; programs get every column, whatever it holds."""
    for group in ("", "first"):
        overview = [table for table in board({"A": 0.91, "B": 0.92}, group) if table.key == "overview"]
        for form in ("terminal", "markdown", "latex"):
            assert ("Group" in render_all(overview, form)) == bool(group), form
        assert "experiment,group,backend" in render_all(overview, "csv")


@pytest.mark.parametrize("room", [60, 80, 100, None])
def test_a_long_reason_is_whole_at_every_width(room):
    """A terminal wraps it."""
    words = "diverged at epoch 2, " + "because of this and of that, " * 12 + "in the end"
    tables_ = tables(summary([row("A", status="failed", reason=words)]))[:1]
    drawn = render_all(tables_, "terminal", room=room)
    assert "…" not in drawn
    cells = " ".join(line.rsplit("│", 2)[1].strip() for line in drawn.splitlines() if line.startswith("│"))
    assert f"failed: {words}" in cells
    assert words in render_all(tables_, "markdown")


def test_what_is_shown_alike_shares_a_rank():
    """Digits that are not shown decide nothing, but for the order of the lines."""
    shown_tables = board({"A": 0.91234, "B": 0.91231, "C": 0.91226, "D": 0.92})
    assert [(line["experiment"], line["rank"]) for line in lines(shown_tables, "accuracy")] == [
        ("D", "1"), ("A", "2"), ("B", "2"), ("C", "2"),
    ]  # fmt: skip
    (overview,) = [line for line in lines(shown_tables, "overview", "markdown") if line["Experiment"] == "C"]
    assert overview["Test %"] == "91.23 · 2 ?"
    assert [as_shown(value, Kind.loss) for value in (0.12344, -0.12344)] == [0.1234, -0.1234]
    assert as_shown(1234567.8, Kind.rate) == 1234568
    assert not as_shown(nan, Kind.percent) < 1


def noisy(name, seed, clean, perturbed):
    """Return a tested row whose accuracy is the second under noise, at every severity."""
    evaluation = measured(clean, 0.4, (clean, *[perturbed] * 5))
    return row(name, seed=seed, metrics=trained(0.9, 0.8, 0.5), evaluation=evaluation)


def test_a_ranking_of_several_seeds_has_confidence_sets():
    """A set of its rank behind each, and what is tied with it; in data each by itself."""
    rows = [noisy(name, seed, accuracy + seed * step, 0.6) for name, accuracy, step in
            (("A", 0.9, 0.01), ("B", 0.91, 0.002), ("C", 0.7, 0.009)) for seed in (1, 2, 3)]  # fmt: skip
    shown_tables = tables(summary(rows))
    cells = {line["Experiment"]: line["Test %"] for line in lines(shown_tables, "overview", "markdown")}
    assert cells == {"A": "92.00 ± 1.00 · 1 [1–2]", "B": "91.40 ± 0.20 · 2 [1–2]", "C": "71.80 ± 0.90 · 3 [3–3]"}
    board = json.loads(render_all(shown_tables, "json"))["accuracy"]["rows"]
    keys = ("experiment", "rank", "rank_low", "rank_high", "tied_with")
    assert [tuple(line[key] for key in keys) for line in board] == [
        ("A", 1, 1, 2, ["B"]), ("B", 2, 1, 2, ["A"]), ("C", 3, 3, 3, []),
    ]  # fmt: skip
    assert [line["#"] for line in lines(shown_tables, "accuracy", "markdown")] == ["1 [1–2]", "2 [1–2]", "3 [3–3]"]
    raw = lines(shown_tables, "accuracy")
    assert [(line["rank_low"], line["rank_high"], line["tied_with"]) for line in raw] == [
        ("1", "2", "B"), ("1", "2", "A"), ("3", "3", ""),
    ]  # fmt: skip
    assert lines(shown_tables, "overview")[0]["test_accuracy_rank_high"] == "2"
    note = next(table.note for table in shown_tables if table.key == "accuracy")
    assert note.startswith("Smallest detectable difference: 2.17 points (80 % power). ")
    assert re.search(r"(\d+ more seeds would separate A from B: --seeds 4,5,|100 seeds would separate no)", note)


def test_one_seed_has_no_confidence_set():
    """It says so in a line, and ranks are marked: without predictions nothing is known of them."""
    shown_tables = tables(summary([noisy("A", 1, 0.9, 0.6), noisy("B", 1, 0.8, 0.4)], sizes={"test": 400}))
    assert [line["Test %"] for line in lines(shown_tables, "overview", "markdown")] == ["90.00 · 1 ?", "80.00 · 2 ?"]
    assert [line["#"] for line in lines(shown_tables, "accuracy", "markdown")] == ["1 ?", "2 ?"]
    keys = {table.key for table in shown_tables if "One seed: nothing is known of other seeds" in table.note}
    assert keys == {"overview", "accuracy", "macro-f1", "cross-entropy", "degradation"}
    assert not any("One seed" in table.note for table in board({"A": 0.9}))


def test_an_experiment_of_other_seeds_may_rank_anywhere():
    """It has no set, and the others' are wider for it."""
    values = {("A", 1): 0.905, ("A", 2): 0.902, ("B", 1): 0.701, ("B", 2): 0.702, ("C", 9): 0.8}
    shown_tables = tables(summary([noisy(name, seed, value, 0.6) for (name, seed), value in values.items()]))
    cells = {
        line["Experiment"]: line["Test %"].partition(" · ")[2] for line in lines(shown_tables, "overview", "markdown")
    }
    assert cells == {"A": "1 [1–2]", "C": "2", "B": "3 [2–3]"}
    note = next(table.note for table in shown_tables if table.key == "accuracy")
    assert "Not compared: C (too few seeds in common with the others)." in note


def test_who_still_improved_at_the_last_epoch_is_named():
    """Not one that stopped early, nor one whose best epoch was before."""
    ends = {"short": (9, 9), "early": (9, 12), "mixed": (9, 9), "past": (7, 9)}
    rows = [
        row(
            name,
            seed=seed,
            metrics=trained(0.9, 0.8, 0.5, best_epoch=best - seed * (name == "mixed"), epochs=epochs),
            settings={"epochs": 30 if name == "early" else 9},
        )
        for name, (best, epochs) in ends.items()
        for seed in (0, 1)
    ]
    (note,) = [table.note for table in tables(summary(rows)) if table.key == "validation"]
    assert note == "Best at the last epoch: short, mixed (1 of 2 trials). More epochs may help."


def test_times_in_doubt_are_marked_and_reported():
    """Seconds and samples a second of every trial, an exclamation mark at what shared the machine."""
    rows = [
        row(
            "A",
            metrics=trained(0.9, 0.8, 0.5, seconds=12.34, samples_per_second=9e5),
            contended="ran beside other trials",
        ),
        row("B", metrics=trained(0.9, 0.8, 0.5, seconds=1.0, samples_per_second=8e5)),
    ]
    shown_tables = tables(summary(rows))
    line_of = {line["Experiment"]: line for line in lines(shown_tables, "validation", "markdown")}
    assert (line_of["A"]["Seconds"], line_of["A"]["Samples/s"]) == ("12.3 !", "900,000 !")
    assert (line_of["B"]["Seconds"], line_of["B"]["Samples/s"]) == ("1.0", "800,000")
    raw = lines(shown_tables, "validation")
    assert [(line["seconds"], line["seconds_doubt"]) for line in raw] == [
        ("12.34", "ran beside other trials"),
        ("1.0", ""),
    ]
    (note,) = [table.note for table in shown_tables if table.key == "validation"]
    assert note == (
        "! Not ranked: times of trials that shared the machine (1 of 2 experiments). "
        "'harness run SUITE --fresh --jobs 1' gives times to rank."
    )
    quiet = tables(summary(rows[1:]))
    assert "!" not in render_all([table for table in quiet if table.key == "validation"], "terminal")


def test_one_trial_is_one_trial():
    """In titles too."""
    assert "1 of 1 trial done, 1 tested" in render_all(board({"A": 0.9}), "markdown")


def test_csv_is_one_table_unless_others_are_asked_for(tmp_path, command):
    """What pandas reads; which others there are is said on standard error."""
    run_suite(tmp_path, only=["A", "B"])
    output = command("leaderboard", "run", "-f", "csv")
    assert set(pd.read_csv(io.StringIO(output.out))["experiment"]) == {"A", "B"}
    assert output.err.startswith("CSV holds one table, here overview. -t NAME gives another: validation, comparison,")
    output = command("leaderboard", "run", "-f", "csv", "-t", "speed")
    assert set(pd.read_csv(io.StringIO(output.out))["experiment"]) == {"A", "B"}
    assert not output.err
    output = command("leaderboard", "run", "-f", "csv", "-t", "all")
    assert "# speed: Training speed" in output.out
    output = command("leaderboard", "run", "-t", "sped", code=2)
    both = command("leaderboard", "run", "-t", "speed", "--per-class", "A", code=2).err
    assert both == "error: --per-class: does not go with --table: it shows its one table instead of the others\n"
    assert "--table sped: no such table in this run. Did you mean 'speed'?" in output.err
    output = command("compare", "run", "run", "-f", "csv")
    assert "val_accuracy" in set(pd.read_csv(io.StringIO(output.out))["metric"])
    assert "here fractions" in output.err


def test_a_plan_has_notes_where_there_is_something_to_note(tmp_path, command):
    """Under a heading."""
    (tmp_path / "suite.toml").write_text(
        '[suite]\nname = "one"\n[experiments.A]\nhidden_layers = [4]\n'
        'optimizer = { name = "sgd", learning_rate = 0.1 }\n'
    )
    output = command("plan", "suite.toml").out
    assert output.startswith("one: 1 trial, 0 done, 1 to run")
    assert "Note" not in output
    output = command("plan", "suite.toml", "--set", "experiments.A.backend=cupy").out
    assert "State        Note\n" in output
    assert "Memory" not in output


@pytest.mark.parametrize(
    ("severities", "least", "heading"),
    [
        ([0.0, 0.1, 0.2, 0.3, 0.5], {"any": 0.3}, "mean ≥ 0.3"),
        ([0.1, 5.0, 10.0], {"any": 5.0}, "mean ≥ 5"),
        ([0.0, 0.1, 0.2, 0.3, 0.5], {}, None),
        ([0.0, 0.1, 0.2, 0.3, 0.5], {"other": 0.3}, None),
        ([0.0, 0.1, 0.3], {"any": 0.3}, None),
        ([0.3, 0.4, 0.5], {"any": 0.3}, None),
        ([0.1, 0.2], {"any": 0.3}, None),
    ],
)
def test_the_mean_of_high_severities_is_there_where_the_suite_asks_and_it_says_something(severities, least, heading):
    """Of several, beside lower ones: not of one or all."""
    shown_tables = tables(summary([perturbed(severities)], high_severity=least))
    (table,) = [table for table in shown_tables if table.key == "robustness"]
    headings = {column.key: column.heading for column in table.columns}
    assert headings.get("mean_at_high_severity") == heading


def test_a_leaderboard_of_degradations_calls_them_so():
    """Its values are no accuracies of the test rows."""
    (table,) = [table for table in tables(summary([perturbed([0.1, 0.3])])) if table.key == "degradation"]
    assert [column.heading for column in table.columns if column.key == "test"] == ["Degradation %"]

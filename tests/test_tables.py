"""Tables in words: fitted into a terminal, ranked by what is shown, times in doubt, one table as CSV."""

import io
import re
from math import nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.metrics.statistic import Kind
from harness.results.leaderboard import tables
from harness.results.tables import render_all
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
    found = [measure("any", severity, 0.5) for severity in severities]
    return row("A", metrics=trained(0.9, 0.8, 0.5), evaluation=EvaluationRow("", [clean, *found], 1.0))


@pytest.mark.parametrize("frame", [ROUNDED, PLAIN], ids=["rounded", "plain"])
@given(data=st.data())
def test_no_line_is_wider_than_the_terminal(frame, data):
    """Every column is shown or named; no line is too long where that can be; texts are cut with a sign."""
    count = data.draw(st.integers(2, 9))
    column = st.tuples(st.integers(1, 12), st.integers(0, 40), st.booleans())
    widths = data.draw(st.lists(column, min_size=count, max_size=count))
    headings = [f"{index}".ljust(heading, "h") for index, (heading, _, _) in enumerate(widths)]
    texts = [["x" * (width - shorter) for _, width, _ in widths] for shorter in (0, 3)]
    minor = tuple(data.draw(st.lists(st.integers(1, count - 1), unique=True)))
    cells = Cells(headings, texts, [right for _, _, right in widths], minor)
    room = data.draw(st.integers(20, 200))
    parts, left_out = fit(cells, frame, room)
    shown = [heading for part in parts for heading in part.headings]
    assert sorted({*shown, *left_out}) == sorted(headings)
    assert not set(shown) & set(left_out)
    assert set(left_out) <= {headings[index] for index in minor}
    for part in parts:
        assert part.headings[0] == headings[0]
        if frame.width(part.least) <= room:
            assert max(map(len, draw(part, frame).splitlines())) <= room
        else:
            assert len(part.headings) == 2, "a part that does not fit has no column too many"
    whole = {text for line in texts for text in line}
    cut = {text for part in parts for line in part.lines for text in line} - whole
    assert all(text.endswith("…") and len(text) >= 16 for text in cut)
    assert fit(cells, frame, None) == ([cells], [])


def board(values, **changed):
    """Return the tables of experiments with these test accuracies."""
    rows = [
        row(name, metrics=trained(0.9, 0.8, 0.5), evaluation=measured(0.8, 0.4, (accuracy,) * 6))
        for name, accuracy in values.items()
    ]
    return tables(summary(rows, **changed))


def test_a_narrow_terminal_loses_minor_columns_and_says_which():
    """Then the table goes on below; nothing is lost where standard output is no terminal."""
    found = board({"A": 0.91, "B": 0.92})
    overview = [table for table in found if table.key == "overview"]
    wide, full = render_all(overview, "terminal"), max(map(len, render_all(overview, "terminal").splitlines()[1:]))
    assert render_all(overview, "terminal", room=full) == wide
    narrow = render_all(overview, "terminal", room=full - 1)
    assert f"Not shown in {full - 1} columns: Group." in narrow
    assert "Backend" in narrow
    split = render_all(overview, "terminal", room=60)
    assert split.count("│ Experiment │") == 2
    assert "Not shown" not in split
    assert max(map(len, split.splitlines())) <= 60
    for heading in ("Group", "Backend", "Test %", "Val %"):
        assert heading in split


def test_a_long_reason_is_cut_on_a_terminal_alone():
    """Elsewhere it is whole."""
    reason = "diverged at epoch 2, " + "because of this and of that, " * 5
    found = tables(summary([row("A", status="failed", reason=reason)]))[:1]
    assert reason in render_all(found, "terminal")
    assert reason in render_all(found, "markdown") + " "
    assert "failed: diverg" in (narrow := render_all(found, "terminal", room=100))
    assert "…" in narrow


def test_what_is_shown_alike_shares_a_rank():
    """Digits that nobody sees decide nothing, but for the order of the lines."""
    found = board({"A": 0.91234, "B": 0.91231, "C": 0.91226, "D": 0.92})
    assert [(line["experiment"], line["rank"]) for line in lines(found, "accuracy")] == [
        ("D", "1"), ("A", "2"), ("B", "2"), ("C", "2"),
    ]  # fmt: skip
    (overview,) = [line for line in lines(found, "overview", "markdown") if line["Experiment"] == "C"]
    assert overview["Test %"] == "91.23 (2)"
    assert [as_shown(value, Kind.loss) for value in (0.12344, -0.12344)] == [0.1234, -0.1234]
    assert as_shown(1234567.8, Kind.rate) == 1234568
    assert not as_shown(nan, Kind.percent) < 1


def test_a_leaderboard_says_how_exactly_its_images_tell_an_accuracy():
    """Half of Wilson's interval, as scipy has it."""
    found = board({"A": 0.90, "B": 0.80}, sizes={"test": 400})
    interval = binomtest(360, 400).proportion_ci(0.95, method="wilson")
    half = 100 * (interval.high - interval.low) / 2
    told = f"400 test images tell an accuracy of 90.00% to ± {half:.2f} points (95 %)"
    assert [table.key for table in found if told in table.note] == ["overview", "accuracy"]
    assert not any("test images" in table.note for table in board({"A": 0.9}, sizes={"test": 400}))


def noisy(name, seed, clean, perturbed):
    """Return a tested row whose accuracy is the second under noise, at every severity."""
    evaluation = measured(clean, 0.4, (clean, *[perturbed] * 5))
    return row(name, seed=seed, metrics=trained(0.9, 0.8, 0.5), evaluation=evaluation)


def test_a_leaderboard_says_how_exactly_its_images_tell_a_degradation():
    """As the deviation of many drawings of 400 images, of which those that are right under noise are right without."""
    found = tables(summary([noisy("A", 1, 0.9, 0.6), noisy("B", 1, 0.8, 0.4)], sizes={"test": 400}))
    rng = np.random.default_rng(1)
    clean = rng.binomial(400, 0.9, 100_000)
    perturbed = rng.binomial(clean, 0.6 / 0.9)
    told = {
        table.key: re.findall(r"degradation of 33\.33% under gaussian_noise to ± ([\d.]+)", table.note)
        for table in found
    }
    assert {key for key, half in told.items() if half} == {"overview", "degradation"}
    for key in ("overview", "degradation"):
        assert float(told[key][0]) == pytest.approx(1.96 * np.std(100 * (1 - perturbed / clean)), rel=0.02)


def test_ranks_nearer_than_their_spread_may_be_chance():
    """Where several seeds have one."""
    said = "± is the standard deviation over seeds. Ranks of values that are nearer than their ± may be chance too."
    rows = [noisy(name, seed, 0.9 + seed / 100, 0.6) for name in "AB" for seed in (1, 2)]
    told = {table.key for table in tables(summary(rows)) if said in table.note}
    assert told == {"overview", "accuracy", "macro-f1", "cross-entropy", "degradation"}
    assert not [table.key for table in tables(summary(rows[::2])) if "±" in table.note]


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


def test_times_in_doubt_are_marked_and_told():
    """Seconds and samples a second of every trial, an exclamation mark at what shared the machine."""
    rows = [
        row(
            "A",
            metrics=trained(0.9, 0.8, 0.5, seconds=12.34, samples_per_second=9e5),
            contended="ran beside other trials",
        ),
        row("B", metrics=trained(0.9, 0.8, 0.5, seconds=1.0, samples_per_second=8e5)),
    ]
    found = tables(summary(rows))
    shown = {line["Experiment"]: line for line in lines(found, "validation", "markdown")}
    assert (shown["A"]["Seconds"], shown["A"]["Samples/s"]) == ("12.3 !", "900,000 !")
    assert (shown["B"]["Seconds"], shown["B"]["Samples/s"]) == ("1.0", "800,000")
    raw = lines(found, "validation")
    assert [(line["seconds"], line["seconds_doubt"]) for line in raw] == [
        ("12.34", "ran beside other trials"),
        ("1.0", ""),
    ]
    (note,) = [table.note for table in found if table.key == "validation"]
    assert note == "! Contended, and not ranked: 1 of 2. 'harness run --jobs 1' gives times to rank."
    quiet = tables(summary(rows[1:]))
    assert "!" not in render_all([table for table in quiet if table.key == "validation"], "terminal")


def test_one_trial_is_one_trial():
    """In titles too."""
    assert "1 of 1 trial done, 1 tested" in render_all(board({"A": 0.9}), "markdown")


def test_csv_is_one_table_unless_others_are_asked_for(tmp_path, command):
    """What pandas reads; which others there are is said on standard error."""
    run_suite(tmp_path, only=["A", "B"])
    told = command("leaderboard", "run", "-f", "csv")
    assert set(pd.read_csv(io.StringIO(told.out))["experiment"]) == {"A", "B"}
    assert told.err.startswith("CSV holds one table, here overview. -t NAME gives another: validation, comparison,")
    told = command("leaderboard", "run", "-f", "csv", "-t", "speed")
    assert set(pd.read_csv(io.StringIO(told.out))["experiment"]) == {"A", "B"}
    assert not told.err
    told = command("leaderboard", "run", "-f", "csv", "-t", "all")
    assert "# speed: Training speed" in told.out
    told = command("leaderboard", "run", "-t", "sped", code=2)
    assert "--table sped: no such table in this run. Did you mean 'speed'?" in told.err
    told = command("compare", "run", "run", "-f", "csv")
    assert "val_accuracy" in set(pd.read_csv(io.StringIO(told.out))["metric"])
    assert "here fractions" in told.err


def test_a_plan_has_notes_where_there_is_something_to_note(tmp_path, command):
    """Under a heading."""
    (tmp_path / "suite.toml").write_text(
        '[suite]\nname = "one"\n[experiments.A]\nhidden_layers = [4]\n'
        'optimizer = { name = "sgd", learning_rate = 0.1 }\n'
    )
    told = command("plan", "suite.toml").out
    assert told.startswith("one: 1 trial, 0 done, 1 to run")
    assert "Note" not in told
    told = command("plan", "suite.toml", "--set", "experiments.A.backend=cupy").out
    assert "Memory  Note\n" in told


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
    found = tables(summary([perturbed(severities)], high_severity=least))
    (table,) = [table for table in found if table.key == "robustness"]
    headings = {column.key: column.heading for column in table.columns}
    assert headings.get("mean_at_high_severity") == heading


def test_a_leaderboard_of_degradations_calls_them_so():
    """Its values are no accuracies of the test rows."""
    (table,) = [one for one in tables(summary([perturbed([0.1, 0.3])])) if one.key == "degradation"]
    assert [column.heading for column in table.columns if column.key == "test"] == ["Degradation %"]

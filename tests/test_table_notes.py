"""Notes below tables are two short lines at most, whatever there is to say, and what the signs in the table mean."""

import textwrap
from dataclasses import replace

import pytest

from harness.results.leaderboard import tables
from tests.made_results import best_of, summary
from tests.test_leaderboard import measured, row, trained

NAMES = [f"experiment-with-a-long-name-{index}" for index in range(30)]


def everything():
    """Return results of which all notes have something to say."""
    rows = []
    for index, name in enumerate(NAMES):
        metrics = trained(0.9, 0.5 + index / 100, 0.5, best_epoch=9, epochs=9)
        whole = measured(0.8, 0.4, (0.8, 0.8, 0.7, 0.6, 0.5, 0.4))
        part = replace(whole, measures=whole.measures[:4])
        rows += [
            row(
                name,
                seed=seed,
                metrics=metrics,
                evaluation=whole if index % 2 else part,
                settings={"epochs": 9},
                contended="ran beside other trials" if index % 3 else "",
            )
            for seed in range(12 + index % 4)
        ]
    rows += [row("stale", seed=seed, status="stale", reason="another split") for seed in range(3)]
    rows += [row("damaged", status="planned", reason="its row is damaged and will be made again: x")]
    rows += [row(f"failed-{index}", seed=seed, status="failed") for index in range(9) for seed in (1, 2)]
    return summary(
        rows,
        finalists={name: name for name in NAMES[:9]} | {"best": best_of("failed-*"), "later": best_of("stale")},
        series=dict.fromkeys(NAMES[:9], "experiment-*"),
        baseline=NAMES[0],
        compare=[(NAMES[0], NAMES[1])],
        sizes={"test": 10_000, "val": 10_000},
    )


@pytest.fixture(scope="module")
def notes():
    """Return the note of each table."""
    return {table.key: table.note for table in tables(everything())}


@pytest.mark.parametrize("key", sorted(table.key for table in tables(everything())))
def test_a_note_is_a_few_lines_of_a_hundred_columns_at_most(notes, key):
    """And there is one, as there is something to say: two lines, and up to two more of signs."""
    assert 1 <= len(textwrap.wrap(notes[key], 100)) <= 4


def test_signs_are_explained_however_much_there_is_to_say(notes):
    """A rank's confidence set, spreads and degradations: a reader cannot guess what they mean."""
    for sentence in (
        "[low–high]: 95 % confidence set of the rank",
        "±: SD over seeds.",
        "Degr.: the share of the clean",
    ):
        assert sentence in notes["overview"]
    assert (
        "Δ, the second less the first: = equal to the last bit, ? undecided. ±: SD over seeds." in notes["comparison"]
    )


def test_what_is_excluded_is_said_before_what_is_explained(notes):
    """Where not all has room."""
    assert notes["validation"].startswith("Excluded: 3 stale trials and 1 damaged row.")
    assert notes["robustness-loss"].startswith("Not ranked under gaussian_noise, because severities are missing: exper")


def test_a_leaderboards_values_have_the_metrics_title():
    """Macro-F1 is no test accuracy."""
    by_key = {table.key: table for table in tables(everything())}
    headings = {
        key: next(c.heading for c in by_key[key].columns if c.key == "test") for key in ("accuracy", "macro-f1")
    }
    assert headings == {"accuracy": "Test %", "macro-f1": "Macro-F1 %"}


def test_the_signs_that_are_shown_are_explained_before_advice():
    """With one seed, that they are about networks, too."""
    others = (0.8, 0.7, 0.6, 0.5, 0.4)
    for seeds in ((1,), (1, 2, 3)):
        rows = [
            row(
                name,
                seed=seed,
                metrics=trained(0.9, 0.8, 0.5),
                evaluation=measured(accuracy, 0.4, (accuracy, *others)),
            )
            for name, accuracy in (("A", 0.7), ("B", 0.9))
            for seed in seeds
        ]
        note = {table.key: table.note for table in tables(summary(rows, baseline="A"))}["overview"]
        assert note.startswith("vs A: ")

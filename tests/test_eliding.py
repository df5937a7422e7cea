"""Names where there is little room: what they share goes first, and no two look alike."""

from itertools import product

import pytest

from harness.results.tables import eliding
from harness.results.tables.drawing import ROUNDED
from harness.results.tables.eliding import distinct, elided
from harness.results.tables.fitting import Cells, fit
from harness.text import natural

GRID = [
    f"M1a[optimizer.learning_rate={rate},batch_size={size}]" for rate, size in product((0.01, 0.1, 1e-5), (64, 128))
]
LISTS = [f"M2[hidden_layers={widths},dropout=0.1]" for widths in ("[128]", "[128,64]", "[128,64,32]")]
NUMBERED = [f"experiment-with-a-long-name-{number}" for number in (1, 2, 10)]
NESTED = [f"M1[{'a_key=1,' * (index % 3 + 1)}optimizer.learning_rate=0.1,seed={index}]" for index in range(30)]
UNALIKE = ["first-of-all-the-long-names-x", "first-of-all-the-names-y", "first-of-all-z-and-more-of-it"]


@pytest.mark.parametrize("names", [GRID, LISTS, NUMBERED, UNALIKE, NESTED, [*GRID, *LISTS, "short"]])
@pytest.mark.parametrize("width", [20, 24, 30, 40, 60])
def test_what_differs_is_kept(names, width):
    """At any width that has room for it; nothing is longer than the room."""
    texts = elided(names, width)
    assert len(set(texts)) == len(names)
    assert all(len(text) <= width for text in texts)
    assert [text for text in texts if "…" not in text] == [text for text in names if text in texts]


def test_a_grid_keeps_its_name_and_its_values():
    """The keys, which all share, go."""
    assert elided(GRID, 20)[:3] == ["M1a[…=0.01,…=64]", "M1a[…=0.01,…=128]", "M1a[…=0.1,…=64]"]
    assert elided(LISTS, 24)[1] == "M2[…=[128,64],…]"


def test_texts_that_stay_apart_are_cut_at_the_end():
    """A sentence says most at its beginning."""
    assert elided(["failed: the first reason of all", "timed out"], 16) == ["failed: the fir…", "timed out"]
    assert elided(["the same long reason"] * 2, 10) == ["the same …"] * 2


@pytest.mark.parametrize("room", [40, 60, 80, 100])
@pytest.mark.parametrize("names", [GRID, NUMBERED, [f"{'a' * 40}{index}{'b' * 40}" for index in range(12)]])
def test_lines_of_a_table_have_names_that_differ(names, room):
    """In every part of it: the first column gets the room that it needs, others go."""
    lines = [
        [name, "a group of experiments", "12,345", "a reason that is as long as a line of text can be"]
        for name in names
    ]
    cells = Cells(["Experiment", "Group", "Parameters", "Status"], lines, [False, False, True, False], (1,))
    parts, _ = fit(cells, ROUNDED, room)
    for part in parts:
        assert len({line[0] for line in part.lines}) == len(names)


def test_thousands_of_names_are_elided_at_once(monkeypatch):
    """What they share is looked for once, not for every name."""
    calls = []
    monkeypatch.setattr(eliding, "_with_ends", lambda rows, real=eliding._with_ends: calls.append(1) or real(rows))
    assert len(set(elided([f"M1[{'a,' * (i % 3)}{'b' * 40},seed={i}]" for i in range(3000)], 40))) == 3000
    assert calls == [1]


def test_a_width_that_keeps_names_apart_is_found():
    """Equal names are no reason to widen."""
    assert distinct(["x" * 100] * 3, 16)
    assert distinct([f"{index:030d}" for index in range(9)], 3)
    assert not distinct([f"{index:030d}" for index in range(9)], 1)


def test_runs_are_sorted_as_people_count():
    """1, 2, 10; digits of any number; names without."""
    names = ["run-10", "run-2", "run-1", "a", "run-1b", "run", "9" * 5000, "10"]
    assert sorted(names, key=natural) == ["10", "9" * 5000, "a", "run", "run-1", "run-1b", "run-2", "run-10"]


def test_runs_lists_1_2_10(typed, tmp_path):
    """Whatever the system's order is."""
    for number in (10, 1, 2):
        (tmp_path / "runs" / f"try-{number}").mkdir(parents=True)
        (tmp_path / "runs" / f"try-{number}" / "run.json").write_text("{}")
    out = typed("runs").out
    assert out.index("try-1 ") < out.index("try-2 ") < out.index("try-10 ")

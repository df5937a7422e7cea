"""Names of wide signs: Chinese takes two columns a sign, an accent none, and a table's borders stay in line."""

import pytest
from rich.cells import cell_len
from tabulate import tabulate

from harness.metrics.statistic import Kind
from harness.results.tables import Column, Table, render_all
from harness.results.tables.drawing import PLAIN, ROUNDED, draw
from harness.results.tables.eliding import elided
from harness.results.tables.fitting import Cells
from harness.results.tables.wrapping import wrapped
from tests.made_results import summary
from tests.test_leaderboard import row, trained

NAMES = [
    "基準",
    "畳み込みニューラルネットワーク一",
    "畳み込みニューラルネットワーク二",
    "re\u0301seau",
    "small",
    "🙂 emoji",
]


def board(names, room, note=""):
    """Return a table of names, fitted into a terminal."""
    columns = [Column("name", "Name"), Column("value", "値", Kind.number)]
    lines = [{"name": name, "value": place} for place, name in enumerate(names)]
    return render_all([Table("one", "表", columns, lines, note)], "terminal", room=room)


@pytest.mark.parametrize("room", [None, 80, 30, 25])
def test_borders_stay_in_line(room):
    """Every line of the frame is as wide as the others, and none wider than the terminal."""
    lines = [line for line in board(NAMES, room).splitlines() if line[0] in "╭│├╰"]
    assert len(lines) == len(NAMES) + 4
    assert len({cell_len(line) for line in lines}) == 1
    assert cell_len(lines[0]) <= (room or 100)


def test_wide_names_that_begin_alike_stay_apart():
    """What differs is kept, and what is cut off is replaced by an ellipsis."""
    texts = elided(NAMES[1:3], 16)
    assert len(set(texts)) == 2
    assert all("…" in text and cell_len(text) <= 16 for text in texts)


@pytest.mark.parametrize("width", range(1, 12))
def test_a_wide_sign_is_not_divided(width):
    """Where half of one would have room, nothing is shown of it."""
    (text,) = elided(["一二三四五六"], width)
    assert cell_len(text) <= width


def test_a_note_is_wrapped_by_its_width():
    """Text without blanks, too."""
    lines = wrapped("一二三四五六七八九十 and words", 12).splitlines()
    assert "".join(lines).replace(" ", "") == "一二三四五六七八九十andwords"
    assert max(map(cell_len, lines)) <= 12
    assert wrapped("short", 12) == wrapped("short", None) == "short"


def test_a_run_of_wide_names_has_whole_tables():
    """The leaderboards of a suite."""
    from harness.results.leaderboard import tables

    results = summary([row(name, metrics=trained(0.9, 0.8, 0.5)) for name in NAMES])
    for table in tables(results):
        text = render_all([table], "terminal", room=100)
        frames = [cell_len(line) for line in text.splitlines() if line[:1] in set("╭│├╰")]
        assert max(frames, default=0) <= 100


@pytest.mark.parametrize(("frame", "style"), [(ROUNDED, "rounded_outline"), (PLAIN, "simple")])
def test_what_is_not_wide_is_drawn_as_tabulate_does(frame, style, monkeypatch):
    """The oracle is the library that draws the other formats."""
    monkeypatch.setattr("tabulate.MIN_PADDING", 0)
    cells = Cells(["Name", "Value"], [["a", "1"], ["a longer name", "1,000"]], [False, True])
    oracle = tabulate(cells.lines, cells.headings, style, colalign=("left", "right"), disable_numparse=True)
    assert draw(cells, frame) == oracle

"""Foreign texts in tables: a name or a reason shows as it is, and nothing obeys it, unless --raw asks for it."""

import csv
import io
import json

import pytest

from harness.metrics.statistic import Kind
from harness.results.tables import render_all
from harness.results.tables.escaping import cell, heading, latex, markdown, terminal
from harness.results.tables.model import Column, Table
from tests.report_runs import make_run

HTML = "<script>alert(1)</script>"
LINK = "[see](javascript:alert(1))"
FORMULAS = ["=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "\t=1+1", "\r@x", "\n+1", " =1", "\x00=1"]


def table(*texts, title="a title", note=""):
    columns = [Column("name", "Name"), Column("loss", "Loss", Kind.loss)]
    return Table("one", title, columns, [{"name": text, "loss": -0.5} for text in texts], note)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HTML, "&lt;script&gt;alert(1)&lt;/script&gt;"),
        (LINK, r"[see\](javascript:alert(1))"),
        ("![x](javascript:y)", r"![x\](javascript:y)"),
        ("[x][y]", r"[x\][y]"),
        ("[x]: javascript:y", r"[x\]: javascript:y"),
        ("a|b", r"a\|b"),
        ("*a* _b_ ~~c~~ `d`", r"\*a\* \_b\_ \~\~c\~\~ \`d\`"),
        ("&lt;", "&amp;lt;"),
        ("a\n\n<b>\x1b[31m", "a &lt;b&gt;?[31m"),
        ("M1a[optimizer.learning_rate=0.1]", "M1a[optimizer.learning_rate=0.1]"),
    ],
)
def test_markdown_shows_a_text_and_obeys_none_of_it(text, shown):
    """In a cell, a title and a note; a grid's names stay as they are."""
    assert markdown(text) == shown
    assert render_all([table(text, title=text, note=text)], "markdown").count(shown) == 3
    raw = render_all([table(text, title=text, note=text)], "markdown", raw=True)
    assert raw.count(text) == 3 or "\n" in text


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_computes_no_text(text):
    """Behind a blank, a tab, a line break or NUL neither; numbers stay numbers."""
    assert cell(text) == f"'{text}"
    text = text.replace("\r", "\n")
    for form, expected in ((False, f"'{text}"), (True, text)):
        lines = list(csv.DictReader(io.StringIO(render_all([table(text)], "csv", raw=form), newline="")))
        assert lines == [{"name": expected, "loss": "-0.5"}]


def test_a_text_that_is_no_formula_is_as_it_is_in_csv():
    """An equals sign within it is none."""
    for text in ("a=b", "'quoted", "", "5 - 3", "a, b"):
        assert cell(text) == text


def test_the_title_line_of_several_tables_is_no_formula_either():
    """A spreadsheet divides it at its commas."""
    two = [table("a", title="fog,\t=1+1, 1,797 images\n=2")] * 2
    assert render_all(two, "csv").splitlines()[0] == "# one: fog, '=1+1, 1,797 images =2"
    assert heading("digits, 1,797 images") == "digits, 1,797 images"


def test_latex_and_terminal_show_what_they_cannot_print_as_a_question_mark():
    """A line break would end a cell; a table that is wider than the text is made narrower."""
    assert latex("a\n\nb\x00 < c") == "a b? $<$ c"
    assert terminal("\x1b]0;title\x07") == "?]0;title?"
    text = render_all([table("x" * 200)], "latex")
    assert text.splitlines()[0] == r"% needs \usepackage{booktabs, adjustbox}"
    assert text.index(r"\begin{adjustbox}{max width=\linewidth}") < text.index(r"\begin{tabular}")
    assert text.index(r"\end{tabular}") < text.index(r"\end{adjustbox}") < text.index(r"\end{table}")


def test_raw_is_an_option_of_what_has_something_to_escape(typed, tmp_path):
    """A terminal and JSON have not."""
    make_run(tmp_path, {"A": "<b>g</b>"})
    for command in (("leaderboard", "run"), ("compare", "run", "run")):
        assert "<b>g</b>" not in typed(*command, "-f", "markdown").out
        err = typed(*command, "--raw", code=2).err
        assert err == "error: --raw: does not go with -f terminal: a terminal would obey raw text\n"
        typed(*command, "-f", "json", "--raw", code=2)
    assert "&lt;b&gt;g&lt;/b&gt;" in typed("leaderboard", "run", "-f", "markdown").out
    assert "<b>g</b>" in typed("leaderboard", "run", "-f", "markdown", "--raw").out


@pytest.mark.parametrize("more", ["", '[[expect]]\nrelation = "A.val_loss > 0"\n'])
def test_verify_writes_valid_json_where_there_is_nothing_to_tell(typed, tmp_path, more):
    """Without expectations, and where none is missed."""
    make_run(tmp_path, {"A": "g"}, more=more)
    assert json.loads(typed("verify", "run", "-f", "json", "--missed").out)["tables"] == {}


def test_the_tables_of_others_keep_their_padding(monkeypatch):
    """The library's settings are the whole process's."""
    import tabulate

    monkeypatch.setattr(tabulate, "MIN_PADDING", 2)
    render_all([Table("a", "A", [Column("a", "A")], [{"a": "b"}])], "markdown")
    assert tabulate.MIN_PADDING == 2

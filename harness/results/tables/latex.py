"""Tables for papers: LaTeX in the rules of booktabs, with a caption, a label, and the note below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.results.tables.model import Table


@dataclass(frozen=True)
class Float:
    """What surrounds a table in a paper: None is the table's title, and its key after ``tab:``."""

    caption: str | None = None
    """LaTeX as it is."""
    label: str | None = None


def in_float(table: Table, body: str, escape: Callable[[str], str], around: Float) -> str:
    r"""Return a float with a table, whose ``body`` is a ``tabular`` with an ``\hline`` above, below and between.

    adjustbox makes it narrower where it is wider than the text. The note is below, in a smaller size.
    """
    rules = body.replace("\\hline", "\\midrule").replace("\\midrule", "\\toprule", 1)
    head, _, tail = rules.rpartition("\\midrule")
    note = f"\n\\par\\smallskip\n{{\\footnotesize\\raggedright {escape(table.note)}\\par}}" if table.note else ""
    caption = escape(table.title) if around.caption is None else around.caption
    label = f"tab:{table.key}" if around.label is None else around.label
    return (
        "% needs \\usepackage{booktabs, adjustbox}\n"
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\label{{{label}}}\n"
        f"\\begin{{adjustbox}}{{max width=\\linewidth}}\n{head}\\bottomrule{tail}\n\\end{{adjustbox}}{note}\n"
        "\\end{table}"
    )

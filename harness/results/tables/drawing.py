"""Tables of text as a terminal shows them: what is drawn around cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len

from harness.results.tables.fitting import Cells, Frame

ROUNDED = Frame("│ ", " │ ", " │", rules=(("╭─", "─┬─", "─╮"), ("├─", "─┼─", "─┤"), ("╰─", "─┴─", "─╯")), stroke="─")
PLAIN = Frame("", "  ", "", rules=(None, ("", "  ", ""), None), stroke="-")


def draw(cells: Cells, frame: Frame) -> str:
    """Return a table of text in a frame."""
    widths = cells.widths
    top, middle, bottom = (_rule(rule, widths, frame.stroke) for rule in frame.rules)
    head, *lines = (_lines(texts, widths, cells.right, frame) for texts in [cells.headings, *cells.lines])
    return "\n".join(filter(None, [top, head, middle, *lines, bottom]))


def _lines(texts: list[str], widths: list[int], right: list[bool], frame: Frame) -> str:
    """Return a row of a table, in as many lines as the cell that has most."""
    lines = zip_longest(*(text.split("\n") for text in texts), fillvalue="")
    return "\n".join(_line(line, widths, right, frame) for line in lines)


def _line(texts: Sequence[str], widths: list[int], right: list[bool], frame: Frame) -> str:
    padded = []
    for text, width, to_right in zip(texts, widths, right, strict=True):
        blanks = " " * (width - cell_len(text))
        padded.append(blanks + text if to_right else text + blanks)
    return (frame.left + frame.between.join(padded) + frame.right).rstrip()


def _rule(rule: tuple[str, str, str] | None, widths: list[int], stroke: str) -> str:
    if rule is None:
        return ""
    left, between, right = rule
    return left + between.join(stroke * width for width in widths) + right

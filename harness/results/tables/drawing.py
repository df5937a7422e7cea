"""Tables of text as a terminal shows them: what is drawn around cells, and lines that are wrapped.

Widths are in a terminal's columns: a Chinese character takes two, an accent that joins its letter none.
"""

from __future__ import annotations

from rich.cells import cell_len, chop_cells

from harness.results.tables.fitting import Cells, Frame

ROUNDED = Frame("│ ", " │ ", " │", rules=(("╭─", "─┬─", "─╮"), ("├─", "─┼─", "─┤"), ("╰─", "─┴─", "─╯")), stroke="─")
PLAIN = Frame("", "  ", "", rules=(None, ("", "  ", ""), None), stroke="-")


def draw(cells: Cells, frame: Frame) -> str:
    """Return a table of text in a frame."""
    widths = cells.widths
    top, middle, bottom = (_rule(rule, widths, frame.stroke) for rule in frame.rules)
    head, *lines = (_line(texts, widths, cells.right, frame) for texts in [cells.headings, *cells.lines])
    return "\n".join(filter(None, [top, head, middle, *lines, bottom]))


def _line(texts: list[str], widths: list[int], right: list[bool], frame: Frame) -> str:
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


def wrapped(text: str, room: int | None) -> str:
    """Return text in lines that a terminal has room for, broken between words where that can be."""
    if room is None or cell_len(text) <= room:
        return text
    lines = [""]
    for word in text.split():
        for part in chop_cells(word, room):
            longer = f"{lines[-1]} {part}" if lines[-1] else part
            if cell_len(longer) <= room:
                lines[-1] = longer
            else:
                lines.append(part)
    return "\n".join(lines)

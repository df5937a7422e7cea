"""Texts for little room that stay apart: what they share is left out, what differs is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, product

from rich.cells import cell_len

# Lists, numbers, words and signs: ``M1a[hidden_layers=[128,64],optimizer.learning_rate=1e-05]``.
_PIECES = re.compile(r"\[[\d.,]+\]|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[^\W\d]+|.", re.DOTALL)


def elided(texts: Sequence[str], width: int) -> list[str]:
    """Return texts of at most ``width`` columns each: cut at the end, but for those that would look alike.

    They lose the longest of what they share first, each part for an ellipsis; what differs is cut last.

    >>> elided(["M1a[learning_rate=0.01]", "M1a[learning_rate=0.1]", "a long reason without a like"], 16)
    ['M1a[…=0.01]', 'M1a[…=0.1]', 'a long reason w…']
    """
    different = list(dict.fromkeys(texts))
    shown = {text: _cut(text, width) for text in different}
    groups: dict[str, list[str]] = {}
    for text in different:
        if shown[text] != text:
            # What a grid makes of one experiment is elided alike.
            groups.setdefault(text.partition("[")[0] if "[" in text else shown[text], []).append(text)
    for group in groups.values():
        if len({shown[text] for text in group}) < len(group):
            shown |= dict(zip(group, _without_shared(group, width), strict=True))
    return [shown[text] for text in texts]


def distinct(texts: Sequence[str], width: int) -> bool:
    """Say whether different texts look different where there is so much room."""
    return len(set(elided(texts, width))) == len(set(texts))


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else _start(text, width - 1) + "…"


def _cut_middle(text: str, width: int) -> str:
    head, tail = width // 2, (width - 1) // 2
    return text if cell_len(text) <= width else _start(text, head) + "…" + _end(text, tail)


def _cut_start(text: str, width: int) -> str:
    return text if cell_len(text) <= width else "…" + _end(text, width - 1)


def _start(text: str, width: int) -> str:
    """Return the longest beginning of a text that takes at most ``width`` columns of a terminal."""
    return next(text[:count] for count in range(min(width, len(text)), -1, -1) if cell_len(text[:count]) <= width)


def _end(text: str, width: int) -> str:
    """Return the longest end, likewise."""
    first = max(0, len(text) - width)
    return next(text[index:] for index in range(first, len(text) + 1) if cell_len(text[index:]) <= width)


def _without_shared(group: list[str], width: int) -> list[str]:
    rows = [_PIECES.findall(text) for text in group]
    if len({len(row) for row in rows}) > 1:
        rows = _with_ends(rows)
    shared = [len(set(column)) == 1 for column in zip(*rows, strict=True)]
    runs = [
        (same, [index for index, _ in part]) for same, part in groupby(enumerate(shared), key=lambda place: place[1])
    ]
    forms = {
        place: _forms([rows[0][index] for index in run], first=place == 0)
        for place, (same, run) in enumerate(runs)
        if same
    }
    kept = {place: shapes[0] for place, shapes in forms.items()}
    longest = sorted(forms, key=lambda place: -cell_len(forms[place][0]))
    texts = group
    for level, place in product(range(1, 4), longest):
        if max(map(cell_len, texts)) <= width:
            break
        kept[place] = forms[place][level]
        texts = [
            "".join(kept.get(place, "".join(row[index] for index in run)) for place, (_, run) in enumerate(runs))
            for row in rows
        ]
    # What differs may be at either end of what is left.
    cuts = (_cut, _cut_middle, _cut_start)
    return max(([cut(text, width) for text in texts] for cut in cuts), key=lambda shown: len(set(shown)))


def _forms(pieces: list[str], *, first: bool) -> list[str]:
    """Return a shared part in four lengths: whole, its ends, its end, or an ellipsis; a grid's begins with its name."""
    whole = "".join(pieces)
    name, bracket, _ = whole.partition("[")
    head = (name + bracket if bracket else "".join(pieces[:2])) if first else pieces[0]
    tail = pieces[-1] if len(pieces) > 1 else ""
    forms = [whole, f"{head}…{tail}", f"{pieces[0]}…" if first else f"…{tail}", "…"]
    return [form if cell_len(form) < cell_len(whole) else whole for form in forms]


def _with_ends(rows: list[list[str]]) -> list[list[str]]:
    """Return rows of equal length: their shared beginning, piece by piece, the middle of each, and the shared end."""
    least = min(map(len, rows))
    start = next((i for i in range(least) if len({row[i] for row in rows}) > 1), least)
    most = least - start
    end = next((i for i in range(most) if len({row[-1 - i] for row in rows}) > 1), most)
    return [[*row[:start], "".join(row[start : len(row) - end]), *row[len(row) - end :]] for row in rows]

"""Notes below tables: what there is to say in two short lines, and what the signs in the table mean."""

from collections.abc import Iterable

_ROOM = 190
"""Characters that two lines of a terminal of a hundred columns surely have room for."""


SPREAD = "±: SD over seeds."


def brief(*sentences: str, signs: Iterable[str] = ()) -> str:
    """Return sentences, the most important first, as a note; without those that two lines have no room for.

    ``signs``: sentences about what the table shows. They come last and are never left out.

    >>> brief("", "First.", "x" * 200, "Last.")
    'First. Last.'
    >>> brief("x" * 185, "Last.", signs=["±: SD over seeds."])[185:]
    ' ±: SD over seeds.'
    """
    note = ""
    for sentence in filter(None, sentences):
        longer = f"{note} {sentence}".lstrip()
        if not note or len(longer) <= _ROOM:
            note = longer
    return " ".join(filter(None, [note, *signs]))

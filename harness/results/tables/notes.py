"""Notes below tables: at most two short lines."""

_ROOM = 190
"""Characters that two lines of a terminal of a hundred columns surely have room for."""


def brief(*sentences: str) -> str:
    """Return sentences, the most important first, as a note; without those that it has no room for.

    >>> brief("", "First.", "x" * 200, "Last.")
    'First. Last.'
    """
    note = ""
    for sentence in filter(None, sentences):
        longer = f"{note} {sentence}".lstrip()
        if not note or len(longer) <= _ROOM:
            note = longer
    return note

"""The errors that a person can mend, and how they are worded."""

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """A mistake in a suite, a command, a data file or a plugin.

    The message is one line that says where, what, which value, and what would do. The command line prints it and exits
    with code 2; anything else that is raised is a bug and keeps its traceback.
    """


class TrialError(Exception):
    """A trial that cannot go on; the message, one line, is its row's reason."""


class PluginError(Exception):
    """What a plugin did that is no ordinary exception: it exits, or takes too long. The message is one line."""


REASON_LIMIT = 1_000
"""Characters that are kept of what a foreign error says: enough for a sentence, too little to flood a log or a row."""


def one_line(error: BaseException, limit: int = REASON_LIMIT) -> str:
    """Return an error in one line: its message, after its type unless the message was written for people.

    The message is made `printable` and cut at ``limit`` characters.

    >>> one_line(ValueError("no  such thing")), one_line(TrialError("diverged"))
    ('ValueError: no such thing', 'diverged')
    """
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 - a plugin's exception may fail to describe itself
        text = f"(its message cannot be read: {type(second).__name__})"
    if not isinstance(error, HarnessError | TrialError | PluginError):
        text = f"{type(error).__name__}: {text[: _SCANNED * limit]}" if text else type(error).__name__
    return printable(text, limit)


_SCANNED = 4
"""Characters that are looked at for each one that is kept: blanks and escapes change the length."""


def printable(text: str, limit: int = REASON_LIMIT) -> str:
    r"""Return foreign text in one line of at most ``limit`` characters, ready for a terminal, a log or a row.

    Runs of white space become one blank. Control characters, escape sequences, marks that change the direction of
    writing and lone surrogates (bytes of a path that are not UTF-8) are escaped as in Python. What is cut off is
    replaced by an ellipsis.

    >>> print(printable("red:\x1b[31m\nnext\udcff"))
    red:\x1b[31m next\udcff
    >>> printable("a" * 90, limit=10)
    'aaaaaaaaa…'
    """
    kept = " ".join(text[: _SCANNED * limit].split())
    safe = escaped(kept)
    if len(safe) <= limit and len(text) <= _SCANNED * limit:
        return safe
    return safe[: limit - 1] + "…"


def escaped(text: str) -> str:
    r"""Return text with all that a terminal would obey or cannot show escaped as in Python, but for new lines.

    >>> print(escaped("red:  \x1b[31m"))
    red:  \x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(value: object, limit: int = 80) -> str:
    """Return a value as a message quotes it: its ``repr`` in one line of at most ``limit`` characters.

    >>> shown("adan"), shown([1, 2]), shown("a" * 100, limit=12)
    ("'adan'", '[1, 2]', "'aaaaaaaaa…'")
    >>> shown(10**5000)
    'a whole number of about 5,001 digits'
    """
    if isinstance(value, str):
        text = repr(value[: limit + 1])
        return text if len(text) <= limit else f"{text[: limit - 2]}…{text[0]}"
    try:
        return printable(repr(value), limit)
    except Exception:  # noqa: BLE001 - Python writes no integer of more than 4,300 digits; foreign values raise anything
        if isinstance(value, int):
            return f"a whole number of about {int(value.bit_length() * 0.30103) + 1:,} digits"
        return f"a value of type {type(value).__name__}"


def as_typed(text: object, limit: int = 200) -> str:
    """Return a path or an option as a person typed it, if that is one line of at most ``limit`` characters.

    Anything else is made `printable`.

    >>> as_typed("runs/my  run"), as_typed("a" * 20, limit=10)
    ('runs/my  run', 'aaaaaaaaa…')
    """
    typed = str(text)
    return typed if len(typed) <= limit and typed.isprintable() else printable(typed, limit)


_KNOWN = 30
"""Names that are listed: more do not help."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the sentence that helps with an unknown name: the nearest known one, then what there is.

    >>> nearest("adan", ["sgd", "adam"])
    "Did you mean 'adam'? Known: adam, sgd."
    >>> nearest("x", [])
    'There is none.'
    """
    choices = sorted(known)
    if not choices:
        return "There is none."
    close = get_close_matches(name[:200], choices, n=1)  # its time grows with the product of the lengths
    guess = f"Did you mean {shown(close[0])}? " if close else ""
    more = f", and {len(choices) - _KNOWN:,} more" if len(choices) > _KNOWN else ""
    return f"{guess}Known: {', '.join(as_typed(choice) for choice in choices[:_KNOWN])}{more}."

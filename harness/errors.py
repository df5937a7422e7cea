"""Errors that the user can fix, and their wording."""

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """An error in a suite, a command, a data file or a plugin.

    The message is one line that says where, what, which value, and how to fix it. The command line prints it and exits
    with code 2. Any other exception is a bug and keeps its traceback.
    """


class TrialError(Exception):
    """A trial cannot continue; the message, one line, is the reason in its row."""


class PluginError(Exception):
    """A plugin exited, took too long, or raised something that is not an `Exception`. The message is one line."""


class LostError(Exception):
    """What the trials ran on has gone: the run is interrupted, and the same command resumes. The text says what."""


REASON_LIMIT = 1_000
"""The most characters of a foreign error's message: enough for a sentence, too few to flood a log or a row."""


def one_line(error: BaseException, limit: int = REASON_LIMIT) -> str:
    """Return an error in one line: its message, after its type unless the error is one of ours.

    The message is made `printable` and cut at ``limit`` characters.

    >>> one_line(ValueError("no  such thing")), one_line(TrialError("diverged"))
    ('ValueError: no such thing', 'diverged')
    """
    try:
        text = str(error)
    except (Exception, SystemExit) as second:  # noqa: BLE001 - a plugin's exception may fail to describe itself
        text = f"(its message cannot be read: {type(second).__name__})"
    if not isinstance(error, HarnessError | TrialError | PluginError):
        text = f"{type(error).__name__}: {text[: _SCANNED * limit]}" if text else type(error).__name__
    return printable(text, limit)


_SCANNED = 4
"""Characters that are read for each one that is shown, because blanks and escapes change the length."""


def printable(text: str, limit: int = REASON_LIMIT) -> str:
    r"""Return foreign text in one line of at most ``limit`` characters, ready for a terminal, a log or a row.

    Runs of white space become one blank. Control characters, escape sequences, marks that change the direction of
    writing and lone surrogates (bytes of a path that are not UTF-8) are escaped as in Python. An ellipsis replaces what
    is cut off.

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
    r"""Return text with control characters and others that cannot be shown escaped as in Python, except new lines.

    >>> print(escaped("red:  \x1b[31m"))
    red:  \x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(value: object, limit: int = 80) -> str:
    """Return a value for a message: its ``repr`` in one line of at most ``limit`` characters.

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
    """Return a path or an option as it was typed if that is one line of at most ``limit`` characters.

    Anything else is made `printable`.

    >>> as_typed("runs/my  run"), as_typed("a" * 20, limit=10)
    ('runs/my  run', 'aaaaaaaaa…')
    """
    typed = str(text)
    return typed if len(typed) <= limit and typed.isprintable() else printable(typed, limit)


_KNOWN = 30
"""The most names that are listed."""
_PART = 3
"""The fewest characters of a name that is taken for a part of another."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the sentences that help with an unknown name: the nearest known one, and all known ones.

    >>> nearest("adan", ["sgd", "adam"])
    "Did you mean 'adam'? Known: adam, sgd."
    >>> nearest("mnist", ["digits", "emnist-mnist", "emnist-letters"])
    "Did you mean 'emnist-mnist'? Known: digits, emnist-letters, emnist-mnist."
    >>> nearest("x", [])
    'There is none.'
    """
    choices = sorted(known)
    if not choices:
        return "There is none."
    close = get_close_matches(name[:200], choices, n=1)  # its time grows with the product of the lengths
    if not close and len(name) >= _PART:
        close = sorted((choice for choice in choices if name.casefold() in choice.casefold()), key=len)
    guess = f"Did you mean {shown(close[0])}? " if close else ""
    more = f", and {len(choices) - _KNOWN:,} more" if len(choices) > _KNOWN else ""
    return f"{guess}Known: {', '.join(as_typed(choice) for choice in choices[:_KNOWN])}{more}."

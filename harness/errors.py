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


def one_line(error: BaseException) -> str:
    """Return an error in one line: its message, after its type unless the message was written for people.

    >>> one_line(ValueError("no  such thing")), one_line(TrialError("diverged"))
    ('ValueError: no such thing', 'diverged')
    """
    text = " ".join(str(error).split())
    return text if isinstance(error, HarnessError | TrialError) else f"{type(error).__name__}: {text}"


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
    close = get_close_matches(name, choices, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(choices)}."

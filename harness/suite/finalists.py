"""Which experiments are finalists: the only ones that ever see the test rows."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern means: the name itself where there is one, else those that it matches as a glob.

    >>> matching("M1*", ["M0", "M1a", "M1b"])
    ['M1a', 'M1b']
    >>> matching("A[lr=1]", ["A[lr=1]", "Al"])
    ['A[lr=1]']
    """
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]

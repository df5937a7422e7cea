"""Which experiments are finalists: the only ones that ever see the test rows."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from harness.suite.models import BestOf, Suite


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern means: the name itself where there is one, else those that it matches as a glob.

    >>> matching("M1*", ["M0", "M1a", "M1b"])
    ['M1a', 'M1b']
    >>> matching("A[lr=1]", ["A[lr=1]", "Al"])
    ['A[lr=1]']
    """
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]


def chosen(only: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that some patterns mean, in their order; all of them without a pattern.

    >>> chosen(["M1*"], ["M0", "M1a"]), chosen([], ["M0"])
    (['M1a'], ['M0'])
    """
    names, patterns = list(names), list(only)
    wanted = {name for pattern in patterns for name in matching(pattern, names)}
    return [name for name in names if name in wanted] if patterns else names


def may_be_tested(suite: Suite, names: Iterable[str]) -> bool:
    """Say whether one of these experiments is a finalist, or may become one; without finalists, all are tested."""
    patterns = [one.best_of if isinstance(one, BestOf) else one for one in suite.finalists.values()]
    finalists = {name for pattern in patterns for name in matching(pattern, suite.experiments)}
    return any(not suite.finalists or name in finalists for name in names)

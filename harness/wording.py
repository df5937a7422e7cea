"""Numbers and commands in sentences."""

import re
import shlex
from collections.abc import Mapping, Sequence

_LISTED = 10
"""So many seeds are named one by one."""


def command(*words: object) -> str:
    r"""Return a command that a shell reads as these words: a person pastes what is printed.

    >>> print(command("harness", "leaderboard", "runs/my suite"))
    harness leaderboard 'runs/my suite'
    >>> print(command("cd", "line\nbreak\udcff"))
    cd $'line\x0abreak\xff'
    """
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # Bash, zsh and POSIX of 2024 have these quotes, which keep a line break in one line and name any byte.
    signs = (f"\\{sign}" if sign in "'\\" else sign if sign.isprintable() else _bytes(sign) for sign in word)
    return f"$'{''.join(signs)}'"


def _bytes(sign: str) -> str:
    try:
        found = sign.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which is no byte of a path
        found = sign.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in found)


def natural(text: str) -> list[tuple[int, str]]:
    """Return what sorts texts as people do: numbers in them by their value.

    >>> sorted(["run-10", "run-2", "run-1"], key=natural)
    ['run-1', 'run-2', 'run-10']
    """
    parts = re.split(r"(\d+)", text)
    # Every second part is a number, whose digits are compared as text once their count is: it may have any length.
    numbers = [part.lstrip("0") if index % 2 else part for index, part in enumerate(parts)]
    return [(len(part) if index % 2 else 0, part) for index, part in enumerate(numbers)]


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """Return some numbers of a thing.

    >>> numbered("seed", [1]), numbered("seed", [1, 2])
    ('seed 1', 'seeds 1, 2')
    """
    return f"{noun}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def counted(count: int, noun: str) -> str:
    """Return how many of something there are, in the noun's right number.

    >>> counted(1, "trial"), counted(0, "trial"), counted(1797, "image"), counted(2, "class")
    ('1 trial', '0 trials', '1,797 images', '2 classes')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def uneven_seeds(seeds: Mapping[str, Sequence[int]]) -> str:
    """Say which experiments have which seeds, where not all that have any have the same; empty where they do.

    >>> uneven_seeds({"A": [1, 2, 7], "B": [1, 2], "C": [1, 2]})
    'Seeds differ: A has 3 (1, 2, 7), the others have 2 (1, 2). A difference is over those that both sides have.'
    >>> uneven_seeds({"A": [1, 2], "B": [1, 2], "C": []})
    ''
    """
    having: dict[tuple[int, ...], list[str]] = {}
    for name, found in seeds.items():
        if found:
            having.setdefault(tuple(sorted(found)), []).append(name)
    if len(having) < 2:
        return ""
    told = []
    groups = sorted(having.items(), key=lambda group: len(group[1]))
    for group, names in groups:
        who = "the others" if group == groups[-1][0] and len(names) > 1 else ", ".join(names)
        which = f" ({', '.join(map(str, group))})" if len(group) <= _LISTED else ""
        told.append(f"{who} {'have' if len(names) > 1 else 'has'} {len(group)}{which}")
    return f"Seeds differ: {', '.join(told)}. A difference is over those that both sides have."


def megabytes(count: int) -> str:
    """Return a number of bytes as people read it.

    >>> megabytes(561_753_746)
    '561.8 MB'
    """
    return f"{count / 1e6:,.1f} MB"

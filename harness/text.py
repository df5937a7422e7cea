"""Numbers, durations and commands for messages."""

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from harness.errors import HarnessError, shown

_LISTED = 10
"""The most seeds that are listed."""
_NAMES = 60
"""The most characters of several names in a sentence."""


def command(*words: object) -> str:
    r"""Return a command with these words, quoted so that it can be pasted into a shell.

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
    parts = (f"\\{each}" if each in "'\\" else each if each.isprintable() else _bytes(each) for each in word)
    return f"$'{''.join(parts)}'"


def _bytes(character: str) -> str:
    """Return a character as the escapes of its bytes."""
    try:
        content = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which is not a byte of a path
        content = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in content)


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in texts by their value.

    >>> sorted(["run-10", "run-2", "run-1"], key=natural)
    ['run-1', 'run-2', 'run-10']
    """
    parts = re.split(r"(\d+)", text)
    # Every second part is a number, whose digits are compared as text once their count is: it may have any length.
    numbers = [part.lstrip("0") if index % 2 else part for index, part in enumerate(parts)]
    return [(len(part) if index % 2 else 0, part) for index, part in enumerate(numbers)]


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """Return a noun and its numbers.

    >>> numbered("seed", [1]), numbered("seed", [1, 2])
    ('seed 1', 'seeds 1, 2')
    """
    return f"{noun}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def counted(count: int, noun: str) -> str:
    """Return a count and its noun, singular or plural.

    >>> counted(1, "trial"), counted(0, "trial"), counted(1797, "image"), counted(2, "class")
    ('1 trial', '0 trials', '1,797 images', '2 classes')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def possessive(name: str) -> str:
    """Return a name with the ending of what belongs to it.

    >>> possessive("A"), possessive("theirs")
    ("A's", "theirs'")
    """
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def some(names: Sequence[str], most: int = 4, *, between: str = ", ") -> str:
    """Return names as a short text has them: fewer than ``most`` where they are long.

    >>> some(["A", "B"]), some(["A", "B", "C"], most=2)
    ('A, B', 'A, B and 1 more')
    """
    listed = list(names[:most])
    while len(listed) > 1 and len(between.join(listed)) > _NAMES:
        listed.pop()
    more = f" and {len(names) - len(listed)} more" if len(names) > len(listed) else ""
    return between.join(listed) + more


def uneven_seeds(seeds: Mapping[str, Sequence[int]]) -> str:
    """Return which experiments have which seeds if they differ; empty if all that have any have the same.

    >>> uneven_seeds({"A": [1, 2, 7], "B": [1, 2], "C": [1, 2]})
    'Seeds differ: A has 3 (1, 2, 7), the others have 2 (1, 2). Differences use the seeds of both sides.'
    >>> uneven_seeds({"A": [1, 2], "B": [1, 2], "C": []})
    ''
    >>> uneven_seeds({"A": [1], "B": [1, 2], "C": [1, 2, 3]})
    'Seeds differ: each has 1 to 3. Differences use the seeds of both sides.'
    """
    having: dict[tuple[int, ...], list[str]] = {}
    for name, own in seeds.items():
        if own:
            having.setdefault(tuple(sorted(own)), []).append(name)
    if len(having) < 2:
        return ""
    if len(having) > 2:
        numbers = [len(group) for group in having]
        return f"Seeds differ: each has {min(numbers)} to {max(numbers)}. Differences use the seeds of both sides."
    parts = []
    groups = sorted(having.items(), key=lambda group: len(group[1]))
    for group, names in groups:
        who = "the others" if group == groups[-1][0] and len(names) > 1 else some(names)
        which = f" ({', '.join(map(str, group))})" if len(group) <= _LISTED else ""
        parts.append(f"{who} {'have' if len(names) > 1 else 'has'} {len(group)}{which}")
    return f"Seeds differ: {', '.join(parts)}. Differences use the seeds of both sides."


def megabytes(count: int) -> str:
    """Return a number of bytes in megabytes; what would be 0.0 MB, in smaller units.

    >>> megabytes(561_753_746), megabytes(50_000), megabytes(49_999), megabytes(49)
    ('561.8 MB', '0.1 MB', '50.0 kB', '49 bytes')
    """
    if count < 50_000:
        return f"{count / 1e3:,.1f} kB" if count >= 1_000 else counted(count, "byte")
    return f"{count / 1e6:,.1f} MB"


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 100 * 365.25 * 86400
"""The longest duration in seconds; clocks and waits have limits."""


def seconds(text: str) -> float:
    """Return the seconds of a duration; a number without a unit is seconds.

    Raises:
        ValueError: the text is not a duration above 0 and of at most a hundred years.

    >>> seconds("30m"), seconds("1.5h"), seconds("90")
    (1800.0, 5400.0, 90.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip(), flags=re.ASCII)
    count = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0.0 < count <= _LONGEST:
        msg = f"{shown(text)} is not a duration. Write 90s, 30m or 2h (90 is 90s), at most a hundred years"
        raise ValueError(msg)
    return count


def duration(option: str, text: str | None) -> float | None:
    """Return an option's duration in seconds, None where it is not given.

    Raises:
        HarnessError: the text is not a duration.
    """
    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise HarnessError(msg) from None


def spoken(count: float) -> str:
    """Return seconds in at most two units.

    >>> spoken(0.42), spoken(59.7), spoken(75), spoken(7300), spoken(200000)
    ('0.4 s', '1 m 0 s', '1 m 15 s', '2 h 1 m', '2 d 7 h')
    """
    if count < 59.5:
        return f"{count:.1f} s" if count < 9.95 else f"{count:.0f} s"
    parts: list[str] = []
    rest = round(count)
    for unit in ("d", "h", "m", "s"):
        value, rest = divmod(rest, _UNITS[unit])
        if value or parts:
            parts.append(f"{value} {unit}")
    return " ".join(parts[:2])


def predicted(count: float) -> str:
    """Return predicted seconds.

    >>> predicted(0.3), predicted(75)
    ('less than 1 s', 'about 1 m 15 s')
    """
    return f"about {spoken(count)}" if count >= 1 else "less than 1 s"


def in_toml(value: Any) -> str:
    """Return a value for a message; a date or time in TOML's notation, with its type.

    >>> in_toml(date(2026, 1, 31)), in_toml("a")
    ('the date 2026-01-31', "'a'")
    """
    if isinstance(value, date | time):
        kind = "date and time" if isinstance(value, datetime) else "date" if isinstance(value, date) else "time"
        return f"the {kind} {value}"
    return shown(value)

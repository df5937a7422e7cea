"""Durations as people write them, and as people read them."""

import re

from harness.errors import shown

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 100 * 365.25 * 86400
"""Seconds: clocks and waits take no number without end."""


def seconds(text: str) -> float:
    """Return how many seconds a text means.

    Raises:
        ValueError: it is none, not above 0, or above a hundred years.

    >>> seconds("30m"), seconds("1.5h"), seconds("90")
    (1800.0, 5400.0, 90.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip(), flags=re.ASCII)
    count = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0.0 < count <= _LONGEST:
        msg = f"{shown(text)} is no duration: write 90s, 30m or 2h; at most a hundred years"
        raise ValueError(msg)
    return count


def spoken(count: float) -> str:
    """Return seconds in words of at most two units.

    >>> spoken(0.42), spoken(75), spoken(7300), spoken(200000)
    ('0.4 s', '1 m 15 s', '2 h 1 m', '2 d 7 h')
    """
    if count < 60:
        return f"{count:.1f} s" if count < 10 else f"{count:.0f} s"
    parts: list[str] = []
    rest = round(count)
    for unit in ("d", "h", "m", "s"):
        value, rest = divmod(rest, _UNITS[unit])
        if value or parts:
            parts.append(f"{value} {unit}")
    return " ".join(parts[:2])

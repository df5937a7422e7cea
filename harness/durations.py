"""Durations as people write them, and as people read them."""

import re

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Return how many seconds a text means.

    Raises:
        ValueError: it is none, or not above 0.

    >>> seconds("30m"), seconds("1.5h"), seconds("90")
    (1800.0, 5400.0, 90.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not found or not float(found[1]):
        msg = f"{text!r} is no duration: write 90s, 30m or 2h"
        raise ValueError(msg)
    return float(found[1]) * _UNITS[found[2]]


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

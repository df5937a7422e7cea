"""Names as parts of a path: safe on every file system, and apart where one folds case."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from pathlib import Path

_LONGEST = 120
"""Bytes of a name; file systems have 255, Windows 260 for a whole path."""
_KEPT = 80
"""Bytes of a longer name that its folder begins with."""
_DIGITS = 12
"""Hexadecimal digits of a digest in a name."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever the extension."""


def encoded(name: str) -> str:
    """Return a name as an earlier version made a folder of it: letters, digits and a few signs stay as they are.

    The rest is percent-encoded.

    >>> encoded("M1a[optimizer.learning_rate=0.1]"), encoded("../evil")
    ('M1a[optimizer.learning_rate=0.1]', '%2E.%2Fevil')
    """
    text = quote(name.encode(errors="surrogateescape"), safe="[]=,+@() ")
    return "%2E" + text[1:] if text.startswith(".") else text


def safe_name(name: str, *, apart: bool = False) -> str:
    """Return a name as one path component of at most 120 bytes, that every file system takes.

    A longer one ends with a digest of the whole. A device's name on Windows, and a dot or blank at the end, are
    percent-encoded. ``apart``: with its digest, because another name differs from it in case alone.

    >>> safe_name("M1"), safe_name("M1", apart=True)
    ('M1', 'M1~2d214ca69b86')
    >>> safe_name("M1~2d214ca69b86"), safe_name("con"), safe_name("nul.x"), safe_name("a."), safe_name("a ")
    ('M1%7E2d214ca69b86', '%63on', '%6Eul.x', 'a%2E', 'a%20')
    """
    text = encoded(name).replace("~", "%7E")  # it marks a digest alone
    if _RESERVED.fullmatch(text):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if text.endswith((".", " ")):
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    if len(text) <= _LONGEST and not apart:
        return text
    digest = sha256(name.encode(errors="surrogateescape")).hexdigest()[:_DIGITS]
    return f"{_cut(text)}~{digest}"


def _cut(text: str) -> str:
    """Return the beginning of an encoded name, without half of a percent-encoded byte."""
    return text if len(text) <= _KEPT else re.sub(r"%.?$", "", text[:_KEPT])


def folders(names: Iterable[str]) -> dict[str, str]:
    """Return the folder of each of some names, all different also where a file system folds case.

    >>> folders(["M0", "M1", "m1"])
    {'M0': 'M0', 'M1': 'M1~2d214ca69b86', 'm1': 'm1~ca0df2c95aa1'}
    """
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(safe_name(name).casefold(), []).append(name)
    return {name: safe_name(name, apart=len(group) > 1) for group in alike.values() for name in group}


def located(folder: Path, defaults: Mapping[str, str]) -> dict[str, str]:
    """Return where each name's folder is in a folder: ``defaults``, or how it was named before, if that is there.

    An earlier version, and a suite that had other names beside it, named it otherwise. A file system that folds case
    says that ``M1`` is there where ``m1`` is: what counts is what the folder lists.
    """
    try:
        listed = {path.name for path in folder.iterdir()}
    except OSError:
        return dict(defaults)
    others = listed - set(defaults.values())
    return {
        name: default if default in listed else _earlier(name, others) or default for name, default in defaults.items()
    }


def _earlier(name: str, listed: Container[str]) -> str | None:
    known = (safe_name(name), safe_name(name, apart=True), encoded(name))
    return next((folder for folder in known if folder in listed), None)

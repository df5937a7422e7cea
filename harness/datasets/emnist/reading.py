"""EMNIST's idx files, block by block: no more is unpacked than their header announces."""

import gzip
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.emnist.sources import GZIP, Member, beginning
from harness.datasets.emnist.variants import SIDE
from harness.datasets.idx import is_idx
from harness.errors import HarnessError

BLOCK_ROWS = 4096
"""Images that are unpacked at a time: 3.2 MB."""


def count(member: Member, role: str) -> int:
    """Return how many images or labels a file's header announces.

    Raises:
        HarnessError: it is not an idx file of its role.
    """
    with _content(member, role) as (_, announced):
        return announced


def labels(member: Member) -> NDArray[np.uint8]:
    """Return the labels (rows,) of a file, as stored.

    Raises:
        HarnessError: the file is damaged, cut short or too long.
    """
    with _content(member, "labels") as (file, announced):
        stored = np.frombuffer(_exactly(file, announced, member), dtype=np.uint8)
        _ends(file, member)
        return stored


def images(member: Member) -> Iterator[NDArray[np.uint8]]:
    """Yield a file's images (at most `BLOCK_ROWS`, 28, 28), upright: the file has rows and columns swapped.

    Raises:
        HarnessError: the file is damaged, cut short or too long.
    """
    with _content(member, "images") as (file, announced):
        for start in range(0, announced, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, announced - start)
            content = _exactly(file, rows * SIDE * SIDE, member)
            yield np.frombuffer(content, dtype=np.uint8).reshape(rows, SIDE, SIDE).transpose(0, 2, 1)
        _ends(file, member)


@contextmanager
def _content(member: Member, role: str) -> Iterator[tuple[Any, int]]:
    """Give a file's bytes behind the idx header, unpacked if need be, and the number of rows that it announces."""
    with member.opened() as kept:
        file: Any = gzip.GzipFile(fileobj=kept) if kept.peek(2)[:2] == GZIP else kept
        axes = 3 if role == "images" else 1
        header = file.read(4 + 4 * axes)
        if not is_idx(header) or header[2:4] != bytes([8, axes]):
            msg = f"{member}: begins with {beginning(header)}: no idx file of {role}, gzipped or not. Get it again"
            raise HarnessError(msg)
        if len(header) < 4 + 4 * axes:
            msg = f"{member}: cut short: its idx header takes {4 + 4 * axes} bytes, there are {len(header)}"
            raise HarnessError(msg)
        announced, *pixels = struct.unpack(f">{axes}I", header[4:])
        if pixels != [SIDE] * (axes - 1) or not announced:
            size = " x ".join(map(str, [announced, *pixels]))
            msg = f"{member}: its idx header announces {size} values: EMNIST's {role} are of {SIDE} x {SIDE} pixels"
            raise HarnessError(msg)
        yield file, announced


def _exactly(file: Any, size: int, member: Member) -> bytes:
    content: bytes = file.read(size)
    if len(content) < size:
        msg = f"{member}: cut short: it ends before what its idx header announces. Get it again"
        raise HarnessError(msg)
    return content


def _ends(file: Any, member: Member) -> None:
    """Refuse what goes on; where it does not, gzip checks its own checksum now."""
    if file.read(1):
        msg = f"{member}: too long: it goes on after what its idx header announces. Get it again"
        raise HarnessError(msg)

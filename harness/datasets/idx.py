"""The idx format of MNIST and its relatives (LeCun et al., 1998)."""

import struct
from pathlib import Path

from harness.errors import HarnessError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(content: bytes) -> bool:
    """Return whether bytes begin with an idx magic number: two zeros, a type, a number of axes."""
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in TYPES and 1 <= content[3] <= 4


def header_bytes(content: bytes) -> int:
    """Return how long the header is that begins with an idx magic number."""
    return 4 + 4 * content[3]


def parse_header(content: bytes, path: Path) -> tuple[str, tuple[int, ...]]:
    """Return the type and the shape that an idx header announces.

    Raises:
        HarnessError: the header is cut off.
    """
    header = header_bytes(content)
    if len(content) < header:
        msg = (
            f"{path}: truncated: the idx header of {content[3]} axes takes {header} bytes, the file has {len(content)}"
        )
        raise HarnessError(msg)
    return TYPES[content[2]], struct.unpack(f">{content[3]}I", content[4:header])

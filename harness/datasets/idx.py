"""The idx format of MNIST and its relatives (LeCun et al., 1998)."""

import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(content: bytes) -> bool:
    """Say whether bytes begin with an idx magic number: two zeros, a type, a number of axes."""
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in TYPES and 1 <= content[3] <= 4


def parse_idx(content: bytes, path: Path) -> NDArray[Any]:
    """Return the array of an idx file's bytes, a view of them.

    Raises:
        HarnessError: the header is cut off, or announces another size than the file has.
    """
    axes = content[3]
    header = 4 + 4 * axes
    if len(content) < header:
        msg = f"{path}: truncated: the idx header of {axes} axes takes {header} bytes, the file has {len(content)}"
        raise HarnessError(msg)
    shape = struct.unpack(f">{axes}I", content[4:header])
    dtype = np.dtype(TYPES[content[2]])
    expected = header + prod(shape) * dtype.itemsize
    if len(content) != expected:
        word = "truncated" if len(content) < expected else "too long"
        size = " x ".join(map(str, shape))
        msg = f"{path}: {word}: its idx header announces {size} values, {expected} bytes; the file has {len(content)}"
        raise HarnessError(msg)
    return np.frombuffer(content, dtype=dtype, offset=header).reshape(shape)

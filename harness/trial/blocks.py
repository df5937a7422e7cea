"""How many test rows are perturbed at a time, which is part of what a perturbation draws."""

from collections.abc import Sequence
from math import prod

BLOCK = 4096
"""Test rows perturbed at a time, at most; a block has its own generator."""
BLOCK_BYTES = 256 << 20
"""Bytes that a block's copy in float32 may take; while it is perturbed there are several."""


def block_rows(shape: Sequence[int]) -> int:
    """Return how many test rows of a shape are perturbed at a time: fewer where they are large, 1 at least.

    >>> block_rows((28, 28)), block_rows((64, 64, 3)), block_rows((224, 224, 3))
    (4096, 4096, 445)
    """
    return max(1, min(BLOCK, BLOCK_BYTES // (4 * max(1, prod(shape)))))

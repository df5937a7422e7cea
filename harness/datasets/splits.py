"""The stratified partition into training, validation and test rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from hashlib import sha256
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.seeding import generator
from harness.settings import Positive, Seed, Table
from harness.text import counted

SETS = ("train", "val", "test")


class SplitTable(Table):
    """The stratified partition: fractions that sum to 1, and the seed that draws it."""

    train: Positive = 0.7
    val: Positive = 0.1
    test: Positive = 0.2
    seed: Seed = 42


@dataclass(frozen=True)
class Split:
    """Row numbers of each set, int64, ascending; together every row once."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]

    def digest(self) -> str:
        """Return a SHA-256 over the three sets."""
        hasher = sha256()
        for name in SETS:
            rows = getattr(self, name)
            hasher.update(f"{name} {len(rows)}\n".encode())
            hasher.update(rows.astype("<i8").tobytes())
        return hasher.hexdigest()


def sizes(count: int, train: float, val: float) -> tuple[int, int, int]:
    """Return how many of a class's rows go to train, val and test: ⌊train · n⌋, ⌊val · n⌋ and the rest.

    The floors are exact in decimal: 0.7 · 90 is 63, which binary floats make 62.999….

    >>> sizes(90, 0.7, 0.1)
    (63, 9, 18)
    """
    first, second = (int((Decimal(repr(share)) * count).to_integral_value(ROUND_FLOOR)) for share in (train, val))
    return first, second, count - first - second


def partition(labels: NDArray[np.int64], table: SplitTable, class_names: Sequence[str], test_rows: int = 0) -> Split:
    """Return the split that a table describes; the last ``test_rows`` of the rows are the test set, if there are any.

    Of the other rows, train and val then take their shares of ``train`` + ``val``.

    Raises:
        HarnessError: a class has too few rows for one of the sets.
    """
    if not test_rows:
        return stratified(labels, table.train, table.val, table.test, table.seed, class_names=class_names)
    known = len(labels) - test_rows
    share = Fraction(repr(table.val)) / (Fraction(repr(table.train)) + Fraction(repr(table.val)))
    train, val = [], []
    for index, name in enumerate(class_names):
        rows = np.flatnonzero(labels[:known] == index)
        count = int(len(rows) * share)
        if min(count, len(rows) - count) < 1:
            msg = (
                f"class {name!r} has {counted(len(rows), 'row')} outside the given test set: the split {table.train} / "
                f"{table.val} leaves {count} for val; at least {max(2, ceil(1 / share)):,} rows are needed"
            )
            raise HarnessError(msg)
        if not (labels[known:] == index).any():
            msg = f"class {name!r} has no row in the given test set"
            raise HarnessError(msg)
        shuffled = generator(table.seed, "split", index).permutation(rows)
        val.append(shuffled[:count])
        train.append(shuffled[count:])
    test = np.arange(known, len(labels), dtype=np.int64)
    return Split(np.sort(np.concatenate(train)), np.sort(np.concatenate(val)), test)


def stratified(
    labels: NDArray[np.int64],
    train: float,
    val: float,
    test: float,
    seed: int,
    *,
    class_names: Sequence[str] | None = None,
) -> Split:
    """Split rows class by class, so that every set has the classes in the same proportions.

    ``labels`` (rows,) are 0 … classes - 1; ``train`` and ``val`` sum to less than 1. A class's rows are shuffled by a
    generator for that class, then cut.

    Raises:
        HarnessError: a class has too few rows for one of the sets.
    """
    order = np.argsort(labels, kind="stable")
    edges = np.cumsum(np.bincount(labels))[:-1]
    parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in SETS}
    for index, rows in enumerate(np.split(order, edges)):
        counts = sizes(len(rows), train, val)
        if min(counts) < 1:
            name = class_names[index] if class_names else str(index)
            lacking = SETS[counts.index(min(counts))]
            msg = (
                f"class {name!r} has {counted(len(rows), 'row')}: the split {train} / {val} / {test} leaves "
                f"{min(counts)} for {lacking}; at least {_enough(train, val):,} rows are needed"
            )
            raise HarnessError(msg)
        shuffled = generator(seed, "split", index).permutation(rows)
        for name, part in zip(SETS, np.split(shuffled, np.cumsum(counts)[:-1]), strict=True):
            parts[name].append(part)
    return Split(**{name: np.sort(np.concatenate(rows)) for name, rows in parts.items()})


def _enough(train: float, val: float) -> int:
    """Return the least number of rows that leaves one for every set.

    That is one for train and val: of shares that sum to less than 1, the floors always leave one for test.

    >>> _enough(0.7, 0.1), _enough(0.06, 0.34)
    (10, 17)
    """
    return max(ceil(1 / Fraction(repr(share))) for share in (train, val))

"""Whole log-probabilities of the test rows, kept in a file until the ensembles that need them have answered."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from math import log
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError

_LOG = logging.getLogger(__name__)


class Keeper:
    """Writes blocks of log-probabilities (rows, classes), float32, one after the other; without a path, nothing.

    The file has its name once it is whole. It is a convenience: what cannot be written costs no evaluation.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._temporary: Path | None = None
        self._file: BinaryIO | None = None
        if path is not None:
            self._temporary = path.with_name(f".{path.name}.{token_hex(6)}")
            try:
                self._file = self._temporary.open("xb")
            except OSError as error:
                self._abandon(error)

    def add(self, values: NDArray[np.float32]) -> None:
        """Write a block."""
        if self._file is None:
            return
        try:
            self._file.write(np.ascontiguousarray(values).tobytes())
        except OSError as error:
            self._abandon(error)

    def finish(self) -> None:
        """Give the file its name."""
        if self._file is None or self._temporary is None or self._path is None:
            return
        try:
            self._file.close()
            self._temporary.replace(self._path)
            self._file = None
        except OSError as error:
            self._abandon(error)

    def close(self) -> None:
        """Remove a file that is not whole."""
        if self._file is not None:
            self._abandon(None)

    def _abandon(self, error: OSError | None) -> None:
        if error is not None:
            _LOG.warning("the probabilities for ensembles are not kept: %s", error)
        file, self._file = self._file, None
        with suppress(OSError):
            if file is not None:
                file.close()
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)


def equally_likely(rows: int, classes: int) -> NDArray[np.float32]:
    """Return log-probabilities (rows, classes) of a network that knows nothing: in the place of those that are lost."""
    return np.full((rows, classes), -log(classes), dtype=np.float32)


def mean_log_probabilities(paths: Sequence[Path], rows: Sequence[int], classes: int) -> Iterator[NDArray[np.float32]]:
    """Yield for each block the logarithm of the mean of the members' probabilities, (rows, classes).

    log((1/n) Σ exp(log p)), in float64. ``paths``: the files that a `Keeper` wrote; ``rows``: how many rows each of its
    blocks has, in the order in which they were written.

    Raises:
        TrialError: a file cannot be read, or has another size.
    """
    whole = sum(rows) * classes * np.dtype(np.float32).itemsize
    with ExitStack() as stack:
        files = []
        for path in paths:
            try:
                file = stack.enter_context(path.open("rb"))
                size = os.fstat(file.fileno()).st_size
            except OSError as error:
                msg = f"{path}: the member's probabilities cannot be read: {error.strerror}"
                raise TrialError(msg) from None
            if size != whole:
                msg = f"{path}: the member's probabilities have {size:,} bytes, not {whole:,}"
                raise TrialError(msg)
            files.append(file)
        for count in rows:
            total: NDArray[Any] = np.zeros((count, classes))
            for file in files:
                values = np.fromfile(file, dtype=np.float32, count=count * classes).reshape(count, classes)
                total += np.exp(values, dtype=np.float64)
            with np.errstate(divide="ignore"):  # a probability of 0 is allowed
                yield np.log(total / len(files)).astype(np.float32)

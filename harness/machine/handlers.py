"""Log records that are given to a handler for a while."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def handled(logger: logging.Logger, handler: logging.Handler, level: int) -> Iterator[None]:
    """Give a handler the records of a logger from a level on, within the block; then the logger is as before."""
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)

"""Batches of images in blocks that stay in a core's cache from one operation to the next."""

from math import prod

from harness.interfaces import Array, Shape
from harness_array.site import Site


def block_rows(site: Site, *shapes: Shape) -> int:
    """Return how many rows are worked on at a time, where each takes the largest of these shapes."""
    largest: int = max(map(prod, shapes)) * site.dtype.itemsize
    return max(1, min(site.rows, site.device.block_bytes // largest))


def blocks(rows: int, size: int) -> list[slice]:
    """Return the blocks of a batch of ``rows``, each of ``size`` but for the last."""
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


class ChannelVector:
    """A vector (channels,) beside every pixel: adding one to whole lines is quicker than to one pixel at a time."""

    def __init__(self, site: Site, width: int, channels: int) -> None:
        self._line = site.device.xp.empty(width * channels, dtype=site.dtype)
        self._pixels = self._line.reshape(width, channels)

    def of(self, vector: Array) -> Array:
        """Return (width · channels,), the vector again for each pixel of a line; the next call overwrites it."""
        self._pixels[...] = vector
        return self._line

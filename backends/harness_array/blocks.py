"""Batches of images in blocks that stay in a core's cache from one operation to the next."""

from math import prod

from harness.interfaces import Array, NetworkSpec, Shape
from harness_array.devices import Device
from harness_array.site import Site

VECTORS_FOR_AN_IMAGE = 16
"""By this factor fewer rows are predicted at a time where layers see images, whose buffers are larger by far."""


def predicted_rows(device: Device, spec: NetworkSpec, itemsize: int) -> int:
    """Return how many rows are predicted at a time: fewer where their values would take too much memory.

    ``itemsize``: bytes of a value.
    """
    shares = 1 if len(spec.row_shape) == 1 else VECTORS_FOR_AN_IMAGE
    return min(device.predict_rows // shares, spec.rows_within(device.predict_bytes, itemsize))


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

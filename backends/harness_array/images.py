"""The attached rows: where they are kept, and how a batch of them becomes floats on the device."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Array, Placement
from harness_array.devices import Device

RESIDENT_SHARE = 0.5
"""``placement = "auto"`` keeps the set on an accelerator if it takes at most this part of the free memory."""


class AttachedImages:
    """uint8 images or float32 vectors, gathered a batch at a time into one reused float buffer.

    They are on the host or the device. Images are scaled to [0, 1]; vectors are used as they are. ``images``
    (n, *shape) and ``labels`` (n,) are the whole set; ``batch`` (rows, features) is the buffer.
    """

    def __init__(
        self,
        device: Device,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        placement: Placement,
        batch: Array,
    ) -> None:
        rows, features = batch.shape
        self._device = device
        self._xp = device.xp
        self._batch = batch  # (rows, features)
        self._scale = batch.dtype.type(255) if images.dtype == np.uint8 else None
        self.placement: Literal["stream", "resident"] = self._place(placement, images.nbytes)
        flat = np.asarray(images).reshape(len(images), features)
        self._images = device.to_device(flat) if self.placement == "resident" else flat
        self.labels = device.to_device(labels)
        # What needs no change of its values or their type is gathered where it is used.
        direct = self._scale is None and batch.dtype == images.dtype
        self._gathered = batch if direct else device.xp.empty((rows, features), dtype=images.dtype)
        self._staging = device.staging(self._gathered) if self.placement == "stream" else None

    def _place(self, placement: Placement, size: int) -> Literal["stream", "resident"]:
        if placement != "auto":
            return placement
        free = self._device.free_bytes()
        return "resident" if free is not None and size <= RESIDENT_SHARE * free else "stream"

    @property
    def gathered_from(self) -> Array:
        """The array of the device (·, features) that has the rows: the whole set, or the batch that `stage` filled."""
        return self._images if self.placement == "resident" else self._gathered

    def stage(self, rows: NDArray[np.int64]) -> None:
        """Queue the copy of some rows (n,) of the host's set into `gathered_from`."""
        if self._staging is None:
            raise RuntimeError("the set is not streamed to an accelerator")
        self._staging.send(self._images, rows, self._gathered[: len(rows)])

    def order(self, rows: NDArray[np.int64]) -> Any:
        """Return row numbers where `gather` wants them: beside the images. One transfer an epoch."""
        return self._device.to_device(rows) if self.placement == "resident" else rows

    def gather(self, rows: Any, *, whole: bool = False) -> tuple[Array, slice]:
        """Return the rows ``rows`` (n,), part of what `order` returned, as floats (n, values), and which values.

        The buffer is reused by the next call. On the host, margins that are black in all of these images are left
        out: the floats are (n, stop - start) for the pixels of the slice. With ``whole``, of vectors, and on an
        accelerator, where looking for margins would have to wait for the device, all values are there.
        """
        count = len(rows)
        gathered = self._gathered[:count]
        if self._staging is not None:
            self._staging.send(self._images, rows, gathered)  # the paper's hybrid strategy
        else:
            # mode="clip" lets NumPy write straight into the buffer; the rows are the core's own, and in range.
            self._xp.take(self._images, rows, axis=0, out=gathered, **self._unbuffered)
        if self._scale is None:
            batch = self._batch[:count]
            if self._gathered is not self._batch:
                batch[...] = gathered
            return batch, slice(0, gathered.shape[1])
        columns = slice(0, gathered.shape[1]) if whole or self._device.accelerated else _lit(gathered)
        pixels = gathered[:, columns]
        # One after the other in memory: NumPy converts that in two thirds of the time of lines with gaps.
        batch = self._batch.reshape(-1)[: pixels.size].reshape(pixels.shape)
        # Converted, then divided: a division of uint8 by a float goes through a small buffer, which takes longer.
        batch[...] = pixels
        batch /= self._scale
        return batch, columns

    @property
    def _unbuffered(self) -> dict[str, str]:
        return {} if self._device.accelerated else {"mode": "clip"}


_LANE = 16  # floats: a cache line, and a vector register of AVX-512


def _lit(images: NDArray[np.uint8]) -> slice:
    """Return from the first to the last pixel that is not black in some of the images (n, features), in whole lanes."""
    # By ufunc and method: `max` and `np.flatnonzero` are in Python, which has left the cache since the last batch.
    (lit,) = np.bitwise_or.reduce(images, axis=0).nonzero()
    if not lit.size:
        return slice(0, 1)
    start, stop = int(lit[0]) // _LANE * _LANE, -(-(int(lit[-1]) + 1) // _LANE) * _LANE
    return slice(start, min(stop, images.shape[1]))

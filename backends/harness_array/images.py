"""The attached images: where they are kept, and how a batch of them becomes floats in [0, 1] on the device."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Array, Placement
from harness_array.devices import Device

RESIDENT_SHARE = 0.5
"""``placement = "auto"`` keeps the set on an accelerator if it takes at most this part of the free memory."""


class AttachedImages:
    """uint8 images on the host or the device, gathered and scaled a batch at a time into one reused float buffer."""

    def __init__(
        self,
        device: Device,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        placement: Placement,
        batch: Array,
    ) -> None:
        rows, features = batch.shape
        self._device = device
        self._xp = device.xp
        self._batch = batch  # (rows, features)
        self._scale = batch.dtype.type(255)
        self.placement: Literal["stream", "resident"] = self._place(placement, images.nbytes)
        flat = np.asarray(images).reshape(len(images), features)
        self._images = device.to_device(flat) if self.placement == "resident" else flat
        self.labels = device.to_device(labels)
        self._gathered = device.xp.empty((rows, features), dtype=np.uint8)
        streams_to_device = self.placement == "stream" and device.accelerated
        self._staged = device.host_buffer((rows, features), np.uint8) if streams_to_device else None

    def _place(self, placement: Placement, size: int) -> Literal["stream", "resident"]:
        if placement != "auto":
            return placement
        free = self._device.free_bytes()
        return "resident" if free is not None and size <= RESIDENT_SHARE * free else "stream"

    def order(self, rows: NDArray[np.int64]) -> Any:
        """Return row numbers where `gather` wants them: beside the images. One transfer an epoch."""
        return self._device.to_device(rows) if self.placement == "resident" else rows

    def gather(self, rows: Any) -> Array:
        """Return the images of ``rows`` (n,), part of what `order` returned, as floats (n, features) in [0, 1].

        The buffer is reused by the next call.
        """
        count = len(rows)
        gathered = self._gathered[:count]
        if self._staged is not None:
            # The copy waits for its end, so that the staging buffer is free again: the paper's hybrid strategy.
            np.take(self._images, rows, axis=0, out=self._staged[:count], mode="clip")
            gathered.set(self._staged[:count])
        else:
            # mode="clip" lets NumPy write straight into the buffer; the rows are the core's own, and in range.
            self._xp.take(self._images, rows, axis=0, out=gathered, **self._unbuffered)
        return self._xp.divide(gathered, self._scale, out=self._batch[:count])

    @property
    def _unbuffered(self) -> dict[str, str]:
        return {} if self._device.accelerated else {"mode": "clip"}

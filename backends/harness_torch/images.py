"""The attached rows: where they are kept, and how a batch of them becomes floats on the device."""

from itertools import cycle
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.interfaces import NetworkSpec, Placement

RESIDENT_SHARE = 0.5
"""``placement = "auto"`` keeps the set on an accelerator if it takes at most this part of the free memory."""

COPY_ROWS = 16_384
"""Images copied to the device at a time, when the set becomes resident."""

PREDICT_ROWS = {"cpu": 1024, "cuda": 4096}
"""Rows predicted at a time, at most: on the CPU few enough for its caches, on CUDA enough to keep it busy."""
PREDICT_BYTES = {"cpu": 1 << 30, "cuda": 4 << 30}
"""Bytes that their values may take, in all layers together: an input gradient keeps them all."""


def predicted_rows(kind: str, spec: NetworkSpec, itemsize: int) -> int:
    """Return how many rows are predicted at a time on a device of a kind; ``itemsize``: bytes of a value."""
    return min(PREDICT_ROWS[kind], spec.rows_within(PREDICT_BYTES[kind], itemsize))


def to_tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return a copy on the device; the array may be read-only, strided or 0-d."""
    return torch.from_numpy(np.array(array, order="C")).to(device)


class AttachedImages:
    """uint8 images or float32 vectors, gathered a batch at a time into one reused float buffer.

    They are on the host or the device. Images are scaled to [0, 1]; vectors are used as they are. ``images``
    (n, *shape) and ``labels`` (n,) are the whole set; ``batch`` (rows, features) is the buffer.
    """

    def __init__(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        placement: Placement,
        batch: Tensor,
    ) -> None:
        rows, features = batch.shape
        self.device = batch.device
        self._batch = batch  # (rows, features)
        # A tensor beside the batch: dividing by a Python number, CUDA would multiply by its rounded reciprocal.
        pixels = images.dtype == np.uint8
        self._scale = torch.full((), 255, dtype=batch.dtype, device=batch.device) if pixels else None
        self._dtype = torch.uint8 if pixels else torch.float32
        self._labels = to_tensor(labels, batch.device)
        self._host = np.asarray(images).reshape(len(images), features)
        self.placement: Literal["stream", "resident"] = self._place(placement, self._host.nbytes)
        self._resident = self._copy_all() if self.placement == "resident" else None
        self._gathered = torch.empty((rows, features), dtype=self._dtype, device=batch.device)
        streams_to_device = self.placement == "stream" and batch.is_cuda
        self._staging = cycle([_Staging(self._gathered) for _ in range(2)]) if streams_to_device else None

    def _place(self, placement: Placement, size: int) -> Literal["stream", "resident"]:
        if placement != "auto":
            return placement
        if self.device.type != "cuda":
            return "stream"
        free, _ = torch.cuda.mem_get_info(self.device)
        return "resident" if size <= RESIDENT_SHARE * free else "stream"

    def _copy_all(self) -> Tensor:
        """Return the set on the device; the host never has a second one."""
        resident = torch.empty(self._host.shape, dtype=self._dtype, device=self.device)
        for start in range(0, len(self._host), COPY_ROWS):
            part = slice(start, start + COPY_ROWS)
            resident[part].copy_(torch.from_numpy(np.array(self._host[part])))
        return resident

    def order(self, rows: NDArray[np.int64]) -> Any:
        """Return row numbers where `gather` wants them: beside the images. One transfer an epoch."""
        return rows if self._resident is None else to_tensor(rows, self.device)

    def labels(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the labels of ``rows`` (n,) on the device."""
        return self._labels.index_select(0, to_tensor(rows, self.device))

    def gather(self, rows: Any) -> Tensor:
        """Return the images of ``rows`` (n,), part of what `order` returned, as floats (n, features).

        The buffer is reused by the next call.
        """
        self.fetch(rows)
        return self.fetched(len(rows))

    def fetch(self, rows: Any) -> None:
        """Bring the images of ``rows`` (n,), part of what `order` returned, to the device as they are stored."""
        gathered = self._gathered[: len(rows)]
        if self._resident is not None:
            torch.index_select(self._resident, 0, rows, out=gathered)
        elif self._staging is not None:
            next(self._staging).send(self._host, rows, gathered)
        else:
            _take(self._host, rows, gathered)

    def fetched(self, count: int) -> Tensor:
        """Return the images that `fetch` brought, as floats (count, features), in the buffer."""
        batch = self._batch[:count].copy_(self._gathered[:count])
        return batch if self._scale is None else batch.div_(self._scale)


class _Staging:
    """Pinned memory that a batch passes through on its way to a CUDA device.

    The copy is asynchronous, so the memory may be written again only when its event says that the copy is over. Two of
    these in turn let the host gather a batch while the device still works on the last.
    """

    def __init__(self, like: Tensor) -> None:
        self._memory = torch.empty(like.shape, dtype=like.dtype, pin_memory=True)
        self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call] # torch leaves it so

    def send(self, images: NDArray[Any], rows: NDArray[np.int64], target: Tensor) -> None:
        """Gather ``rows`` and queue their copy to ``target`` on the device."""
        self._copied.synchronize()  # returns at once before the first record
        staged = self._memory[: len(rows)]
        _take(images, rows, staged)
        target.copy_(staged, non_blocking=True)
        self._copied.record(torch.cuda.current_stream(target.device))


def _take(images: NDArray[Any], rows: NDArray[np.int64], out: Tensor) -> None:
    """Gather on the host; mode "clip" lets NumPy write straight into ``out``: the rows are the core's, and in range."""
    np.take(images, rows, axis=0, out=out.numpy(), mode="clip")

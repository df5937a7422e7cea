"""Device memory: blocks between guards, found by their address, and who wrote and read them last."""

import bisect
import itertools
import weakref

import numpy as np

from cupy import _account

GUARD = 512
"""Bytes on both sides of a block, which starts at a multiple; writes into them are found."""
_MARKS = itertools.cycle(range(0xFFA00001, 0xFFA00100))
"""What guards are filled with, another one in each block: a signalling NaN as float32, about -1e306 as float64.

Results of reads past a block show it; and arithmetic changes both, so that an update past a block writes other bits.
"""


class DeviceMemoryError(AssertionError):
    """Memory was used that the device does not have, or no longer has."""


class Block:
    """A live allocation."""

    def __init__(self, raw, start, size, device, mark):
        self._raw, self._mark = weakref.ref(raw), mark
        self.start, self.stop, self.device = start, start + size, device
        self.accesses = []
        """(start, stop, whether written, stream, its tick) of what no wait of the host has ended."""

    @property
    def alive(self):
        """Return whether some array still uses it."""
        return self._raw() is not None

    def assert_guards_are_intact(self, writer):
        """Raise where ``what`` has written past the block."""
        raw = self._raw()
        first = self.start - raw.ctypes.data
        last = first + self.stop - self.start
        if not (raw[:first].view(np.uint32) == self._mark).all():
            msg = f"{writer} wrote before the start of an array"
            raise DeviceMemoryError(msg)
        tail = raw[last:]
        odd = -last % 4
        if tail[:odd].tobytes() != self._mark.to_bytes(4, "little")[4 - odd :] or (
            not (tail[odd:].view(np.uint32) == self._mark).all()
        ):
            msg = f"{writer} wrote past the end of an array"
            raise DeviceMemoryError(msg)


class Memory:
    """The blocks of a process by their first address."""

    starts: list[int] = []  # noqa: RUF012 - the one account of a process, as the driver's is
    blocks: dict[int, Block] = {}  # noqa: RUF012 - as above


def allocated(shape, dtype, order="C"):
    """Return a NumPy array in a new block of the current device; its floats are NaN."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype, order)
    mark = next(_MARKS)
    raw = np.empty(-(-size // 4) * 4 + 3 * GUARD, np.uint8)
    raw.view(np.uint32).fill(mark)
    offset = -raw.ctypes.data % GUARD + GUARD
    block = Block(raw, raw.ctypes.data + offset, size, _account.Device.current, mark)
    Memory.blocks[block.start] = block
    bisect.insort(Memory.starts, block.start)
    weakref.finalize(raw, _freed, block.start)
    _account.allocated(raw, block.start, size, block.device)
    content = raw[offset : offset + size]
    content[:] = 1 if dtype.kind == "b" else 0xFF
    return content.view(dtype).reshape(shape, order=order)


def _freed(start):
    del Memory.blocks[start]
    del Memory.starts[bisect.bisect_left(Memory.starts, start)]


def block_at(pointer, size=1):
    """Return the live block that has those bytes.

    Raises:
        DeviceMemoryError: none has.
    """
    index = bisect.bisect_right(Memory.starts, pointer) - 1
    block = Memory.blocks[Memory.starts[index]] if index >= 0 else None
    if block is None or pointer >= block.stop:
        msg = f"{pointer:#x} is the address of no live array of a device"
        raise DeviceMemoryError(msg)
    if pointer + size > block.stop:
        msg = f"{size} bytes at {pointer:#x} reach {pointer + size - block.stop} past the end of their array"
        raise DeviceMemoryError(msg)
    return block


def is_device_address(pointer):
    """Return whether it lies in a block."""
    index = bisect.bisect_right(Memory.starts, pointer) - 1
    return index >= 0 and pointer < Memory.blocks[Memory.starts[index]].stop


def on_device(host):
    """Return whether the array is in a block."""
    return is_device_address(host.__array_interface__["data"][0])


def extent(host):
    """Return the address of the first byte and the number of bytes up to the last one."""
    low, high = np.lib.array_utils.byte_bounds(host)
    return low, high - low

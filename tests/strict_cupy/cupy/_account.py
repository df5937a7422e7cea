"""What the device holds, and whose pinned memory it may still be reading."""

import threading
import weakref

import numpy as np

UNIT = 512  # bytes: CuPy's pool rounds each allocation up to a multiple
HOOKS = threading.local()


class RaceError(AssertionError):
    """Pinned memory was written while an asynchronous copy from it was under way."""


class Device:
    """Which device is current, of how many."""

    current = 0
    count = 2


class Host:
    """Pinned memory by its address, and the copies from it that have not been waited for."""

    pinned: dict[int, int] = {}  # noqa: RUF012 - the one account of a process, as the driver's is
    copies: list[tuple[np.ndarray, np.ndarray, tuple, int]] = []  # noqa: RUF012 - as above
    """Source, its content, the stream's key and tick of the copy."""
    staged = 0
    """The most bytes that an implicit copy from pageable memory had pinned at once."""


def reset():
    """Forget copies, pinned memory and hooks."""
    Device.current, Host.staged = 0, 0
    for records in (Host.pinned, Host.copies, hooks()):
        records.clear()


def hooks():
    """Return the memory hooks of this thread, by name."""
    if not hasattr(HOOKS, "active"):
        HOOKS.active = {}
    return HOOKS.active


def allocated(memory, pointer, size, device):
    """Note memory of the pool: hooks hear of it now, and again when it is freed."""
    common = {"device_id": device, "mem_size": -(-size // UNIT) * UNIT, "mem_ptr": pointer, "pmem_id": pointer}
    for hook in list(hooks().values()):
        hook.malloc_postprocess(size=size, **common)
    weakref.finalize(memory, _freed, common)


def _freed(common):
    for hook in list(hooks().values()):
        hook.free_postprocess(**common)


def pin(array):
    """Note that a host array is pinned, for as long as it lives."""
    start = array.__array_interface__["data"][0]
    Host.pinned[start] = start + array.nbytes
    weakref.finalize(array, Host.pinned.pop, start, None)


def is_pinned(array):
    """Return whether a host array is in pinned memory."""
    start = array.__array_interface__["data"][0]
    return any(first <= start < end for first, end in Host.pinned.items())


def copied_from(array, stream, tick):
    """Begin a copy: from pinned memory it goes on until the stream, or an event after it, is waited for."""
    check()
    if is_pinned(array):
        Host.copies.append((array, array.copy(), stream, tick))


def copies_of(seen):
    """Return the copies that are ordered before a mark: ticks by stream."""
    return [copy for copy in Host.copies if copy[3] <= seen.get(copy[2], 0)]


def waited(copies=None):
    """End those copies, all by default."""
    check()
    ended = list(map(id, Host.copies if copies is None else copies))
    Host.copies[:] = [copy for copy in Host.copies if id(copy) not in ended]


def check():
    """Raise `RaceError` where the source of a copy has changed."""
    for source, content, *_ in Host.copies:
        if not np.array_equal(source, content):
            Host.copies.clear()
            raise RaceError("pinned memory was written while an asynchronous copy from it was under way")

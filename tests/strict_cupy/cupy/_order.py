"""What is ordered before what: each stream's progress, and the races between streams that no event orders."""

import threading
from collections import Counter

from cupy import _account, _memory

NULL = 0


class StreamRaceError(AssertionError):
    """Memory was written on one stream and used on another, with no event or wait between."""


class Timeline:
    """How far each stream had come (ticks by stream) before the next operation of this one, or of the host."""

    def __init__(self):
        self.seen = {}

    def joins(self, seen):
        """Come after all of that."""
        for stream, tick in seen.items():
            self.seen[stream] = max(tick, self.seen.get(stream, 0))


class Order:
    """The host's timeline, the streams' by their key (pointer, device), and which stream is current."""

    host = Timeline()
    streams: dict[tuple[int, int], Timeline] = {}  # noqa: RUF012 - the one account of a process, as the driver's is
    handles: dict[int, tuple[int, int]] = {}  # noqa: RUF012 - as above
    """The keys of all streams by their address."""
    blocking: set[tuple[int, int]] = set()  # noqa: RUF012 - as above
    capturing: dict[tuple[int, int], list] = {}  # noqa: RUF012 - as above
    launched: Counter = Counter()  # noqa: RUF012 - as above
    """How often each kernel, product, copy or fill was launched, those of a graph as "graph"."""


_LOCAL = threading.local()


def currents():
    """Return the current streams of this thread, by device."""
    if not hasattr(_LOCAL, "streams"):
        _LOCAL.streams = {}
    return _LOCAL.streams


def current():
    """Return the key of the current stream of the current device."""
    device = _account.Device.current
    stream = currents().get(device)
    return (stream.ptr if stream is not None else NULL, device)


def reset():
    """Forget streams, captures, launches, copies and hooks."""
    Order.host = Timeline()
    for records in (Order.streams, Order.handles, Order.blocking, Order.capturing, Order.launched, currents()):
        records.clear()
    _account.reset()


def timeline(key):
    """Return a stream's timeline: the null stream and blocking streams of a device wait for each other."""
    line = Order.streams.setdefault(key, Timeline())
    others = (
        [other for other in Order.blocking if other[1] == key[1]]
        if key[0] == NULL
        else [(NULL, key[1])] * (key in Order.blocking)
    )
    for other in others:
        if other in Order.streams:
            line.joins(Order.streams[other].seen)
    line.joins(Order.host.seen)
    return line


def capture():
    """Return the operations that the current stream has captured so far, None where it does not capture."""
    return Order.capturing.get(current())


def queued(name, reads, writes, key=None):
    """Note an operation of the stream ``key`` that uses NumPy views, or pairs (address, bytes), of device memory.

    Raises:
        StreamRaceError: another stream's use of them is not ordered before it.
        DeviceMemoryError: they are not in a live block.
    """
    key = current() if key is None else key
    line = timeline(key)
    line.seen[key] = line.seen.get(key, 0) + 1
    if name:
        Order.launched[name] += 1
    for written, spans in ((False, reads), (True, writes)):
        for span in spans:
            start, size = span if isinstance(span, tuple) else _memory.extent(span)
            if size:
                _noted(name, _memory.block_at(start, size), start, start + size, written, key, line)


def _noted(name, block, start, stop, written, key, line):
    kept = []
    for access in block.accesses:
        first, last, wrote, stream, tick = access
        if tick <= Order.host.seen.get(stream, 0):
            continue  # the host has waited for it
        ordered = tick <= line.seen.get(stream, 0)
        if first < stop and start < last and (written or wrote) and not ordered:
            does, did = ("writes" if written else "reads"), ("wrote" if wrote else "reads")
            msg = f"{name} {does} on stream {key[0]:#x} what stream {stream[0]:#x} {did}, with no event or wait between"
            raise StreamRaceError(msg)
        covered = start <= first and last <= stop and ordered
        if not (covered and (written or (stream == key and not wrote))):
            kept.append(access)
    kept.append((start, stop, written, key, line.seen[key]))
    block.accesses = kept


def waited(key):
    """Note that the host has waited for all of a stream."""
    Order.host.joins(timeline(key).seen)


UNSUPPORTED = "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"


def refuse_in_capture(message=UNSUPPORTED, error=RuntimeError, key=None):
    """Raise where a stream, the current one by default, captures.

    What the device refuses ends the capture: `Stream.end_capture` raises too. What CuPy or the double refuses does not.
    """
    captured = Order.capturing.get(current() if key is None else key)
    if captured is not None:
        if error is RuntimeError:
            captured.append(None)
        raise error(message)

"""Streams, events and graphs."""

import itertools

from cupy import _account, _memory, _order
from cupy.cuda._capture import ISOLATED, MERGED, Capture

_HANDLES = itertools.count(0x7000, 0x10)


class Event:
    """A mark in a stream: the host that waits for it, or a stream, comes after what is before the mark."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):  # noqa: ARG002 - CuPy's signature
        self.ptr = next(_HANDLES)
        self._copies = []
        self._seen = {}
        self._captured = None  # the capture that it was recorded in, and its mark
        self._device = _account.Device.current

    def record(self, stream=None):
        """Mark what has been queued so far."""
        if stream is not None and not isinstance(stream, Stream):
            raise TypeError("a stream is expected")
        key = _order.current() if stream is None else stream.key
        if self._device != _account.Device.current or self._device != key[1]:
            raise RuntimeError("cudaErrorInvalidResourceHandle: the event is another device's")
        capture = _order.Order.capturing.get(key)
        self._captured = None if capture is None else (capture, capture.record(key))
        if capture is not None:
            return
        line = _order.timeline(key)
        self._seen = dict(line.seen)
        self._copies = _account.copies_of(self._seen)

    def synchronize(self):
        """Wait for it."""
        _order.refuse_in_capture()
        if self._captured:
            raise RuntimeError("cudaErrorCapturedEvent: operation not permitted on an event last recorded in a capture")
        _account.waited(self._copies)
        _order.Order.host.joins(self._seen)

    @property
    def done(self):
        """Return whether it has been reached, which the double cannot know."""
        raise NotImplementedError("the double's events are waited for")


class Stream:
    """A queue of the current device; without arguments it waits for the null stream, and that for it."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        if ptds or priority is not None:
            raise NotImplementedError("the double's streams have neither ptds nor priority")
        self.ptr = _order.NULL if null else next(_HANDLES)
        self.device_id = -1 if null else _account.Device.current
        if not null:
            _order.Order.handles[self.ptr] = self.key
        if not null and not non_blocking:
            _order.Order.blocking.add(self.key)
        self._before = []

    @property
    def key(self):
        """Return what identifies it in the account."""
        return self.ptr, _account.Device.current if self.device_id == -1 else self.device_id

    def __eq__(self, other):
        return isinstance(other, Stream) and other.ptr == self.ptr

    def __hash__(self):
        return self.ptr

    def _check_device(self):
        if self.device_id not in (-1, _account.Device.current):
            msg = (
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({_account.Device.current})"
            )
            raise RuntimeError(msg)

    def use(self):
        """Make it the current one of its device in this thread."""
        self._check_device()
        _order.currents()[_account.Device.current] = self
        return self

    def __enter__(self):
        self._check_device()
        device = _account.Device.current
        self._before.append((device, _order.currents().get(device)))
        _order.currents()[device] = self
        return self

    def __exit__(self, *_):
        device, before = self._before.pop()
        _order.currents()[device] = before

    def synchronize(self):
        """Wait for all that was queued."""
        _order.refuse_in_capture(key=self.key)
        _account.waited(_account.copies_of(_order.timeline(self.key).seen))
        _order.waited(self.key)

    def record(self, event=None):
        """Record an event, a new one by default."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        """Let what is queued from here on come after an event."""
        own = _order.Order.capturing.get(self.key)
        capture, mark = event._captured or (None, None)
        if capture is None and own is None:
            _order.timeline(self.key).joins(event._seen)
            return
        if capture is None or capture not in _order.Order.capturing.values() or own not in (None, capture):
            if own is not None:
                own.append(None)
            raise RuntimeError(ISOLATED if capture is None else MERGED)
        capture.wait(self.key, mark)

    def begin_capture(self, mode=None):
        """Capture what is queued from here on, instead of running it."""
        if mode is not None:
            raise NotImplementedError("the double captures in the mode that CuPy chooses")
        if self.ptr == _order.NULL:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.key in _order.Order.capturing:
            raise RuntimeError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        _order.Order.capturing[self.key] = Capture(self.key)

    def end_capture(self):
        """Return the graph of what was captured."""
        if self.key not in _order.Order.capturing:
            raise RuntimeError("cudaErrorIllegalState: the stream does not capture")
        capture = _order.Order.capturing[self.key]
        capture.end(self.key)
        return Graph._of(capture)

    def is_capturing(self):
        """Return whether it captures."""
        return self.key in _order.Order.capturing


Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    """Return the current stream of a device, the current one by default."""
    device = _account.Device.current if device_id == -1 else device_id
    stream = _order.currents().get(device)
    return Stream.null if stream is None else stream


class Operation:
    """A launch: what runs it, and the addresses (pointer, bytes) that it reads and writes."""

    def __init__(self, name, run, reads, writes):
        self.name, self.run, self.reads, self.writes = name, run, reads, writes
        self._blocks = [_memory.block_at(*span) for span in (*reads, *writes) if span[1]]

    def submit(self, key):
        """Run it on a stream, or let the stream capture it."""
        if key[1] != _account.Device.current:
            raise RuntimeError("cudaErrorInvalidResourceHandle: the stream is another device's")
        captured = _order.Order.capturing.get(key)
        if captured is None:
            self.launch(key)
        else:
            captured.append(self, key)

    def launch(self, key):
        """Run it now."""
        if not all(block.alive for block in self._blocks):
            msg = f"{self.name} of a graph uses the memory of an array that was freed after it was captured"
            raise _memory.DeviceMemoryError(msg)
        _order.queued(self.name, self.reads, self.writes, key)
        self.run()
        for block in self._blocks:
            block.assert_guards_are_intact(self.name)


class Graph:
    """Launches that were captured."""

    def __init__(self, *_args, **_keys):
        raise NotImplementedError("this class cannot be initiated by the user and must be created via stream capture")

    @classmethod
    def _of(cls, capture):
        graph = cls.__new__(cls)
        graph._capture, graph._device = capture, _account.Device.current
        return graph

    def launch(self, stream=None):
        """Run them in turn, on the current stream by default."""
        key = _order.current() if stream is None else stream.key
        if key in _order.Order.capturing:
            raise NotImplementedError("the double's graphs have no graphs in them")
        if self._device != _account.Device.current:
            raise RuntimeError("cudaErrorInvalidResourceHandle: the graph is another device's")
        before = _order.Order.launched.copy()
        keys, marks = self._capture.keys(key), {}
        for node in self._capture.nodes:
            node(keys, marks)
        _order.Order.launched = before
        _order.Order.launched["graph"] += 1

"""What a stream captures, with the streams that wait for its events meanwhile."""

import itertools

from cupy import _order

_KEYS = itertools.count(0x3, 0x10)  # no stream has such an address
INVALID = "cudaErrorStreamCaptureInvalidated: operation failed due to a previous error during capture"
UNJOINED = "cudaErrorStreamCaptureUnjoined: the capture has streams whose work its own stream does not wait for"
UNMATCHED = "cudaErrorStreamCaptureUnmatched: the capture was not begun on this stream"
MERGED = "cudaErrorStreamCaptureMerge: the event belongs to another capture"
ISOLATED = "cudaErrorStreamCaptureIsolation: the event was recorded before the capture, and not within it"


class Capture:
    """The operations of a capture in their order, each with its stream, and the events between them."""

    def __init__(self, origin):
        self.origin = origin
        self.nodes = []
        """Functions of the streams' keys at a launch, and of the events' marks."""
        self._own = {}  # keys of its streams
        self._broken = False
        self._done = {origin: 0}  # operations by stream
        self._seen = {origin: {}}  # by stream, how many of each other's come before its next one

    def append(self, operation, key=None):
        """Add an operation of a stream, None for one that ends the capture."""
        if operation is None:
            self._broken = True
            return
        self._done[key] += 1
        self.nodes.append(lambda keys, _marks: operation.launch(keys[key]))

    def record(self, key):
        """Return the mark of an event, which is recorded on one of its streams."""
        mark = object()
        self.nodes.append(lambda keys, marks: marks.update({mark: dict(_order.timeline(keys[key]).seen)}))
        return mark, {**self._seen[key], key: self._done[key]}

    def wait(self, key, mark):
        """Let a stream wait for such a mark; it captures too from here on."""
        self._done.setdefault(key, 0)
        seen = self._seen.setdefault(key, {})
        for other, count in mark[1].items():
            seen[other] = max(count, seen.get(other, 0))
        _order.Order.capturing[key] = self
        self.nodes.append(lambda keys, marks: _order.timeline(keys[key]).joins(marks[mark[0]]))

    def end(self, key):
        """Return the nodes and the other streams; no stream captures any longer."""
        for stream in [stream for stream, capture in _order.Order.capturing.items() if capture is self]:
            del _order.Order.capturing[stream]
        if self._broken:
            raise RuntimeError(INVALID)
        if key != self.origin:
            raise RuntimeError(UNMATCHED)
        before = self._seen[key]
        if any(before.get(other, 0) < count for other, count in self._done.items() if other != key):
            raise RuntimeError(UNJOINED)
        return self.nodes

    def keys(self, launched):
        """Return the streams' keys at a launch on a stream: those of the others are the graph's own."""
        for stream in self._done:
            self._own.setdefault(stream, (next(_KEYS), launched[1]))
        return self._own | {self.origin: launched}

"""Devices, events, streams and pools."""

from cupy import _account


class Device:
    """A device by its number, the current one by default; a ``with`` block makes it current."""

    def __init__(self, device=None):
        self.id = _account.Device.current if device is None else int(device)
        if not 0 <= self.id < _account.Device.count:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self._before = []

    def use(self):
        """Make it current from here on."""
        _account.Device.current = self.id

    def __enter__(self):
        self._before.append(_account.Device.current)
        self.use()
        return self

    def __exit__(self, *_):
        _account.Device.current = self._before.pop()

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self):
        return hash(self.id)


class Event:
    """A mark in the stream: waiting for it ends the copies before it."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):  # noqa: ARG002 - CuPy's signature
        self._copies = []
        self._device = _account.Device.current

    def record(self, stream=None):
        """Mark what has been queued so far."""
        if stream is not None and not isinstance(stream, Stream):
            raise TypeError("a stream is expected")
        if self._device != _account.Device.current:
            raise RuntimeError("cudaErrorInvalidResourceHandle: the event is another device's")
        self._copies = list(_account.Host.copies)

    def synchronize(self):
        """Wait for it."""
        _account.waited(self._copies)


class Stream:
    """The one stream of a device."""

    def synchronize(self):
        """Wait for all that was queued."""
        _account.waited()


def get_current_stream(device_id=-1):  # noqa: ARG001 - CuPy's signature
    """Return the stream."""
    return Stream()


class MemoryHook:
    """Hears of every allocation from the pool, and of its end, within its ``with`` block."""

    name = "MemoryHook"

    def __enter__(self):
        if self.name in _account.hooks():
            msg = f"memory hook {self.name} already exists"
            raise KeyError(msg)
        _account.hooks()[self.name] = self
        return self

    def __exit__(self, *_):
        del _account.hooks()[self.name]

    def malloc_postprocess(self, **kwargs):
        """Do nothing."""

    def free_postprocess(self, **kwargs):
        """Do nothing."""


class Pool:
    """A pool, which counts how often its unused blocks were freed."""

    def __init__(self):
        self.freed = 0

    def free_all_blocks(self):
        """Free them."""
        self.freed += 1


class runtime:  # noqa: N801 - CuPy's name
    """The CUDA runtime."""

    @staticmethod
    def getDeviceCount():  # noqa: N802 - CuPy's name
        """Return how many devices there are."""
        return _account.Device.count

    @staticmethod
    def getDeviceProperties(device):  # noqa: N802 - CuPy's name
        """Return what is known of one."""
        return {"name": f"DOUBLE {device}".encode()}

    @staticmethod
    def deviceGetPCIBusId(device):  # noqa: N802 - CuPy's name
        """Return its address."""
        return f"0000:0{device}:00.0"

    @staticmethod
    def driverGetVersion():  # noqa: N802 - CuPy's name
        """Return the newest CUDA that the driver has."""
        return 13020

    @staticmethod
    def runtimeGetVersion():  # noqa: N802 - CuPy's name
        """Return the runtime's."""
        return 13020

    @staticmethod
    def memGetInfo():  # noqa: N802 - CuPy's name
        """Return free and total bytes."""
        return 80 << 30, 80 << 30

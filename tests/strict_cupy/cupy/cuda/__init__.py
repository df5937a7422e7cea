"""Devices, events, streams and pools."""

from cupy import _account, _order
from cupy.cuda import compiler
from cupy.cuda._streams import Event, Graph, Stream, get_current_stream

__all__ = [
    "Device", "Event", "Graph", "MemoryHook", "Pool", "Stream", "compiler", "get_current_stream", "runtime",
    "set_allocator",
]  # fmt: skip


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

    def synchronize(self):
        """Wait for all of its streams."""
        for key in list(_order.Order.capturing):
            if key[1] == self.id:
                _order.refuse_in_capture(key=key)
        _account.waited()
        for key in [key for key in _order.Order.streams if key[1] == self.id]:
            _order.waited(key)

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self):
        return hash(self.id)


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


def set_allocator(allocator=None):
    """Give every array its own memory, as the double always does."""
    if allocator is not None:
        raise NotImplementedError("the double has no allocators")


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

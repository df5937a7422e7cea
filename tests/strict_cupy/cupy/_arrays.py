"""Arrays that never become NumPy's by themselves."""

import operator

import numpy as np

from cupy import _account, _memory, _order
from cupy._ufuncs import operand, ufunc

_SCALARS = (bool, int, float, np.generic)
_KERNELS = "the double captures RawModule's kernels and cuBLAS alone"


class MemoryPointer:
    """Where an array's memory starts."""

    def __init__(self, ptr, device):
        self.ptr, self.device_id = ptr, device

    def __int__(self):
        return self.ptr


def _view(host, key):
    """Return the view that an index gives, None where it gives a copy of chosen elements."""
    if any(isinstance(part, np.ndarray) for part in key):
        return None
    return host[key if Ellipsis in key else (*key, ...)]


class ndarray:  # noqa: N801 - CuPy's name
    """An array on a device: ``_host`` has its content."""

    def __init__(self, shape, dtype=float, order="C"):
        self._host, self._device = _memory.allocated(shape, dtype, order), _account.Device.current

    @classmethod
    def of(cls, host, device=None, name="kernel"):
        """Return an array of that content, on the current device by default: a view, or what ``name`` has computed."""
        array, host = cls.__new__(cls), np.asarray(host)
        array._device = _account.Device.current if device is None else device
        if _memory.on_device(host) or not host.size:
            array._host = host
            return array
        _order.refuse_in_capture(_KERNELS, NotImplementedError)
        fortran = host.flags.f_contiguous and not host.flags.c_contiguous
        array._host = _memory.allocated(host.shape, host.dtype, "F" if fortran else "C")
        _order.queued(name, (), (array._host,))
        array._host[...] = host
        return array

    def _write(self, name, content):
        """Run an operation that writes here on the current stream."""
        _order.refuse_in_capture(_KERNELS, NotImplementedError)
        _order.queued(name, (), (operand(self)._host,))
        self._host[...] = content

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: ndarray.of(self._host.T, self._device))

    @property
    def data(self):
        """Return its address."""
        return MemoryPointer(self._host.__array_interface__["data"][0], self._device)

    @property
    def device(self):
        """Return where it is."""
        from cupy.cuda import Device

        return Device(self._device)

    def __array__(self, *_args, **_keys):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    __array_ufunc__ = None  # NumPy's operators leave the operation to this class, which refuses NumPy's arrays

    def __len__(self):
        return len(self._host)

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __bool__(self):
        return bool(self.get())

    __hash__ = None

    def get(self, stream=None, order="C", out=None, blocking=True):
        """Return a copy on the host, after all that was queued."""
        if stream is not None or out is not None or order != "C" or not blocking:
            raise NotImplementedError("the double's get() takes no arguments")
        _order.refuse_in_capture()
        key = _order.current()
        _order.queued("copy to the host", (self._host,), (), key)
        _account.waited(_account.copies_of(_order.timeline(key).seen))
        _order.waited(key)
        return np.array(self._host, order="C")

    def set(self, arr, stream=None):
        """Copy from the host; from pinned memory, asynchronously."""
        if stream is not None:
            raise NotImplementedError("the double's set() has one stream")
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            msg = f"{arr.dtype} array cannot be set to {self.dtype} array"
            raise TypeError(msg)
        if self.shape != arr.shape:
            msg = f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}"
            raise ValueError(msg)
        if not self._host.flags.c_contiguous:
            raise RuntimeError("Cannot set to non-contiguous array")
        source = np.ascontiguousarray(arr)
        if _account.is_pinned(source):
            _order.refuse_in_capture("the double's graphs have no copies", NotImplementedError)
        _order.refuse_in_capture()
        key = _order.current()
        _order.queued("copy from the host", (), (self._host,), key)
        _account.copied_from(source, key, _order.timeline(key).seen[key])
        self._host[...] = arr

    def fill(self, value):
        """Fill it with a scalar."""
        self[...] = value

    def __getitem__(self, key):
        raw = self._raw(key)
        view = _view(self._host, raw)
        return ndarray.of(operand(self)._host[raw] if view is None else view, self._device, "getitem")

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        _order.refuse_in_capture(_KERNELS, NotImplementedError)
        content = getattr(operand(value), "_host", value)
        raw = self._raw(key)
        view = _view(self._host, raw)
        _order.queued("setitem", (), (self._host if view is None else view,))
        self._host[raw] = content

    def _raw(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        return tuple(map(self._raw_part, keys))

    @staticmethod
    def _raw_part(key):
        if isinstance(key, ndarray):
            return operand(key)._host
        if isinstance(key, np.ndarray | list):
            raise TypeError("the double takes no index from the host: CuPy would copy it at every use")
        return key if key is None or key is Ellipsis or isinstance(key, slice) else operator.index(key)

    def reshape(self, *shape, order="C", copy=None):
        """Return a view."""
        if order != "C" or copy is not None:
            raise NotImplementedError("the double's reshape() is a view in C order")
        return ndarray.of(self._host.reshape(*shape), self._device)

    def transpose(self, *axes):
        """Return a view with the axes in another order."""
        return ndarray.of(self._host.transpose(*axes), self._device)

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):  # noqa: ARG002 - CuPy's signature
        """Return a copy in another dtype."""
        return (
            self
            if not copy and np.dtype(dtype) == self.dtype
            else ndarray.of(operand(self)._host.astype(dtype), name="astype")
        )

    def max(self, axis=None, out=None, keepdims=False):
        """Return the largest elements."""
        return self._reduced("max", out, axis=axis, keepdims=keepdims)

    def argmax(self, axis=None, out=None, dtype=None, keepdims=False):
        """Return where they are."""
        if dtype is not None:
            raise NotImplementedError("the double's argmax() is int64")
        return self._reduced("argmax", out, axis=axis, keepdims=keepdims)

    def sum(self, axis=None, dtype=None, out=None, keepdims=False):
        """Return sums."""
        return self._reduced("sum", out, axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis=None, dtype=None, out=None, keepdims=False):
        """Return means."""
        return self._reduced("mean", out, axis=axis, dtype=dtype, keepdims=keepdims)

    def _reduced(self, name, out, **keys):
        if out is not None:
            raise NotImplementedError("the double's reductions have no out")
        with np.errstate(all="ignore"):
            return ndarray.of(np.asarray(getattr(operand(self)._host, name)(**keys)), name=name)


def _operator(name, *, reverse=False, inplace=False):
    function = ufunc(name)

    def apply(self, other):
        if isinstance(other, np.ndarray):
            msg = f"Unsupported type {type(other)}"
            raise TypeError(msg)
        if not isinstance(other, (ndarray, *_SCALARS)):
            return NotImplemented
        if inplace:
            return function(self, other, out=self)
        return function(other, self) if reverse else function(self, other)

    return apply


def _unary(name):
    function = ufunc(name)

    def apply(self):
        return function(self)

    return apply


for _symbol, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "pow": "power",
}.items():
    setattr(ndarray, f"__{_symbol}__", _operator(_name))
    setattr(ndarray, f"__r{_symbol}__", _operator(_name, reverse=True))
    setattr(ndarray, f"__i{_symbol}__", _operator(_name, inplace=True))
ndarray.__eq__ = _operator("equal")
ndarray.__lt__ = _operator("less")
ndarray.__gt__ = _operator("greater")
ndarray.__abs__ = _unary("absolute")
ndarray.__neg__ = _unary("negative")

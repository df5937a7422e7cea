"""The double of CuPy refuses what CuPy refuses, and has its signatures and loops."""

import inspect
import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tests.doubles import strict_cupy

__all__ = ["strict_cupy"]

FUNCTIONS = [
    "arange", "array", "asarray", "asnumpy", "concatenate", "count_nonzero", "einsum", "empty", "empty_like", "matmul",
    "max", "ones", "ones_like", "sum", "take", "where", "zeros", "zeros_like",
]  # fmt: skip
STREAMS = ["begin_capture", "end_capture", "is_capturing", "record", "synchronize", "use", "wait_event"]
METHODS = ["argmax", "astype", "fill", "get", "max", "mean", "reshape", "set", "sum", "transpose"]
_REAL = """
import inspect, json, re, sys, warnings
warnings.simplefilter("ignore")
import cupy, cupyx, cupyx.scipy.special
functions, methods, streams, ufuncs = (names.split() for names in sys.argv[1:])

def parameters(function):
    return [[one.name, one.kind.name] for one in inspect.signature(function).parameters.values()]

def documented(method):
    scope = {}
    line = method.__doc__.strip().splitlines()[0].partition(" -> ")[0]
    untyped = re.sub(r"\\b(str|tuple|bool|int|size_t) (?=\\w)", "", line[line.index("("):])
    exec(f"def f{untyped}: pass", scope)
    return parameters(scope["f"])

def ufunc(name):
    return cupyx.scipy.special.erf if name == "special.erf" else getattr(cupy, name)

print(json.dumps({
    "functions": {name: parameters(getattr(cupy, name)) for name in functions},
    "methods": {name: documented(getattr(cupy.ndarray, name)) for name in methods},
    "loops": {name: list(ufunc(name).types) for name in ufuncs},
    "empty_pinned": parameters(cupyx.empty_pinned),
    "Philox4x3210": parameters(cupy.random.Philox4x3210),
    "Event": parameters(cupy.cuda.Event),
    "Event.record": documented(cupy.cuda.Event.record),
    "Stream": parameters(cupy.cuda.Stream),
    "Stream.": {name: parameters(getattr(cupy.cuda.Stream, name)) for name in streams},
    "Graph.": {name: documented(getattr(cupy.cuda.Graph, name)) for name in ("launch", "upload")},
    "RawModule": documented(cupy.RawModule),
    "get_function": documented(cupy.RawModule.get_function),
    "CompileException": parameters(cupy.cuda.compiler.CompileException),
    "as_strided": parameters(cupy.lib.stride_tricks.as_strided),
    "names": [hasattr(cupy.cuda, name) for name in ("Device", "Event", "MemoryHook", "get_current_stream", "runtime")],
}))
"""


def parameters(function):
    return [[parameter.name, parameter.kind.name] for parameter in inspect.signature(function).parameters.values()]


@pytest.mark.skipif(find_spec("cupy") is None, reason="CuPy is not installed: its wheel will do, without a GPU")
def test_signatures_and_loops_are_the_real_packages(request):
    """Names and kinds of every parameter, and the dtypes of every loop in their order."""
    names = " ".join(request.getfixturevalue("strict_cupy")._ufuncs.LOOPS)
    path = [place for place in sys.path if "strict_cupy" not in place]
    script = f"import sys\nsys.path[:] = {path!r}\n{_REAL}"
    command = [sys.executable, "-c", script, *map(" ".join, (FUNCTIONS, METHODS, STREAMS)), names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    real = json.loads(done.stdout)
    import cupy
    import cupyx

    assert {name: parameters(getattr(cupy, name)) for name in FUNCTIONS} == real["functions"]
    assert {name: parameters(getattr(cupy.ndarray, name)) for name in METHODS} == real["methods"]
    assert {name: list(loops) for name, loops in cupy._ufuncs.LOOPS.items()} == real["loops"]
    assert parameters(cupyx.empty_pinned) == real["empty_pinned"]
    assert parameters(cupy.random.Philox4x3210) == real["Philox4x3210"]
    assert parameters(cupy.cuda.Event.record) == real["Event.record"]
    assert parameters(cupy.cuda.Event) == real["Event"]
    assert parameters(cupy.cuda.Stream) == real["Stream"]
    assert {name: parameters(getattr(cupy.cuda.Stream, name)) for name in STREAMS} == real["Stream."]
    assert {name: parameters(getattr(cupy.cuda.Graph, name)) for name in ("launch", "upload")} == real["Graph."]
    assert parameters(cupy.RawModule) == real["RawModule"]
    assert parameters(cupy.RawModule.get_function) == real["get_function"]
    assert parameters(cupy.cuda.compiler.CompileException) == real["CompileException"]
    assert parameters(cupy.lib.stride_tricks.as_strided) == real["as_strided"]
    assert all(real["names"])


def test_an_array_becomes_numpys_only_when_asked(strict_cupy):
    """`get` copies; everything implicit raises, as CuPy's."""
    array = strict_cupy.ones((2, 3))
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(array)
    with pytest.raises(TypeError):
        np.add(array, 1)
    assert isinstance(array.get(), np.ndarray)
    assert float(array.sum()) == 6.0


@pytest.mark.parametrize(
    "use",
    [
        lambda cupy, x, host: cupy.add(x, host),
        lambda _, x, host: x * host,
        lambda _, x, host: host - x,
        lambda cupy, x, host: cupy.matmul(x, host),
        lambda cupy, x, host: cupy.multiply(x, 2, out=host),
        lambda cupy, x, host: cupy.take(x, host.astype(int), axis=0),
        lambda _, x, host: x[host.astype(int)],
        lambda _, x, host: x.__setitem__(slice(None), host),
        lambda _, x, host: x.__iadd__(host),
    ],
)
def test_numpys_arrays_are_no_operands(strict_cupy, use):
    """Neither operand nor index nor result."""
    with pytest.raises(TypeError):
        use(strict_cupy, strict_cupy.ones((2, 2)), np.ones((2, 2)))


def test_unknown_keywords_are_refused(strict_cupy):
    """NumPy has them, CuPy has not."""
    x = strict_cupy.ones((2, 2))
    with pytest.raises(TypeError, match="mode"):
        strict_cupy.take(x, strict_cupy.arange(2), axis=0, mode="clip")
    with pytest.raises(TypeError, match="where"):
        strict_cupy.exp(x, where=x)
    with pytest.raises(TypeError, match="initial"):
        x.sum(initial=0)
    with pytest.raises(TypeError, match="out"):
        strict_cupy.einsum("ij,ij->j", x, x, out=x)


def test_an_out_of_another_dtype_is_refused(strict_cupy):
    """A ufunc casts within a kind, a product and a gathering not at all."""
    single, double = (strict_cupy.ones((2, 2), dtype=dtype) for dtype in (np.float32, np.float64))
    strict_cupy.add(double, double, out=single)
    with pytest.raises(TypeError, match="could not be coerced"):
        strict_cupy.add(single, single, out=strict_cupy.ones((2, 2), dtype=np.int32))
    with pytest.raises(ValueError, match="Not supported dtype combination"):
        strict_cupy.matmul(single, single, out=double)
    with pytest.raises(TypeError, match="Output dtype mismatch"):
        strict_cupy.take(single, strict_cupy.arange(2), axis=0, out=double)
    with pytest.raises(TypeError, match="cannot be set"):
        single.set(np.ones((2, 2)))
    with pytest.raises(ValueError, match="mismatch"):
        strict_cupy.add(single, single, out=strict_cupy.ones((3, 2, 2), dtype=np.float32))


def test_an_array_of_another_device_is_refused(strict_cupy):
    """Peer access is not to be relied on."""
    with strict_cupy.cuda.Device(1):
        there = strict_cupy.ones(3)
    with pytest.raises(ValueError, match="Array device must be same as the current device"):
        there + there
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        strict_cupy.cuda.Device(2)


@pytest.mark.parametrize("wait", ["event", "stream", "get"])
def test_pinned_memory_is_busy_until_its_copy_is_waited_for(strict_cupy, wait):
    """Written before that, the next thing that waits raises; after it, nothing does."""
    import cupyx

    target, pinned = strict_cupy.zeros(4), cupyx.empty_pinned(4)
    event = strict_cupy.cuda.Event()
    waits = {"event": event.synchronize, "stream": strict_cupy.cuda.get_current_stream().synchronize, "get": target.get}
    pinned[:] = 1
    target.set(pinned)
    event.record()
    waits[wait]()
    pinned[:] = 2
    target.set(pinned)
    event.record()
    pinned[:] = 3
    with pytest.raises(AssertionError, match="pinned memory was written while an asynchronous copy"):
        waits[wait]()


def test_what_the_double_lacks_says_so(strict_cupy):
    """A test that needs more must extend it."""
    with pytest.raises(NotImplementedError, match=r"the double has no cupy\.hypot"):
        strict_cupy.hypot(1, 2)

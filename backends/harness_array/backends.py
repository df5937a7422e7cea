"""The backends ``numpy`` and ``cupy``: one network, two namespaces."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import numpy as np

from harness.errors import one_line
from harness.interfaces import Context, NetworkSpec, Optimizer, Product, State
from harness.machine.threads import numpy_blas
from harness_array.cuda import Cuda
from harness_array.devices import Host
from harness_array.kinds import LAYERS
from harness_array.network import ArrayNetwork
from harness_array.products import openblas_kernels, repeatable
from harness_nvidia import driver_version, limits


class NumpyBackend:
    """Networks from scratch on the CPU."""

    interface = 2
    layers = tuple(LAYERS)
    takes_batches = True
    input_gradients = True

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device``: it knows the CPU alone."""
        return None if device in {"auto", "cpu"} else f"numpy runs on the CPU alone, not on {device!r}"

    def unsupported(self, _spec: NetworkSpec, _optimizer: Optimizer) -> list[str]:
        """Return nothing: it honours every key."""
        return []

    def devices(self, _device: str) -> Sequence[str]:
        """Return the CPU."""
        return ["cpu"]

    def deterministic(self, _device: str) -> bool:
        """Return True: equal inputs, threads and BLAS kernel give equal bits."""
        return True

    def environment(self, _device: str) -> Mapping[str, str]:
        """Return NumPy's version and the BLAS kernel that it uses here."""
        return {"device": "cpu", "numpy": np.__version__, "blas": numpy_blas()}

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> ArrayNetwork:
        """Return a network in the host's memory."""
        # A batch of images is blocks, enough for all threads; of vectors, one product that the BLAS divides.
        host = Host(context.threads if len(spec.row_shape) > 1 else 1)
        return ArrayNetwork(host, spec, initial, optimizer, context)

    def matrix_products(self, products: Sequence[Product], context: Context) -> Callable[[], None]:
        """Return a function that does each product once, by `numpy.matmul`."""
        return repeatable(Host(), products, context.precision)

    def matrix_kernels(self) -> Mapping[str, Mapping[str, str]]:
        """Return those of its BLAS."""
        return openblas_kernels(numpy_blas())


class CupyBackend:
    """The same networks on a CUDA device."""

    interface = 2
    layers = tuple(LAYERS)
    takes_batches = True
    input_gradients = True

    def unavailable(self, device: str) -> str | None:
        """Return why CuPy cannot run here: not installed, no driver, no such device, or a first product that fails."""
        if not re.fullmatch(r"auto|cuda(:\d+)?", device):
            return f"cupy runs on CUDA devices alone, 'auto', 'cuda' or 'cuda:<number>', not on {device!r}"
        if find_spec("cupy") is None:
            return 'cupy is not installed; with an NVIDIA GPU: pip install "nn-harness[cupy]"'
        try:
            import cupy

            count = cupy.cuda.runtime.getDeviceCount()
        except Exception as error:  # noqa: BLE001 - a missing driver or library shows in many ways; each is the reason
            return f"no CUDA device: {' '.join(str(error).split()) or type(error).__name__}"
        index = _index(device)
        return _first_product_fails(index) if index < count else f"no CUDA device {index}: there are {count}"

    def unsupported(self, _spec: NetworkSpec, _optimizer: Optimizer) -> list[str]:
        """Return nothing: it honours every key."""
        return []

    def devices(self, device: str) -> Sequence[str]:
        """Return the CUDA device that is named, all for ``"auto"``."""
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
        return [f"cuda:{index}" for index in (range(count) if device == "auto" else [_index(device)])]

    def deterministic(self, _device: str) -> bool:
        """Return False: reductions on the device promise no order."""
        return False

    def environment(self, device: str) -> Mapping[str, str]:
        """Return the versions of CuPy, driver and runtime, the device's name, its limits, and whether TF32 is on."""
        import cupy

        runtime, index = cupy.cuda.runtime, _index(device)
        driver = driver_version()
        return {
            "device": runtime.getDeviceProperties(index)["name"].decode(),
            "cupy": cupy.__version__,
            **({"cuda_driver": driver} if driver else {}),
            "cuda_of_driver": str(runtime.driverGetVersion()),
            "cuda_runtime": str(runtime.runtimeGetVersion()),
            "cupy_tf32": os.environ.get("CUPY_TF32", "0"),
            **limits(runtime.deviceGetPCIBusId(index)),
        }

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> ArrayNetwork:
        """Return a network on the device."""
        return ArrayNetwork(Cuda(_index(context.device)), spec, initial, optimizer, context)

    def matrix_products(self, products: Sequence[Product], context: Context) -> Callable[[], None]:
        """Return a function that does each product once, by cuBLAS."""
        return repeatable(Cuda(_index(context.device)), products, context.precision)

    def matrix_kernels(self) -> Mapping[str, Mapping[str, str]]:
        """Return none: cuBLAS chooses by the device."""
        return {}


def _index(device: str) -> int:
    """Return the device number of ``"cuda:1"``, 0 where none is given."""
    return int(device.partition(":")[2] or 0)


def _first_product_fails(index: int) -> str | None:
    """Return what is missing, in one line, where a device's first product fails.

    CuPy finds a device without any of CUDA's libraries: those for products and compilation are loaded when needed.
    """
    import cupy

    try:
        with cupy.cuda.Device(index):
            matrix = cupy.ones((2, 2), dtype=np.float32)
            cupy.matmul(matrix, matrix).get()
    except Exception as error:  # noqa: BLE001 - a missing library shows in many ways; each is the reason
        return (
            f"CuPy cannot multiply on CUDA device {index}: {one_line(error)}. "
            'CUDA\'s libraries come with pip install "nn-harness[cupy]"'
        )
    return None

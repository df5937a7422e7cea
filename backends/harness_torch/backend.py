"""The backend ``torch``; this module alone must not need torch, so that it can say that torch is missing."""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness_nvidia import driver_version, limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import torch

    from harness.interfaces import Context, Layer, NetworkSpec, Optimizer, Product, State
    from harness_torch.network import TorchNetwork


class TorchBackend:
    """Networks of torch's modules, differentiated by autograd, on the CPU or a CUDA device."""

    interface = 2
    takes_batches = True
    input_gradients = True
    precisions = ("float32", "bfloat16")

    @property
    def layers(self) -> Collection[type[Layer]]:
        """The layer kinds that it has; asked where torch is installed."""
        from harness_torch.modules import LAYERS

        return tuple(LAYERS)

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device``: an unknown one, no torch, no CUDA. Cheap unless CUDA is asked for."""
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            return f"torch runs on 'auto', 'cpu', 'cuda' or 'cuda:<number>', not on {device!r}"
        if find_spec("torch") is None:
            return 'torch is not installed: pip install "nn-harness[torch]"'
        return _cuda_missing(device) if device.startswith("cuda") else None

    def unsupported(self, _spec: NetworkSpec, _optimizer: Optimizer) -> list[str]:
        """Return nothing: it honours every key."""
        return []

    def devices(self, device: str) -> Sequence[str]:
        """Return the device that is named; for ``"auto"`` every CUDA device, or the CPU where there is none."""
        import torch

        place = resolve(device)
        if place.type == "cpu":
            return ["cpu"]
        count = torch.cuda.device_count()
        return [f"cuda:{index}" for index in (range(count) if device == "auto" else [place.index or 0])]

    def deterministic(self, device: str) -> bool:
        """Return True on the CPU: equal inputs and threads give equal bits. CUDA's reductions promise no order."""
        return resolve(device).type == "cpu"

    def environment(self, device: str) -> Mapping[str, str]:
        """Return torch's version and the library of linear layers; on CUDA its version, the driver's, the device's.

        The device's are its name and limits; ``float32_matmul`` and ``float32_convolution`` say that TF32 is off.
        """
        import torch

        versions = {"torch": torch.__version__}
        place = resolve(device)
        if place.type == "cpu":
            from harness_torch.library import described, library

            return versions | {"device": "cpu", "blas": described(library())}
        from harness_torch.precision import float32_precisions

        gpu = torch.cuda.get_device_properties(place)
        cuda = {
            "device": gpu.name,
            "cuda": torch.version.cuda,
            "cuda_driver": driver_version(),
            **float32_precisions(),
        }
        uuid = str(gpu.uuid).removeprefix("GPU-")
        return versions | {key: value for key, value in cuda.items() if value} | limits(f"GPU-{uuid}")

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> TorchNetwork:
        """Return a network on the context's device."""
        from harness_torch.network import TorchNetwork

        return TorchNetwork(resolve(context.device), spec, initial, optimizer, context)

    def matrix_products(self, products: Sequence[Product], context: Context) -> Callable[[], None]:
        """Return a function that does each product once, by `torch.mm` or the library of linear layers."""
        import torch

        from harness_torch.products import repeatable

        torch.set_num_threads(context.threads)
        return repeatable(products, resolve(context.device), getattr(torch, context.precision))

    def matrix_kernels(self) -> Mapping[str, Mapping[str, str]]:
        """Return torch's BLAS where linear layers have another library; none on a machine with CUDA, where it is moot.

        Each library chooses its kernel by the processor.
        """
        from harness.machine.kernels import TUNING_OFF
        from harness_torch.library import described, library

        if not _cuda_missing("cuda") or library() == "blas":
            return {}
        return {described("blas").partition(" ")[0]: {TUNING_OFF: "1"}}


def resolve(device: str) -> torch.device:
    """Return the device that a name means here; ``"auto"`` is CUDA's first where there is one."""
    import torch

    if device == "auto":
        device = "cpu" if _cuda_missing("cuda") else "cuda"
    return torch.device(device)


def _cuda_missing(device: str) -> str | None:
    """Return why a CUDA device cannot be used, in one line, or None."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"torch cannot be imported: {' '.join(str(error).split())}"
    with warnings.catch_warnings(record=True) as warned:  # of a driver that is too old: torch says why
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        if torch.version.cuda is None:
            return f"no CUDA device: torch {torch.__version__} is a build without CUDA"
        why = " ".join(str(warned[0].message).split()) if warned else "torch finds no GPU, or no driver for one"
        return f"no CUDA device: {why}"
    index, count = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    return None if index < count else f"no CUDA device {index}: there are {count}"

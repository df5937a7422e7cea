"""Plain PyTorch, as its users write it: what the backends of `harness bench` are compared with."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from harness_torch.backend import TorchBackend, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from harness.interfaces import Context, Layer, NetworkSpec


class Eager:
    """float32 tensors in memory, ``zero_grad``, ``forward``, ``backward``, `torch.optim.Adam` with its defaults."""

    title: ClassVar[str] = "plain PyTorch"
    reference: ClassVar[bool] = True
    precision: ClassVar[str] = "float32"

    @property
    def layers(self) -> Collection[type[Layer]]:
        """The layer kinds that it has; asked where torch is installed."""
        from harness_torch.plain import LAYERS

        return tuple(LAYERS)

    def unavailable(self, device: str) -> str | None:
        """Return why torch cannot run on ``device`` here."""
        return TorchBackend().unavailable(device)

    def unsupported(self, _spec: NetworkSpec) -> list[str]:
        """Return nothing: torch has it all."""
        return []

    def environment(self, device: str) -> Mapping[str, str]:
        """Return the backend's, but for the library of linear layers: here it is always torch's BLAS."""
        from harness_torch.library import described

        environment = TorchBackend().environment(device)
        return {**environment, "blas": described("blas")} if "blas" in environment else environment

    def build(self, spec: NetworkSpec, learning_rate: float, context: Context) -> PlainNetwork:
        """Return a network on the context's device."""
        return PlainNetwork(spec, learning_rate, context)


class WithDataLoader(Eager):
    """The same, its batches from a ``DataLoader`` over a ``TensorDataset``, in the same process."""

    title = "PyTorch, DataLoader"
    reference = False

    def build(self, spec: NetworkSpec, learning_rate: float, context: Context) -> PlainNetwork:
        """Return a network on the context's device."""
        return LoaderNetwork(spec, learning_rate, context)


class Bfloat16(Eager):
    """The same as `Eager`, forward under ``torch.autocast(dtype=torch.bfloat16)``."""

    title = "PyTorch, bfloat16 autocast"
    reference = False
    precision = "bfloat16"

    def build(self, spec: NetworkSpec, learning_rate: float, context: Context) -> PlainNetwork:
        """Return a network on the context's device."""
        return AutocastNetwork(spec, learning_rate, context)


class PlainNetwork:
    """A `torch.nn.Sequential` and its training loop."""

    def __init__(self, spec: NetworkSpec, learning_rate: float, context: Context) -> None:
        import torch

        from harness_torch.plain import sequential

        torch.set_num_threads(context.threads)
        self._device = resolve(context.device)
        self._batch_size = spec.batch_size
        self._shape = spec.row_shape
        self._model = sequential(spec, Eager.title).to(self._device)
        self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch leaves it out
        self._optimizer = torch.optim.Adam(self._model.parameters(), lr=learning_rate, weight_decay=spec.weight_decay)
        self._x = self._y = torch.empty(0)

    def attach(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Keep float32 vectors (rows, features) in [0, 1], or images, channels last in memory, on the device."""
        import torch

        rows = len(images)
        self._x = torch.empty((rows, *self._shape), dtype=torch.float32)
        for start in range(0, rows, 8192):
            part = slice(start, start + 8192)
            self._x[part] = torch.tensor(images[part]).reshape(-1, *self._shape) / 255
        self._x = self._x.to(self._device)
        if self._x.ndim == 4:
            self._x = self._x.permute(0, 3, 1, 2)
        self._y = torch.tensor(labels).to(self._device)

    def batches(self) -> Iterable[Sequence[Tensor]]:
        """Return the batches of an epoch, shuffled."""
        import torch

        for rows in torch.randperm(len(self._x), device=self._device).split(self._batch_size):  # type: ignore[no-untyped-call]
            yield self._x[rows], self._y[rows]

    def precision(self) -> AbstractContextManager[Any]:
        """Return the block within which the loss is computed."""
        return nullcontext()

    def train_epoch(self) -> None:
        """Train on every image once, on CUDA without TF32, as the backends do that are compared with it."""
        from torch.nn.functional import cross_entropy

        from harness_torch.precision import full_float32

        self._model.train()
        with full_float32(self._device):
            for x, y in self.batches():
                self._optimizer.zero_grad(set_to_none=True)
                with self.precision():
                    loss = cross_entropy(self._model(x), y)
                loss.backward()  # type: ignore[no-untyped-call] # torch leaves it so
                self._optimizer.step()

    def synchronize(self) -> None:
        """Wait for a CUDA device."""
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def close(self) -> None:
        """Let go of the images."""
        del self._x, self._y


class LoaderNetwork(PlainNetwork):
    """Batches from a DataLoader."""

    _loader: Iterable[Sequence[Tensor]] = ()

    def attach(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Keep the images, and a loader over them."""
        from torch.utils.data import DataLoader, TensorDataset

        super().attach(images, labels)
        data = TensorDataset(self._x, self._y)
        self._loader = DataLoader(data, batch_size=self._batch_size, shuffle=True)

    def batches(self) -> Iterable[Sequence[Tensor]]:
        """Return the loader."""
        return self._loader

    def close(self) -> None:
        """Let go of the images, which the loader has too."""
        super().close()
        self._loader = ()


class AutocastNetwork(PlainNetwork):
    """bfloat16 in forward and backward products; parameters and optimizer in float32."""

    def precision(self) -> AbstractContextManager[Any]:
        """Return autocast's block."""
        import torch

        return torch.autocast(self._device.type, dtype=torch.bfloat16)

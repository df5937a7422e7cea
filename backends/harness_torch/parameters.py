"""The parameters of a network as torch lays them out, one tensor each, and as a `State` has them."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.interfaces import NetworkSpec
from harness_torch.modules import MULTIPLYING


class Parameters:
    """What is learned: kept and updated in full precision, and set in the modules for autograd to differentiate.

    A linear layer's weight is (outputs, inputs), as torch's own are: so autograd's gradient of it is what the products
    return, which costs no copy, and the products are those that its library is fastest at. A convolution's is
    (outputs, inputs, height, width), inputs last in memory.
    """

    def __init__(
        self, spec: NetworkSpec, modules: nn.Module, dtype: torch.dtype, device: torch.device, *, rounded: bool
    ) -> None:
        blocks = spec.parameters()
        self.names = [block.key for block in blocks]
        self.kept = [_zeros(block.shape, dtype, device) for block in blocks]
        """In the order of `NetworkSpec.parameters`."""
        self.leaves = [nn.Parameter(tensor) for tensor in self.kept]
        """Those of the modules, in the same order and memory; with ``rounded``, products have bfloat16 copies."""
        self.weights = [index for index, block in enumerate(blocks) if block.is_weight]
        places = [(modules.get_submodule(key.rpartition(".")[0]), key.rpartition(".")[2]) for key in self.names]
        self._rounded = [
            index for index, (module, _) in enumerate(places) if rounded and isinstance(module, MULTIPLYING)
        ]
        self._copied = [self.kept[index] for index in self._rounded]
        self._copies = [tensor.bfloat16() for tensor in self._copied]
        self._gradients = [torch.empty_like(tensor) for tensor in self._copied]
        for index, copy in zip(self._rounded, self._copies, strict=True):
            self.leaves[index] = nn.Parameter(copy)
        for (module, name), leaf in zip(places, self.leaves, strict=True):
            setattr(module, name, leaf)

    def forget_gradients(self) -> None:
        """Let go of the gradients: autograd then leaves its own tensors instead of adding to those."""
        for leaf in self.leaves:
            leaf.grad = None

    def gradients(self) -> list[Tensor]:
        """Return the gradients, in the order and the precision of what is kept."""
        gradients: list[Any] = [leaf.grad for leaf in self.leaves]
        if self._rounded:
            torch._foreach_copy_(self._gradients, [gradients[index] for index in self._rounded])
            for index, gradient in zip(self._rounded, self._gradients, strict=True):
                gradients[index] = gradient
        return gradients

    def renew_copies(self) -> None:
        """Round what is kept, after it was changed, where the modules have copies."""
        if self._copies:
            torch._foreach_copy_(self._copies, self._copied)


def in_state(tensor: Tensor) -> Tensor:
    """Return a view of a parameter in torch's layout as a `State` has it."""
    return tensor.permute(2, 3, 1, 0) if tensor.ndim == 4 else tensor.t()


def flatten(tensors: Iterable[Tensor]) -> Tensor:
    """Return one vector (n,) of a tensor for each parameter, in the order and layout of `NetworkSpec.parameters`."""
    return torch.cat([in_state(tensor).reshape(-1) for tensor in tensors])


def spread(vector: Tensor, tensors: Sequence[Tensor]) -> None:
    """Copy such a vector (n,) into a tensor for each parameter."""
    sizes = [tensor.numel() for tensor in tensors]
    for part, tensor in zip(torch.split(vector, sizes), tensors, strict=True):
        target = in_state(tensor)
        target.copy_(part.view(target.shape))


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros in torch's layout for a parameter of this shape in a `State`."""
    if len(shape) != 4:
        return torch.zeros(shape[::-1], dtype=dtype, device=device)
    height, width, inputs, outputs = shape
    zeros = torch.zeros((outputs, inputs, height, width), dtype=dtype, device=device)
    return zeros.to(memory_format=torch.channels_last)

"""A linear layer whose products are oneDNN's: on some processors it multiplies at twice the rate of torch's BLAS."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx


def product_of(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a · bᵀ (+ bias) by oneDNN, for float32 matrices a (m, k) and b (n, k) and a vector (n,); strides are kept.

    The operator is what ``torch.compile`` makes of a linear layer on a CPU. It is not differentiable.
    """
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")  # noqa: SLF001 - it has no public name
    return product


def available() -> bool:
    """Return whether this build of torch has oneDNN and its operator."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


class OneDnnLinear(nn.Linear):
    """`torch.nn.Linear` by `product_of`, forward and both gradients, for float32 on the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x · weightᵀ + bias, (rows, outputs), of x (rows, inputs)."""
        return _Product.apply(x, self.weight, self.bias)  # type: ignore[no-any-return, no-untyped-call]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product_of(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Return g · W, gᵀ · x and the sum of g over rows; the first only where it is needed."""
        x, weight = ctx.saved_tensors
        by_input = product_of(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        return by_input, product_of(gradient.t(), x.t()), gradient.sum(0)

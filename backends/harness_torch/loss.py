"""From logits to gradients: torch's own cross-entropy, any other loss through its pure form, and clipping."""

from typing import Protocol

import torch
from array_api_compat import array_namespace
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm

from harness.descent import batch_loss, clip_factor, is_plain
from harness.interfaces import Gradient, NetworkSpec


class Backward(Protocol):
    """A loss, and the way back from it."""

    summed: bool
    """Whether `backward` returns a sum over the batch, and not a mean."""

    def backward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Leave the gradients of a batch's sum or mean, as the spec says, in the parameters; return its loss.

        ``logits`` (rows, classes), ``labels`` (rows,) int64; the loss is 0-d, detached, a sum or mean as `summed` says.
        """
        ...


class CrossEntropyBackward:
    """The plain cross-entropy, differentiated by autograd."""

    def __init__(self, gradient: Gradient) -> None:
        self._reduction = gradient
        self.summed = gradient == "sum"

    def backward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Leave the gradients; return the loss."""
        loss = cross_entropy(logits, labels, reduction=self._reduction)
        torch.autograd.backward(loss)
        return loss.detach()


class PureBackward:
    """Any `harness.interfaces.Loss`: autograd starts from the gradient by the logits that it returns.

    Raises:
        IndexError: a label on the CPU is that of no class.
    """

    summed = False

    def __init__(self, spec: NetworkSpec, dtype: torch.dtype, device: torch.device) -> None:
        self._spec = spec
        weights = spec.class_weights
        self._weights = None if weights is None else torch.tensor(weights, dtype=dtype, device=device)

    def backward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Leave the gradients; return the loss."""
        values = logits.detach()
        with torch.no_grad():
            loss, gradient = batch_loss(self._spec, array_namespace(values), values, labels, self._weights)
        torch.autograd.backward(logits, gradient)
        return loss  # type: ignore[no-any-return] # of tensors, it is one


def loss_for(spec: NetworkSpec, dtype: torch.dtype, device: torch.device) -> Backward:
    """Return the loss of a network: its own form here where it is the plain cross-entropy."""
    return CrossEntropyBackward(spec.gradient) if is_plain(spec) else PureBackward(spec, dtype, device)


def clip(gradients: list[Tensor], clip_norm: float) -> None:
    """Scale gradients, in place, to a norm over all of them of at most ``clip_norm``."""
    norm = get_total_norm(gradients)
    torch._foreach_mul_(gradients, clip_factor(torch, norm * norm, clip_norm))

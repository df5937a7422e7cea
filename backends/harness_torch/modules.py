"""From a specification to an ordinary `torch.nn.Sequential`: what builds each layer kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.interfaces import Activation, BatchNorm, Dropout, Layer, Linear, NetworkSpec, Shape, entry_for
from harness_torch.dropout import KeyedDropout, Masks

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    # In place where the gradient follows from the result: a pass over memory saved.
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


@dataclass(frozen=True)
class Site:
    """Where a layer is in a network, and what its module is built with."""

    input_shape: Shape
    """Of one row."""
    training_rows: int
    """Rows in a batch of training, at most."""
    device: torch.device
    dtype: torch.dtype
    masks: Masks
    before: nn.Module | None
    """The module that gives it its input; None for the first."""


def _linear(layer: Linear, _site: Site) -> nn.Module:
    # On "meta" no weights are drawn: they would come from torch's global generator.
    return nn.Linear(layer.inputs, layer.outputs, device="meta")


def _batch_norm(layer: BatchNorm, site: Site) -> nn.Module:
    return nn.BatchNorm1d(layer.features, layer.eps, layer.momentum, device=site.device, dtype=site.dtype)


def _activation(layer: Activation, _site: Site) -> nn.Module:
    return ACTIVATIONS[layer.name]()


def _dropout(layer: Dropout, site: Site) -> nn.Module:
    # What an activation in place returned, autograd still needs; of the others it keeps what they were given.
    in_place = not getattr(site.before, "inplace", False)
    mask = torch.empty((site.training_rows, *site.input_shape), dtype=site.dtype, device=site.device)
    return KeyedDropout(layer.rate, site.masks, mask, in_place=in_place)


LAYERS: dict[type[Layer], Callable[[Any, Site], nn.Module]] = {
    Linear: _linear,
    BatchNorm: _batch_norm,
    Activation: _activation,
    Dropout: _dropout,
}
MULTIPLYING = (nn.Linear,)
"""The modules that multiply matrices: in bfloat16 their parameters have that precision."""


def build_modules(spec: NetworkSpec, masks: Masks, device: torch.device, dtype: torch.dtype) -> nn.Sequential:
    """Return the modules; their parameters, named as the blocks of the specification, are still to be set."""
    modules: list[nn.Module] = []
    for layer, shape in spec.layers_with_shapes():
        before = modules[-1] if modules else None
        site = Site(shape, spec.batch_size, device, dtype, masks, before)
        modules.append(entry_for(layer, LAYERS, "backend torch")(layer, site))
    return nn.Sequential(*modules)


def statistics(spec: NetworkSpec, modules: nn.Module) -> dict[str, Tensor]:
    """Return the running statistics, by their key in a `State`: torch names buffers as the specification does."""
    return {key: modules.get_buffer(key) for key in spec.buffers()}


def random_draws(modules: nn.Module) -> bool:
    """Return whether training draws random numbers."""
    return any(isinstance(module, KeyedDropout) for module in modules.modules())

"""From a specification to an ordinary `torch.nn.Sequential`: what builds each layer kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from harness.interfaces import (
    SHORTCUT,
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
    Shape,
    chain_shapes,
    entry_for,
)
from harness_torch.blocks import ChannelsLastFlatten, Mean, ResidualBlock
from harness_torch.dropout import KeyedDropout, Masks
from harness_torch.library import library
from harness_torch.linear import OneDnnLinear

ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.01),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
_IN_PLACE = {"relu", "leaky_relu"}
"""Those whose gradient follows from what they returned: over their input, where that may be overwritten, they save a
pass over memory."""
_FORGETFUL = (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.GELU, nn.SiLU, nn.MaxPool2d, nn.AvgPool2d)
"""Modules whose gradient does not need what they returned: it may be overwritten."""


@dataclass(frozen=True)
class Site:
    """Where a layer is in a network, and what its module is built with."""

    input_shape: Shape
    """Of one row."""
    training_rows: int
    """Rows in a batch of training, at most."""
    device: torch.device
    dtype: torch.dtype
    rounded: bool
    """Whether products are of bfloat16: torch leaves those to oneDNN itself."""
    masks: Masks
    before: nn.Module | None
    """The module that gives it its input; None for the first of a network or a block."""

    @property
    def overwrites(self) -> bool:
        """Whether it may overwrite its input."""
        return isinstance(self.before, _FORGETFUL)


def _linear(layer: Linear, site: Site) -> nn.Module:
    fits = site.device.type == "cpu" and site.dtype == torch.float32 and not site.rounded
    kind = OneDnnLinear if fits and library() == "onednn" else nn.Linear
    # On "meta" no weights are drawn: they would come from torch's global generator.
    return kind(layer.inputs, layer.outputs, device="meta")


def _batch_norm(layer: BatchNorm, site: Site) -> nn.Module:
    kind = nn.BatchNorm1d if len(site.input_shape) == 1 else nn.BatchNorm2d
    return kind(layer.features, layer.eps, layer.momentum, device=site.device, dtype=site.dtype)


def _activation(layer: Activation, site: Site) -> nn.Module:
    in_place = {"inplace": site.overwrites} if layer.name in _IN_PLACE else {}
    return ACTIVATIONS[layer.name](**in_place)


def _dropout(layer: Dropout, site: Site) -> nn.Module:
    mask = torch.empty((site.training_rows, *site.input_shape), dtype=site.dtype, device=site.device)
    return KeyedDropout(layer.rate, site.masks, mask, in_place=site.overwrites)


def _convolution(layer: Conv2d, _site: Site) -> nn.Module:
    # On "meta" no weights are drawn: they would come from torch's global generator.
    return nn.Conv2d(
        layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding, bias=layer.bias, device="meta"
    )


def _residual(layer: Residual, site: Site) -> nn.Module:
    block = ResidualBlock(_chain(layer.layers, replace(site, before=None)))
    projection = layer.shortcut(site.input_shape)
    if projection:
        block.add_module(SHORTCUT, _built(projection, site))
    return block


LAYERS: dict[type[Layer], Callable[[Any, Site], nn.Module]] = {
    Linear: _linear,
    BatchNorm: _batch_norm,
    Activation: _activation,
    Dropout: _dropout,
    Flatten: lambda _layer, _site: ChannelsLastFlatten(),
    Conv2d: _convolution,
    MaxPool2d: lambda layer, _site: nn.MaxPool2d(layer.size),
    AveragePool2d: lambda layer, _site: nn.AvgPool2d(layer.size),
    GlobalAveragePool: lambda _layer, _site: Mean(),
    Residual: _residual,
}
MULTIPLYING = (nn.Linear, nn.Conv2d)
"""The modules that multiply matrices: in bfloat16 their parameters have that precision."""


def build_modules(
    spec: NetworkSpec, masks: Masks, device: torch.device, dtype: torch.dtype, *, rounded: bool
) -> nn.Sequential:
    """Return the modules; their parameters, named as the blocks of the specification, are still to be set."""
    site = Site(spec.row_shape, spec.batch_size, device, dtype, rounded, masks, None)
    return nn.Sequential(*_chain(spec.layers, site))


def _chain(layers: Sequence[Layer], site: Site) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for layer, shape in zip(layers, chain_shapes(layers, site.input_shape), strict=False):
        before = modules[-1] if modules else site.before
        modules.append(_built(layer, replace(site, input_shape=shape, before=before)))
    return modules


def _built(layer: Layer, site: Site) -> nn.Module:
    return entry_for(layer, LAYERS, "backend torch")(layer, site)


def statistics(spec: NetworkSpec, modules: nn.Module) -> dict[str, Tensor]:
    """Return the running statistics, by their key in a `State`: torch names buffers as the specification does."""
    return {key: modules.get_buffer(key) for key in spec.buffers()}


def random_draws(modules: nn.Module) -> bool:
    """Return whether training draws random numbers."""
    return any(isinstance(module, KeyedDropout) for module in modules.modules())

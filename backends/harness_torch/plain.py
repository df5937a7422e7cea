"""The modules of plain PyTorch, as its users write them."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn

from harness.interfaces import (
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

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


class Block(nn.Module):
    """x + F(x), or P(x) + F(x)."""

    def __init__(self, modules: Iterable[nn.Module], projection: nn.Module | None) -> None:
        super().__init__()
        self.layers = nn.Sequential(*modules)
        self.projection = projection or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        return self.projection(x) + self.layers(x)  # type: ignore[no-any-return] # modules of tensors


def _batch_norm(layer: BatchNorm, shape: Shape, _title: str) -> nn.Module:
    kind = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
    return kind(layer.features, layer.eps, layer.momentum)


def _convolution(layer: Conv2d, _shape: Shape, _title: str) -> nn.Module:
    return nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding, bias=layer.bias)


def _residual(layer: Residual, shape: Shape, title: str) -> nn.Module:
    projection = layer.shortcut(shape)
    shortcut = _built(projection, shape, title) if projection else None
    return Block(_chain(layer.layers, shape, title), shortcut)


LAYERS: dict[type[Layer], Callable[[Any, Shape, str], nn.Module]] = {
    Linear: lambda layer, _shape, _title: nn.Linear(layer.inputs, layer.outputs),
    BatchNorm: _batch_norm,
    Activation: lambda layer, _shape, _title: ACTIVATIONS[layer.name](),
    Dropout: lambda layer, _shape, _title: nn.Dropout(layer.rate),
    Flatten: lambda _layer, _shape, _title: nn.Flatten(),
    Conv2d: _convolution,
    MaxPool2d: lambda layer, _shape, _title: nn.MaxPool2d(layer.size),
    AveragePool2d: lambda layer, _shape, _title: nn.AvgPool2d(layer.size),
    GlobalAveragePool: lambda _layer, _shape, _title: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    Residual: _residual,
}
"""What builds each layer kind, of the layer, the shape of one row at its input, and what to call the peer in errors."""


def sequential(spec: NetworkSpec, title: str) -> nn.Sequential:
    """Return the modules of a network, with torch's own initial weights."""
    return nn.Sequential(*_chain(spec.layers, spec.row_shape, title))


def _chain(layers: Iterable[Layer], shape: Shape, title: str) -> list[nn.Module]:
    layers = tuple(layers)
    pairs = zip(layers, chain_shapes(layers, shape), strict=False)
    return [_built(layer, before, title) for layer, before in pairs]


def _built(layer: Layer, shape: Shape, title: str) -> nn.Module:
    return entry_for(layer, LAYERS, title)(layer, shape, title)

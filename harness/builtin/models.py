"""Models: factories of layers, for rows of a shape and a number of classes."""

from collections.abc import Sequence
from math import prod
from typing import Literal

from harness.interfaces import (
    Activation,
    ActivationName,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool2d,
    Residual,
    Shape,
)

Pooling = Literal["max", "average", "none"]


def mlp(
    input_shape: Shape,
    classes: int,
    *,
    hidden_layers: Sequence[int],
    activation: ActivationName = "relu",
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> tuple[Layer, ...]:
    """Return a multilayer perceptron: each hidden layer is linear → batch norm → activation → dropout.

    Raises:
        ValueError: an option is out of range; the message begins with its name.
    """
    _require_counts("hidden_layers", hidden_layers)
    _require_rate(dropout)
    hidden = _dense(prod(input_shape), hidden_layers, activation, dropout, batch_norm=batch_norm)
    width = hidden_layers[-1] if hidden_layers else prod(input_shape)
    return (*hidden, Linear(width, classes))


def cnn(
    input_shape: Shape,
    classes: int,
    *,
    channels: Sequence[int] = (16, 32),
    kernel: int = 3,
    pooling: Pooling = "max",
    dense: Sequence[int] = (128,),
    activation: ActivationName = "relu",
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> tuple[Layer, ...]:
    """Return a convolutional network in the manner of LeNet (LeCun et al., 1998).

    For each number of ``channels``: a convolution padded so that an odd kernel keeps the size → batch norm → activation
    → pooling by 2 × 2, which halves height and width. Then hidden layers as those of `mlp`, of the widths ``dense``.

    Raises:
        ValueError: an option is out of range, or the kernel larger than the image that it meets.
    """
    height, width, depth = _image("cnn", input_shape)
    for name, counts in (("channels", channels), ("kernel", [kernel]), ("dense", dense)):
        _require_counts(name, counts)
    _require_rate(dropout)
    pools: dict[Pooling, list[Layer]] = {"max": [MaxPool2d(2)], "average": [AveragePool2d(2)], "none": []}
    layers: list[Layer] = []
    for position, number in enumerate(channels, start=1):
        if kernel > min(height, width):
            msg = f"kernel: {kernel} is larger than the input of convolution {position}, {height} × {width}"
            raise ValueError(msg)
        block = [
            Conv2d(depth, number, kernel, padding=(kernel - 1) // 2, bias=not batch_norm),
            *([BatchNorm(number)] if batch_norm else []),
            Activation(activation),
            *pools[pooling],
        ]
        for layer in block:
            height, width, depth = layer.output_shape((height, width, depth))
        layers += block
    size = height * width * depth
    hidden = _dense(size, dense, activation, dropout, batch_norm=batch_norm)
    return (*layers, Flatten(), *hidden, Linear(dense[-1] if dense else size, classes))


def resnet(
    input_shape: Shape,
    classes: int,
    *,
    channels: Sequence[int] = (16, 32, 64),
    blocks: int = 1,
    activation: ActivationName = "relu",
    dropout: float = 0.0,
) -> tuple[Layer, ...]:
    """Return a small residual network (He et al., 2016), every convolution 3 × 3 and followed by a batch norm.

    A first convolution, then for each number of ``channels`` as many ``blocks`` of two convolutions with a shortcut
    around them; the first block of each number but the first halves height and width. Then the mean over the image,
    dropout and the output layer.

    Raises:
        ValueError: an option is out of range.
    """
    *_, depth = _image("resnet", input_shape)
    for name, counts in (("channels", channels), ("blocks", [blocks])):
        _require_counts(name, counts)
    if not channels:
        raise ValueError("channels: is empty. At least one number is needed")
    _require_rate(dropout)
    layers: list[Layer] = [*_normalised(depth, channels[0]), Activation(activation)]
    depth = channels[0]
    for stage, number in enumerate(channels):
        for block in range(blocks):
            first = _normalised(depth, number, stride=2 if stage and not block else 1)
            layers += [
                Residual((*first, Activation(activation), *_normalised(number, number))),
                Activation(activation),
            ]
            depth = number
    layers += [GlobalAveragePool(), *([Dropout(dropout)] if dropout else []), Linear(depth, classes)]
    return tuple(layers)


def _normalised(inputs: int, outputs: int, stride: int = 1) -> tuple[Layer, Layer]:
    """Return a convolution and a batch norm, which makes its bias needless."""
    return Conv2d(inputs, outputs, kernel=3, stride=stride, padding=1, bias=False), BatchNorm(outputs)


def _dense(
    inputs: int, widths: Sequence[int], activation: ActivationName, dropout: float, *, batch_norm: bool
) -> list[Layer]:
    layers: list[Layer] = []
    for width in widths:
        layers.append(Linear(inputs, width))
        if batch_norm:
            layers.append(BatchNorm(width))
        layers.append(Activation(activation))
        if dropout:
            layers.append(Dropout(dropout))
        inputs = width
    return layers


def _image(model: str, input_shape: Shape) -> tuple[int, int, int]:
    """Return height, width and channels of an image; one without channels has 1."""
    if len(input_shape) not in {2, 3}:
        msg = f"{model} takes images, and the dataset has vectors of {prod(input_shape)} values. Choose mlp"
        raise ValueError(msg)
    height, width, channels = (*input_shape, 1)[:3]
    return height, width, channels


def _require_counts(option: str, counts: Sequence[int]) -> None:
    for count in counts:
        if count < 1:
            msg = f"{option}: {count} is out of range. It must be at least 1"
            raise ValueError(msg)


def _require_rate(dropout: float) -> None:
    if not 0.0 <= dropout < 1.0:
        msg = f"dropout: {dropout} is out of range. It must be at least 0 and less than 1"
        raise ValueError(msg)

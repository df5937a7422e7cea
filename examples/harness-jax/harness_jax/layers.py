"""The arithmetic of each layer kind, as pure functions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

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
    Residual,
    entry_for,
)

Arrays = dict[str, Array]
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
}


def _linear(_layer: Linear, own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    return jnp.matmul(x, own["weight"], precision="highest") + own["bias"], {}


def _activation(layer: Activation, _own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    return ACTIVATIONS[layer.name](x), {}


def _batch_norm(layer: BatchNorm, own: Arrays, x: Array, draws: Array | None) -> tuple[Array, Arrays]:
    mean, variance, moved = own["running_mean"], own["running_var"], {}
    if draws is not None:
        axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        unbiased = variance * count / max(count - 1, 1)
        moved = {
            "running_mean": (1 - layer.momentum) * own["running_mean"] + layer.momentum * mean,
            "running_var": (1 - layer.momentum) * own["running_var"] + layer.momentum * unbiased,
        }
    return (x - mean) / jnp.sqrt(variance + layer.eps) * own["weight"] + own["bias"], moved


def _dropout(layer: Dropout, _own: Arrays, x: Array, draws: Array | None) -> tuple[Array, Arrays]:
    if draws is None:
        return x, {}
    kept = jax.random.bernoulli(draws, 1 - layer.rate, x.shape)
    return jnp.where(kept, x / (1 - layer.rate), 0), {}


def _convolution(layer: Conv2d, own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    y = jax.lax.conv_general_dilated(
        x,
        own["weight"],
        (layer.stride, layer.stride),
        [(layer.padding, layer.padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision="highest",
    )
    return (y + own["bias"] if layer.bias else y), {}


def _windows(x: Array, size: int) -> Array:
    """Return (rows, lines, columns, size², channels), without the lines and columns left over."""
    rows, height, width, channels = x.shape
    lines, columns = height // size, width // size
    whole = x[:, : lines * size, : columns * size].reshape(rows, lines, size, columns, size, channels)
    return whole.transpose(0, 1, 3, 2, 4, 5).reshape(rows, lines, columns, size * size, channels)


def _max_pool(layer: MaxPool2d, _own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    windows = _windows(x, layer.size)
    first = windows.argmax(axis=3, keepdims=True)  # of equal values one gets the gradient
    return jnp.take_along_axis(windows, first, axis=3).squeeze(3), {}


def _average_pool(layer: AveragePool2d, _own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    return _windows(x, layer.size).mean(axis=3), {}


def _global_average(_layer: GlobalAveragePool, _own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    return x.mean(axis=(1, 2)), {}


def _flatten(_layer: Flatten, _own: Arrays, x: Array, _draws: Array | None) -> tuple[Array, Arrays]:
    return x.reshape(len(x), -1), {}


def _residual(layer: Residual, own: Arrays, x: Array, draws: Array | None) -> tuple[Array, Arrays]:
    projection, shortcut = layer.shortcut(x.shape[1:]), x
    if projection:
        shortcut, _ = LAYERS[type(projection)](projection, _within(own, SHORTCUT), x, None)
    y, moved = chain(layer.layers, own, x, draws)
    return shortcut + y, moved


def _within(values: Arrays, place: str) -> Arrays:
    return {key.removeprefix(f"{place}."): value for key, value in values.items() if key.startswith(f"{place}.")}


LAYERS: dict[type[Layer], Callable[[Any, Arrays, Array, Array | None], tuple[Array, Arrays]]] = {
    Linear: _linear,
    BatchNorm: _batch_norm,
    Activation: _activation,
    Dropout: _dropout,
    Conv2d: _convolution,
    MaxPool2d: _max_pool,
    AveragePool2d: _average_pool,
    GlobalAveragePool: _global_average,
    Flatten: _flatten,
    Residual: _residual,
}
"""The layer kinds: of the layer, its arrays by name, x (rows, …) and a key of draws, None in evaluation mode, each
makes its output, and which of its statistics move."""


def chain(layers: Sequence[Layer], values: Arrays, x: Array, draws: Array | None) -> tuple[Array, Arrays]:
    """Return what layers make of x, one after another, and which statistics move; ``values`` are named by position."""
    moved: Arrays = {}
    for index, layer in enumerate(layers):
        key = None if draws is None else jax.random.fold_in(draws, index)
        own = _within(values, str(index))
        x, statistics = entry_for(layer, LAYERS, "backend jax")(layer, own, x, key)
        moved |= {f"{index}.{name}": value for name, value in statistics.items()}
    return x, moved

"""The layer kinds of these backends: what builds each."""

from collections.abc import Callable, Sequence
from typing import Any

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
    chain_shapes,
    entry_for,
)
from harness_array.activations import ACTIVATIONS
from harness_array.channels import ChannelNormLayer
from harness_array.convolution import ConvolutionLayer
from harness_array.frozen import FrozenNormLayer, Identity
from harness_array.layers import BatchNormLayer, DropoutLayer, LinearLayer
from harness_array.maximum import MaxPoolLayer
from harness_array.pooling import AveragePoolLayer, FlattenLayer, GlobalAveragePoolLayer
from harness_array.residual import ResidualLayer
from harness_array.shared import Shared
from harness_array.site import ArrayLayer, Site


def _activation(layer: Activation, site: Site) -> ArrayLayer:
    kind, device = ACTIVATIONS[layer.name], site.device

    def made(rows: int) -> ArrayLayer:
        return kind(device, (rows, *site.input_shape), site.dtype)

    return made(site.rows) if device.crew.size == 1 else Shared(made, site)


def _batch_norm(layer: BatchNorm, site: Site) -> ArrayLayer:
    if site.frozen:
        return FrozenNormLayer(layer, site)
    kind = BatchNormLayer if len(site.input_shape) == 1 else ChannelNormLayer
    return kind(layer, site)


def _dropout(layer: Dropout, site: Site) -> ArrayLayer:
    return Identity() if site.frozen else DropoutLayer(layer, site)


def _residual(layer: Residual, site: Site) -> ArrayLayer:
    projection, place = layer.shortcut(site.input_shape), (*site.position, len(layer.layers))
    shortcut = _built(projection, site.within(SHORTCUT, place, site.input_shape)) if projection else None
    return ResidualLayer(build_chain(layer.layers, site), shortcut, layer.output_shape(site.input_shape), site)


LAYERS: dict[type[Layer], Callable[[Any, Site], ArrayLayer]] = {
    Linear: LinearLayer,
    BatchNorm: _batch_norm,
    Activation: _activation,
    Dropout: _dropout,
    Flatten: FlattenLayer,
    Conv2d: ConvolutionLayer,
    MaxPool2d: MaxPoolLayer,
    AveragePool2d: AveragePoolLayer,
    GlobalAveragePool: GlobalAveragePoolLayer,
    Residual: _residual,
}


def build_chain(layers: Sequence[Layer], site: Site) -> list[Any]:
    """Return the arithmetic of layers one after another; ``site`` has the arrays of them all.

    Raises:
        ValueError: a layer's kind is not among `LAYERS`.
    """
    shapes = chain_shapes(layers, site.input_shape)
    return [
        _built(layer, site.within(str(index), (*site.position, index), shape))
        for index, (layer, shape) in enumerate(zip(layers, shapes[:-1], strict=True))
    ]


def _built(layer: Layer, site: Site) -> ArrayLayer:
    return entry_for(layer, LAYERS, f"backend {site.device.xp.__name__}")(layer, site)

"""The layer kinds of these backends: what builds each."""

from collections.abc import Callable
from typing import Any

from harness.interfaces import Activation, BatchNorm, Dropout, Layer, Linear
from harness_array.activations import ACTIVATIONS
from harness_array.layers import BatchNormLayer, DropoutLayer, LinearLayer
from harness_array.site import ArrayLayer, Site


def _activation(layer: Activation, site: Site) -> ArrayLayer:
    return ACTIVATIONS[layer.name](site.device, (site.rows, *site.input_shape), site.dtype)


LAYERS: dict[type[Layer], Callable[[Any, Site], ArrayLayer]] = {
    Linear: LinearLayer,
    BatchNorm: BatchNormLayer,
    Activation: _activation,
    Dropout: DropoutLayer,
}

"""A small network of images that keeps the contract, and others that differ from it by one mistake each."""
# ruff: noqa: D102 - the class says what its method does wrong

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import harness
from harness.interfaces import INTERFACE_VERSION, Activation, Conv2d, Flatten, Linear
from harness.stepwise import StepwiseBackend, StepwiseNetwork


class Pictured(StepwiseNetwork):
    """Convolutions at a stride of 1, ReLU, Flatten and Linear; the gradient by differences, in float64."""

    def convolved(self, layer, weight, x):
        windows = sliding_window_view(self.padded(layer, x), (layer.kernel, layer.kernel), axis=(1, 2))
        return np.einsum("nijckl,klco->nijo", windows, weight)

    def padded(self, layer, x):
        return np.pad(x, ((0, 0), *[(layer.padding, layer.padding)] * 2, (0, 0)))

    def flattened(self, x):
        return x.reshape(len(x), -1)

    def logits(self, values, x):
        for index, layer in enumerate(self.spec.layers):
            own = {name: values.get(f"{index}.{name}", 0.0) for name in ("weight", "bias")}
            if isinstance(layer, Linear):
                x = x @ own["weight"] + own["bias"]
            elif isinstance(layer, Conv2d):
                x = self.convolved(layer, own["weight"], x) + own["bias"]
            elif isinstance(layer, Activation):
                x = np.maximum(x, 0)
            else:
                assert isinstance(layer, Flatten)
                x = self.flattened(x)
        return x

    def forward(self, x):
        return self.logits(self.values, x)

    def losses(self, values, x, y):
        logits = self.logits(values, x)
        logits = logits - logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(y)), y], (log_p.argmax(axis=1) == y).sum()

    def step(self, x, y, learning_rate):
        values = {key: value.astype(np.float64) for key, value in self.values.items()}
        x = x.astype(np.float64)
        reduce = np.mean if self.spec.gradient == "mean" else np.sum
        losses, right = self.losses(values, x, y)
        gradients = {}
        for block in self.spec.parameters():
            array, gradients[block.key] = values[block.key], np.empty(block.shape)
            for place in np.ndindex(block.shape):
                kept, moved = array[place], []
                for sign in (1, -1):
                    array[place] = kept + sign * 1e-6
                    moved.append(reduce(self.losses(values, x, y)[0]))
                array[place] = kept
                gradients[block.key][place] = (moved[0] - moved[1]) / 2e-6
        self.descend(gradients, learning_rate)
        return losses.mean(), right


class WrongPadding(Pictured):
    """All of the padding is on one side."""

    def padded(self, layer, x):
        return np.pad(x, ((0, 0), *[(0, 2 * layer.padding)] * 2, (0, 0)))


class ChannelsFirst(Pictured):
    """It flattens an image channel by channel."""

    def flattened(self, x):
        return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


class AppliesWeightsTwice(Pictured):
    """A convolution that keeps its input's shape is applied to its own output again."""

    def convolved(self, layer, weight, x):
        y = super().convolved(layer, weight, x)
        return super().convolved(layer, weight, y) if y.shape == x.shape else y


class TurnsKernels(Pictured):
    """A convolution in the sense of mathematics, not a cross-correlation."""

    def convolved(self, layer, weight, x):
        return super().convolved(layer, weight[::-1, ::-1], x)


NETWORKS = {
    "pictured": Pictured,
    "wrong_padding": WrongPadding,
    "channels_first": ChannelsFirst,
    "applies_weights_twice": AppliesWeightsTwice,
    "turns_kernels": TurnsKernels,
}


class Backend(StepwiseBackend):
    """Builds one of them."""

    interface = INTERFACE_VERSION
    layers = (Linear, Activation, Flatten, Conv2d)

    def __init__(self, name):
        self.network = NETWORKS[name]

    def unsupported(self, spec, optimizer):  # noqa: ARG002 - the contract's
        keys = []
        if any(isinstance(layer, Activation) and layer.name != "relu" for layer in spec.layers):
            keys.append("activation")
        if any(isinstance(layer, Conv2d) and layer.stride > 1 for layer in spec.layers):
            keys.append("model")
        return keys


@harness.hookimpl
def register_backends(register):
    for name in NETWORKS:
        register(name, lambda name=name: Backend(name))

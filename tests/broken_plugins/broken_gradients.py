"""Networks whose input gradient differs from the contract's by one mistake each."""
# ruff: noqa: D102 - the class says what its method does wrong

from dataclasses import replace

import numpy as np

import harness
from harness_array.backends import NumpyBackend
from harness_array.network import ArrayNetwork


class Sound(ArrayNetwork):
    """As the contract says."""


class MissesScale(ArrayNetwork):
    """Its pixels are in 0 … 255."""

    def input_gradient(self, images, labels):
        return super().input_gradient(images, labels) / np.float32(255)


class MeanOfRows(ArrayNetwork):
    """It differentiates a batch's mean."""

    def input_gradient(self, images, labels):
        return super().input_gradient(images, labels) / np.float32(len(images))


class BatchStatistics(ArrayNetwork):
    """Batch norm has statistics other than the running ones, as in training mode."""

    def input_gradient(self, images, labels):
        kept = self._site
        buffers = {key: np.full_like(value, "var" in key) for key, value in kept.buffers.items()}
        self._site, self._frozen = replace(kept, buffers=buffers), None
        gradient = super().input_gradient(images, labels)
        self._site = kept
        return gradient


class DropsUnits(ArrayNetwork):
    """Dropout stays on: a part of the gradient is missing, and the rest is scaled up."""

    def input_gradient(self, images, labels):
        gradient = super().input_gradient(images, labels)
        rates = [layer.rate for layer in self._spec.layers if hasattr(layer, "rate")]
        keep = 1 - max(rates, default=0.0)
        return (gradient * (np.random.default_rng(0).random(gradient.shape) < keep) / keep).astype(images.dtype)


class Descends(ArrayNetwork):
    """It returns the gradient of the log-probability, not of the loss."""

    def input_gradient(self, images, labels):
        return -super().input_gradient(images, labels)


class MovesStatistics(ArrayNetwork):
    """It moves the running statistics."""

    def input_gradient(self, images, labels):
        for value in self._running.values():
            np.add(value, 0.1, out=value)
        return super().input_gradient(images, labels)


NETWORKS = {
    "sound": Sound,
    "misses_scale": MissesScale,
    "mean_of_rows": MeanOfRows,
    "batch_statistics": BatchStatistics,
    "drops_units": DropsUnits,
    "descends": Descends,
    "moves_statistics": MovesStatistics,
}


class Backend(NumpyBackend):
    """Builds one of them."""

    def __init__(self, name):
        self._network = NETWORKS[name]

    def build(self, spec, initial, optimizer, context):
        from harness_array.devices import Host

        return self._network(Host(), spec, initial, optimizer, context)


@harness.hookimpl
def register_backends(register):
    for name in NETWORKS:
        register(name, lambda name=name: Backend(name))

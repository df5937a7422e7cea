"""Layers of images: each step from the reference's state, in networks of every kind that a backend has."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import require_close
from harness.conformance.recipes import Recipe
from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool2d,
    Residual,
    chain_shapes,
)

_NETWORKS: dict[str, Callable[[Layer], list[Layer]]] = {
    "convolution": lambda activation: [Conv2d(1, 3, 3), activation, Conv2d(3, 2, 2), activation],
    "padding": lambda activation: [Conv2d(1, 3, 3, padding=1), activation, Conv2d(3, 3, 3, padding=1), activation],
    "stride": lambda activation: [Conv2d(1, 3, 3, stride=2, padding=1), activation, Conv2d(3, 2, 2, stride=2)],
    "no-bias": lambda activation: [Conv2d(1, 3, 2, bias=False), activation, Conv2d(3, 2, 1, bias=False), activation],
    "max-pool": lambda activation: [Conv2d(1, 3, 3, padding=1), activation, MaxPool2d(2)],
    "average-pool": lambda activation: [Conv2d(1, 3, 3, padding=1), activation, AveragePool2d(2)],
    "global-average": lambda activation: [Conv2d(1, 6, 3), activation, GlobalAveragePool()],
    "batch-norm": lambda activation: [Conv2d(1, 3, 3), BatchNorm(3), activation],
    "residual": lambda activation: [
        Conv2d(1, 3, 3, padding=1),
        Residual((Conv2d(3, 3, 3, padding=1), activation, Conv2d(3, 3, 1))),
        activation,
    ],
    "projection": lambda activation: [
        Conv2d(1, 3, 2),
        Residual((activation, Conv2d(3, 4, 3, stride=2, padding=1))),
        activation,
    ],
    "residual-batch-norm": lambda activation: [
        Conv2d(1, 3, 3, padding=1, bias=False),
        Residual((Conv2d(3, 4, 3, padding=1, bias=False), BatchNorm(4), activation)),
        activation,
    ],
}
"""What is before `Flatten`, where the image is not a vector yet, and the output layer."""


class Images(BackendTests):
    """`Network` with layers of images; networks with a layer kind that the backend does not have are skipped."""

    @pytest.fixture
    def pictured(self, request: pytest.FixtureRequest, bench: Bench) -> Recipe:
        """Return a recipe with such a network."""
        classes = len(bench.data.class_names)
        activation = Activation(bench.plain.keys["activation"])
        layers = _NETWORKS[request.param](activation)
        shape = chain_shapes(layers, (*bench.data.features.shape[1:3], 1))[-1]
        if len(shape) == 3:
            layers.append(Flatten())
        layers.append(Linear(int(np.prod(shape)), classes))
        return bench.supported(replace(bench.plain, layers=tuple(layers)))

    @pytest.mark.parametrize("pictured", _NETWORKS, indirect=True)
    def test_trains_networks_of_images_as_the_reference(self, bench: Bench, pictured: Recipe) -> None:
        """Layers see images (rows, height, width, channels): their arithmetic is that of harness.interfaces."""
        kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in pictured.layers or ()))
        clause = f"Layer: the arithmetic of {kinds}, images with their channels last, weights once in each pass"
        bench.check_steps(pictured, bench.batches(3), clause)

    @pytest.mark.parametrize("pictured", _NETWORKS, indirect=True)
    def test_predicts_networks_of_images_as_the_reference(self, bench: Bench, pictured: Recipe) -> None:
        """Network.predict gives the reference's log-probabilities of images."""
        state = bench.trained(pictured)
        network, reference = bench.build(pictured), bench.reference(pictured)
        for each in (network, reference):
            each.load(state)
        rows = bench.batches(1)[0]
        clause = "Network.predict with layers of images, in evaluation mode"
        wanted = reference.predict(rows)
        require_close(network.predict(rows), wanted, 1e-4, clause, "the reference's log-probability of")

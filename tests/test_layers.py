"""Layers know themselves: shapes, arrays, starts, products; and a network's are those of its layers, by position."""
# ruff: noqa: D102 - the contract says what a layer's methods return

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest

from harness import interfaces
from harness.interfaces import (
    LAYERS_OF_INTERFACE_1,
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
    entry_for,
    kinds_of,
    unsupported_layers,
)
from harness.seeding import generator, initial_state
from tests.networks import mlp

LAYERS = {
    # layer: input shape, output shape, parameters, weights, buffers, products of 8 rows
    Linear(4, 3): ((4,), (3,), {"weight": (4, 3), "bias": (3,)}, {"weight"}, {}, [(8, 4, 3)]),
    BatchNorm(5): (
        (5,), (5,), {"weight": (5,), "bias": (5,)}, set(), {"running_mean": (5,), "running_var": (5,)}, [],
    ),
    Activation("gelu"): ((2, 3), (2, 3), {}, set(), {}, []),
    Dropout(0.5): ((7,), (7,), {}, set(), {}, []),
    Flatten(): ((3, 4, 2), (24,), {}, set(), {}, []),
    Conv2d(2, 5, kernel=3): (
        (6, 4, 2), (4, 2, 5), {"weight": (3, 3, 2, 5), "bias": (5,)}, {"weight"}, {}, [(64, 18, 5)],
    ),
    Conv2d(2, 5, kernel=3, stride=2, padding=1, bias=False): (
        (7, 6, 2), (4, 3, 5), {"weight": (3, 3, 2, 5)}, {"weight"}, {}, [(96, 18, 5)],
    ),
    BatchNorm(2): (
        (3, 4, 2), (3, 4, 2), {"weight": (2,), "bias": (2,)}, set(), {"running_mean": (2,), "running_var": (2,)}, [],
    ),
    MaxPool2d(2): ((5, 4, 3), (2, 2, 3), {}, set(), {}, []),
    AveragePool2d(3): ((9, 5, 3), (3, 1, 3), {}, set(), {}, []),
    GlobalAveragePool(): ((9, 5, 3), (3,), {}, set(), {}, []),
    Residual((Linear(4, 4), Activation("relu"))): (
        (4,), (4,), {"0.weight": (4, 4), "0.bias": (4,)}, {"0.weight", "shortcut.weight"}, {}, [(8, 4, 4)],
    ),
    Residual((Linear(4, 3),)): (
        (4,), (3,),
        {"0.weight": (4, 3), "0.bias": (3,), "shortcut.weight": (4, 3), "shortcut.bias": (3,)},
        {"0.weight", "shortcut.weight"}, {}, [(8, 4, 3), (8, 4, 3)],
    ),
    Residual((Conv2d(2, 3, kernel=3, stride=2, padding=1, bias=False), BatchNorm(3))): (
        (5, 4, 2), (3, 2, 3),
        {"0.weight": (3, 3, 2, 3), "1.weight": (3,), "1.bias": (3,), "shortcut.weight": (1, 1, 2, 3)},
        {"0.weight", "shortcut.weight"},
        {"1.running_mean": (3,), "1.running_var": (3,)}, [(48, 18, 3), (48, 2, 3)],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Twice(Layer):
    """Layers, applied to their own output again: their arrays are learned once, under names with dots."""

    layers: tuple[Layer, ...]

    def _inputs(self, input_shape):
        shapes = [input_shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes[:-1]

    def _named(self, layers):
        return {f"{index}.{name}": value for index, own in enumerate(layers) for name, value in own.items()}

    def parameters(self, input_shape):
        shapes = self._inputs(input_shape)
        return self._named(layer.parameters(shape) for layer, shape in zip(self.layers, shapes, strict=True))

    def weights(self):
        return frozenset(f"{index}.{name}" for index, layer in enumerate(self.layers) for name in layer.weights())

    def buffers(self, input_shape):
        shapes = self._inputs(input_shape)
        return self._named(layer.buffers(shape) for layer, shape in zip(self.layers, shapes, strict=True))

    def initial(self, input_shape, rng):
        shapes = self._inputs(input_shape)
        return self._named(layer.initial(shape, rng) for layer, shape in zip(self.layers, shapes, strict=True))

    def inner(self):
        return self.layers


NESTED = NetworkSpec((2, 3), 4, (Linear(6, 5), Twice((Linear(5, 5), BatchNorm(5))), Linear(5, 4)), batch_size=8)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_knows_its_shapes_and_arrays(layer):
    """Arrays start float32, in the shapes that they are declared with, and none is left out."""
    shape, returned, parameters, weights, buffers, products = LAYERS[layer]
    assert layer.output_shape(shape) == returned
    assert layer.parameters(shape) == parameters
    assert layer.weights() == weights
    assert layer.buffers(shape) == buffers
    assert layer.products(8, shape) == products
    start = layer.initial(shape, np.random.default_rng(0))
    assert {name: value.shape for name, value in start.items()} == parameters | buffers
    assert all(value.dtype == np.float32 for value in start.values())


def test_every_layer_kind_is_in_the_table():
    public = {kind for kind in vars(interfaces).values() if isinstance(kind, type) and issubclass(kind, Layer)}
    assert {type(layer) for layer in LAYERS} == public - {Layer}
    assert set(LAYERS_OF_INTERFACE_1) == {Linear, BatchNorm, Activation, Dropout}


def test_initial_values_are_those_of_he_and_of_batch_norm():
    """Weights N(0, 2 / fan_in), biases and shifts 0, scales and variances 1."""
    state = initial_state(mlp([400, 300, 10], batch_norm=True), seed=3)
    weight = state["0.weight"]
    assert abs(weight.mean()) < 4 * np.sqrt(2 / 400 / weight.size)
    assert weight.var() == pytest.approx(2 / 400, rel=0.02)
    for key, value in {"0.bias": 0, "1.weight": 1, "1.bias": 0, "1.running_mean": 0, "1.running_var": 1}.items():
        assert (state[key] == value).all(), key


def test_initial_values_of_digits_with_seed_42_stay_as_they_are():
    """To the last bit, those of version 0.1: rows of old runs are compared with those of new ones."""
    state = initial_state(mlp([64, 400, 240, 10], batch_norm=True, activation="silu", dropout=0.3), seed=42)
    content = b"".join(key.encode() + state[key].tobytes() for key in sorted(state))
    assert sha256(content).hexdigest() == "07cc1599bd4c2e4df259ac124f9e6662b07392d17ce69842c4af7b57d52821c0"


def test_a_layer_within_a_layer_has_keys_with_dots():
    """Blocks of the parameter vector, buffers and initial values of nested layers, in the order of the layers."""
    blocks = NESTED.parameters()
    assert [(block.key, block.shape, block.is_weight) for block in blocks[2:6]] == [
        ("1.0.weight", (5, 5), True),
        ("1.0.bias", (5,), False),
        ("1.1.weight", (5,), False),
        ("1.1.bias", (5,), False),
    ]
    assert [block.start for block in blocks[1:]] == [block.stop for block in blocks[:-1]]
    assert NESTED.parameter_count() == 6 * 5 + 5 + 5 * 5 + 3 * 5 + 5 * 4 + 4
    assert NESTED.buffers() == {"1.1.running_mean": (5,), "1.1.running_var": (5,)}
    state = initial_state(NESTED, seed=1)
    assert {key: value.shape for key, value in state.items()} == (
        {block.key: block.shape for block in blocks} | NESTED.buffers()
    )
    drawn = generator(1, "initial weights", 1).standard_normal((5, 5)) * np.sqrt(2 / 5)
    assert np.array_equal(state["1.0.weight"], drawn.astype(np.float32))


def test_shapes_go_from_the_pixels_to_the_classes():
    assert NESTED.shapes() == ((6,), (5,), (5,), (4,))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Linear(7, 4),), r"layer 0: Linear\(inputs=7, outputs=4\): takes rows of shape \(7,\), not \(6,\)"),
        ((Linear(6, 4), BatchNorm(5)), r"layer 1: BatchNorm\(features=5, .*\): takes rows of shape \(5,\), not \(4,\)"),
    ],
)
def test_a_layer_that_does_not_fit_is_named_with_its_position(layers, message):
    spec = NetworkSpec((2, 3), 4, layers, batch_size=8)
    for ask in (spec.parameters, lambda: initial_state(spec, 0)):
        with pytest.raises(ValueError, match=message):
            ask()


def test_kinds_are_those_of_nested_layers_too():
    assert kinds_of(NESTED.layers) == [Linear, Twice, BatchNorm]
    assert unsupported_layers(NESTED.layers, [Linear, Twice], "backend mine") == (
        "layer 'BatchNorm' is not supported by backend mine: it has Linear, Twice"
    )


def test_layers_that_a_plugin_lacks_are_named_in_one_line():
    layers = (Linear(4, 3), BatchNorm(3), Activation("relu"), Dropout(0.5))
    assert unsupported_layers(layers, LAYERS_OF_INTERFACE_1, "backend mine") is None
    assert unsupported_layers(layers, [Linear], "backend mine") == (
        "layers 'BatchNorm', 'Activation' and 'Dropout' are not supported by backend mine: it has Linear"
    )
    assert unsupported_layers(layers[:1], [], "backend mine") == (
        "layer 'Linear' is not supported by backend mine: it has none"
    )


def test_a_table_has_no_entry_for_a_layer_that_only_inherits_a_kind():
    """What a subclass does differently, a builder of its base class would leave out."""

    class Scaled(Linear):
        pass

    assert entry_for(Linear(4, 3), {Linear: "built"}, "backend mine") == "built"
    with pytest.raises(ValueError, match="layer 'Scaled' is not supported by backend mine: it has Linear"):
        entry_for(Scaled(4, 3), {Linear: "built"}, "backend mine")

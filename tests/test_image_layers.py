"""Layers of images refuse what they cannot take, each in one line; a network sees images with their channels last."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
    kinds_of,
)
from harness.seeding import initial_state

REFUSED = [
    (Conv2d(1, 2, kernel=5), (4, 9, 1), "5 × 5 is larger than its input, 4 × 9"),
    (Conv2d(1, 2, kernel=5, padding=1), (2, 9, 1), "5 × 5 is larger than its input, 2 × 9 with padding 1"),
    (Conv2d(3, 2, kernel=1), (4, 4, 1), r"takes images of 3 channels, not 1 \(\(4, 4, 1\)\)"),
    (Conv2d(1, 2, kernel=1), (16,), r"takes images \(height, width, channels\), not rows of shape \(16,\)"),
    (MaxPool2d(3), (2, 8, 1), r"MaxPool2d\(size=3\): 3 × 3 is larger than its input, 2 × 8"),
    (AveragePool2d(9), (8, 8, 4), r"AveragePool2d\(size=9\): 9 × 9 is larger than its input, 8 × 8"),
    (GlobalAveragePool(), (8,), r"GlobalAveragePool\(\): takes images"),
    (MaxPool2d(1), (4,), "takes images"),
    (BatchNorm(3), (4, 4, 2), r"takes rows of shape \(3,\), not \(4, 4, 2\)"),
    (Linear(32, 5), (4, 4, 2), r"takes rows of shape \(32,\), not \(4, 4, 2\) \(Flatten makes one of an image\)"),
    (
        Residual((Linear(4, 3), Linear(4, 3))),
        (4,),
        r"Residual: layer 1: Linear.*: takes rows of .*, not \(3,\)",
    ),
    (
        Residual((Conv2d(2, 2, kernel=3),)),
        (8, 8, 2),
        r"Residual: no shortcut leads from its input \(8, 8, 2\) to the shape of its layers' output \(6, 6, 2\)",
    ),
    (Residual((Flatten(),)), (2, 2, 1), "Residual: no shortcut leads from its input"),
]
NO_LAYER = [
    (lambda: Conv2d(1, 2, kernel=0), "inputs, outputs, kernel and stride must be 1 at least, padding 0"),
    (lambda: Conv2d(1, 2, kernel=3, stride=0), "must be 1 at least"),
    (lambda: Conv2d(1, 2, kernel=3, padding=-1), "must be 1 at least, padding 0"),
    (lambda: Conv2d(1, 2, kernel=3, padding=3), "padding must be less than the kernel's 3"),
    (lambda: MaxPool2d(0), r"MaxPool2d\(size=0\): size must be 1 at least"),
    (lambda: Residual(()), "Residual: needs at least one layer"),
]


@pytest.mark.parametrize(("layer", "shape", "message"), REFUSED, ids=str)
def test_a_layer_refuses_what_it_cannot_take(layer, shape, message):
    with pytest.raises(ValueError, match=message) as error:
        layer.output_shape(shape)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("make", "message"), NO_LAYER)
def test_numbers_that_describe_no_layer_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3)),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 4),
)
@settings(max_examples=100)
def test_a_convolution_has_as_many_patches_as_fit(shape, kernel, stride, padding):
    """Counted one by one."""
    if padding >= kernel:
        return
    layer = Conv2d(shape[-1], 2, kernel, stride, padding)
    counts = [len(range(0, size + 2 * padding - kernel + 1, stride)) for size in shape[:2]]
    if min(counts) == 0:
        with pytest.raises(ValueError, match="is larger than its input"):
            layer.output_shape(shape)
    else:
        assert layer.output_shape(shape) == (*counts, 2)


@given(sides=st.tuples(st.integers(1, 20), st.integers(1, 20)), stride=st.integers(1, 3))
@settings(max_examples=50)
def test_a_shortcut_has_the_stride_that_its_layers_have(sides, stride):
    """A 3 × 3 convolution with padding 1 and any stride has a 1 × 1 convolution beside it."""
    block = Residual((Conv2d(2, 3, kernel=3, stride=stride, padding=1),))
    shape = block.output_shape((*sides, 2))
    assert block.shortcut((*sides, 2)).output_shape((*sides, 2)) == shape


@pytest.mark.parametrize(
    ("input_shape", "first", "row_shape"),
    [
        ((4, 6), Flatten(), (4, 6, 1)),
        ((4, 6, 3), Flatten(), (4, 6, 3)),
        ((4, 6), Linear(24, 2), (24,)),
        ((4, 6, 3), Linear(72, 2), (72,)),
        ((7,), Dropout(0.5), (7,)),
    ],
)
def test_layers_see_images_with_their_channels_last_and_a_first_linear_a_vector(input_shape, first, row_shape):
    spec = NetworkSpec(input_shape, 2, (first,), batch_size=8)
    assert spec.row_shape == spec.shapes()[0] == row_shape


def test_initial_values_of_a_convolution_are_those_of_he():
    """Weights N(0, 2 / (kernel² · inputs)), in a residual too; biases 0."""
    layers = (Conv2d(8, 64, kernel=5), Residual((Conv2d(64, 64, kernel=3, padding=1),)), GlobalAveragePool())
    state = initial_state(NetworkSpec((9, 9, 8), 64, layers, batch_size=8), seed=3)
    for key, fan_in in {"0.weight": 200, "1.0.weight": 576}.items():
        assert state[key].var() == pytest.approx(2 / fan_in, rel=0.03)
        assert abs(state[key].mean()) < 4 * np.sqrt(2 / fan_in / state[key].size)
    assert not state["0.bias"].any()


def test_a_batch_norm_within_a_residual_needs_two_rows():
    """The smallest batch is that of every kind within."""
    layers = (Residual((Linear(4, 4), BatchNorm(4), Activation("tanh"))),)
    assert max(kind.smallest_batch for kind in kinds_of(layers)) == 2
